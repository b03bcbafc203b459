/* One path's loop: waits for its port, turns its pulse, reports to Python. adr/0023. */
#ifndef BMCHA_ENGINE_H
#define BMCHA_ENGINE_H

#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "bmcha_port.h"
#include "bmcha_pulse.h"
#include "bmcha_reports.h"

#define BMCHA_FRAMES_AT_ONCE 16u

_Static_assert(BMCHA_BATCH_MAX <= BMCHA_FRAMES_AT_ONCE, "a batch of datagrams is sifted at once");
_Static_assert(BMCHA_BATCH_MAX * (BMCHA_PATH_BODY_BYTES_MAX + 64u) + 1024u <= BMCHA_REPORTS_ROOM,
               "what one read brings can be reported");

/* Behind the last heartbeat's report in a summary comes this, and then the heartbeat's body. */
struct bmcha_summary {
    struct bmcha_counts counts;
    uint64_t bad_counts[BMCHA_BAD_COUNTS];
    uint64_t noise_bytes;
    int64_t rtt_us;
    int64_t twin_heard_ns;
    int64_t unproven_ns;
    uint32_t twin_boot_id;
    uint32_t twin_epoch;
    uint32_t foreign_chassis_id;
    uint32_t openings; /* the engine's, at this time */
    uint8_t twin_role;
    uint8_t has_twin;
    uint8_t has_foreign;
    uint8_t is_working; /* since the last opening it took or brought bytes */
    uint8_t reserved[4];
};

enum bmcha_stage { BMCHA_STAGE_READ, BMCHA_STAGE_WRITE };

struct bmcha_engine {
    struct bmcha_pulse pulse;
    struct bmcha_sieve sieve;
    struct bmcha_reports reports;
    struct bmcha_port *port;
    int32_t wake_fd;   /* ends a wait; from any thread; its own */
    int32_t report_fd; /* one for all paths: there is something to take */
    int32_t priority;  /* of SCHED_FIFO while it runs; 0: none */
    int32_t priority_refused; /* errno */
    int former_policy;        /* given back at the end */
    struct sched_param former;
    _Atomic uint32_t is_stopped;

    uint32_t turns;    /* since the start */
    uint32_t openings; /* set by who opens the port, while it does not run */
    uint8_t is_working;
    uint8_t has_heard_sound; /* a whole frame since the last opening */
    uint8_t stage;           /* enum bmcha_stage, in which the port broke */
    uint8_t has_news;        /* reported in this turn */
    uint8_t is_noisy;        /* something in this turn was no frame for this path */

    /* a stream, between two reads */
    uint8_t is_overlong;
    uint32_t held_size;
    uint8_t held[BMCHA_PATH_STUFFED_BYTES_MAX + BMCHA_READ_BYTES_MAX];
    uint8_t plain[BMCHA_PATH_STUFFED_BYTES_MAX + BMCHA_READ_BYTES_MAX];

    struct bmcha_frame frames[BMCHA_FRAMES_AT_ONCE];
    uint32_t sizes[BMCHA_BATCH_MAX];
    uint8_t output[BMCHA_PATH_STUFFED_BYTES_MAX];
    uint8_t input[BMCHA_INPUT_BYTES];
};

/* Zeroed, but for its counter; of its memory only what is used becomes resident. NULL: no memory or
 * no descriptor is left. */
struct bmcha_engine *bmcha_engine_new(void);
void bmcha_engine_free(struct bmcha_engine *engine);

/* Turns, once at least, until the clock has passed `until_ns`, it is stopped, or the port breaks:
 * then a negated errno, and `stage` says at what. With a port that is not open it neither reads nor
 * sends, but judges silence and reports all the same. Takes its priority, and gives it back. */
int bmcha_engine_run(struct bmcha_engine *engine, int64_t until_ns);

/* From any thread. */
void bmcha_engine_stop(struct bmcha_engine *engine);
void bmcha_engine_wake(const struct bmcha_engine *engine);
void bmcha_engine_order_watch(struct bmcha_engine *engine, int64_t silent_after_ns,
                              int64_t armed_ns);

/* What a turn is made of, for tests and fuzzers: report that the watch has run out, as of a time
 * before the last read, and report the summary if it is due; 1: done. And hear what one read
 * brought: a stream in pieces as they come, datagrams one behind the other with their sizes. */
int bmcha_engine_judge(struct bmcha_engine *engine, int64_t looked_ns);
int bmcha_engine_summarise(struct bmcha_engine *engine, int64_t now_ns);
void bmcha_engine_hear_stream(struct bmcha_engine *engine, const uint8_t *data, size_t data_size,
                              int64_t heard_ns);
void bmcha_engine_hear_datagrams(struct bmcha_engine *engine, const uint8_t *data, size_t data_size,
                                 const uint32_t *sizes, size_t count, int64_t heard_ns);

#endif
