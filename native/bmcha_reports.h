/* What the engine of one path says to Python: a ring with one writer and one reader, neither of
 * whom ever waits for the other. */
#ifndef BMCHA_REPORTS_H
#define BMCHA_REPORTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* A power of two, and more than twice what one read can bring. */
#define BMCHA_REPORTS_BYTES 65536u
#define BMCHA_REPORTS_ROOM 18432u

enum bmcha_report_kind {
    BMCHA_REPORT_NOTHING, /* fills the end of the ring; not handed out */
    BMCHA_REPORT_BEAT,
    BMCHA_REPORT_MESSAGE,
    BMCHA_REPORT_OVERDUE,
    BMCHA_REPORT_SUMMARY
};

/* Forty bytes, and behind it `body_size` bytes; the next one begins `size` bytes after this one. */
struct bmcha_report {
    uint32_t size;
    uint16_t kind;
    uint16_t body_size;
    int64_t heard_ns;
    uint32_t beats_in_row;
    uint32_t chassis_id;
    uint32_t boot_id;
    uint32_t epoch;
    uint32_t sequence;
    uint8_t type;
    uint8_t key_id;
    uint8_t source_slot;
    uint8_t target_slot;
};

struct bmcha_reports {
    _Atomic uint32_t written; /* bytes since the start, modulo 2^32 */
    _Atomic uint32_t read;
    uint8_t bytes[BMCHA_REPORTS_BYTES];
};

/* 1: BMCHA_REPORTS_ROOM bytes can be put, in whatever pieces. */
int bmcha_reports_have_room(struct bmcha_reports *reports);

/* By the writer. `report` without its sizes; the body in two pieces. 0: no room, nothing done. A
 * ring that is empty is begun anew from its start where that leaves the room, so that most of its
 * memory is never touched. */
int bmcha_reports_put(struct bmcha_reports *reports, struct bmcha_report report, const void *first,
                      size_t first_size, const void *second, size_t second_size);

/* By the reader: whole reports, oldest first, as many as fit; the bytes put out. */
size_t bmcha_reports_take(struct bmcha_reports *reports, uint8_t *out, size_t out_size);

#endif
