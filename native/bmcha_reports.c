#include "bmcha_reports.h"

#include <string.h>

#define ALIGNMENT 8u

_Static_assert(sizeof(struct bmcha_report) == 40, "Python unpacks it as 40 bytes");
_Static_assert(BMCHA_REPORTS_BYTES >= 2 * BMCHA_REPORTS_ROOM, "room and a gap");
_Static_assert((BMCHA_REPORTS_BYTES & (BMCHA_REPORTS_BYTES - 1)) == 0, "counters may wrap");

static uint32_t padded(size_t body_size)
{
    return (uint32_t)((sizeof(struct bmcha_report) + body_size + ALIGNMENT - 1) / ALIGNMENT *
                      ALIGNMENT);
}

/* The bytes to the ring's end that are left out before a report of this size. */
static uint32_t gap_before(uint32_t written, uint32_t read, uint32_t size)
{
    uint32_t at = written % BMCHA_REPORTS_BYTES;
    uint32_t to_end = BMCHA_REPORTS_BYTES - at;

    return size > to_end || (written == read && at >= BMCHA_REPORTS_ROOM) ? to_end : 0;
}

int bmcha_reports_have_room(struct bmcha_reports *reports)
{
    uint32_t written = atomic_load_explicit(&reports->written, memory_order_relaxed);
    uint32_t read = atomic_load_explicit(&reports->read, memory_order_acquire);

    return written - read + gap_before(written, read, BMCHA_REPORTS_ROOM) + BMCHA_REPORTS_ROOM <=
           BMCHA_REPORTS_BYTES;
}

int bmcha_reports_put(struct bmcha_reports *reports, struct bmcha_report report, const void *first,
                      size_t first_size, const void *second, size_t second_size)
{
    uint32_t written = atomic_load_explicit(&reports->written, memory_order_relaxed);
    uint32_t read = atomic_load_explicit(&reports->read, memory_order_acquire);
    uint32_t at = written % BMCHA_REPORTS_BYTES;
    size_t body_size = first_size + second_size;
    uint32_t size = padded(body_size);
    uint32_t gap = gap_before(written, read, size);

    if (body_size > UINT16_MAX || written - read + gap + size > BMCHA_REPORTS_BYTES)
        return 0;
    if (gap) {
        /* There are eight bytes to say so: every size is a multiple of that. */
        struct bmcha_report filler = {.size = gap, .kind = BMCHA_REPORT_NOTHING};
        memcpy(reports->bytes + at, &filler, ALIGNMENT);
        at = 0;
    }
    report.size = size;
    report.body_size = (uint16_t)body_size;
    memcpy(reports->bytes + at, &report, sizeof report);
    if (first_size)
        memcpy(reports->bytes + at + sizeof report, first, first_size);
    if (second_size)
        memcpy(reports->bytes + at + sizeof report + first_size, second, second_size);
    atomic_store_explicit(&reports->written, written + gap + size, memory_order_release);
    return 1;
}

size_t bmcha_reports_take(struct bmcha_reports *reports, uint8_t *out, size_t out_size)
{
    uint32_t read = atomic_load_explicit(&reports->read, memory_order_relaxed);
    uint32_t written = atomic_load_explicit(&reports->written, memory_order_acquire);
    size_t filled = 0;

    while (read != written) {
        const uint8_t *from = reports->bytes + read % BMCHA_REPORTS_BYTES;
        uint32_t size;
        uint16_t kind;
        memcpy(&size, from + offsetof(struct bmcha_report, size), sizeof size);
        memcpy(&kind, from + offsetof(struct bmcha_report, kind), sizeof kind);
        if (kind != BMCHA_REPORT_NOTHING) {
            if (size > out_size - filled)
                break;
            memcpy(out + filled, from, size);
            filled += size;
        }
        read += size;
    }
    atomic_store_explicit(&reports->read, read, memory_order_release);
    return filled;
}
