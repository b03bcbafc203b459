/* What one path heard, and what Python is told of it: bytes to frames to reports. */
#include <string.h>

#include "bmcha_engine.h"

/* ---- reports ---- */

static struct bmcha_report head_of(const struct bmcha_frame *frame, enum bmcha_report_kind kind,
                                   int64_t heard_ns)
{
    struct bmcha_report report = {0, (uint16_t)kind, 0, heard_ns, 0, frame->chassis_id,
                                  frame->boot_id, frame->epoch, frame->sequence, frame->type,
                                  frame->key_id, frame->source_slot, frame->target_slot};

    return report;
}

static void report_frame(struct bmcha_engine *engine, enum bmcha_report_kind kind,
                         const struct bmcha_frame *frame, const uint8_t *body, int64_t heard_ns)
{
    struct bmcha_report report = head_of(frame, kind, heard_ns);

    report.beats_in_row = engine->pulse.beats_in_row;
    (void)bmcha_reports_put(&engine->reports, report, body, frame->body_length, NULL, 0);
    engine->has_news = 1;
}

static void report_overdue(struct bmcha_engine *engine)
{
    struct bmcha_report report;

    memset(&report, 0, sizeof report);
    report.kind = BMCHA_REPORT_OVERDUE;
    if (engine->port) /* it may be another module, with another address */
        bmcha_port_unlearn(engine->port);
    report.heard_ns = engine->pulse.last_heard_ns;
    (void)bmcha_reports_put(&engine->reports, report, NULL, 0, NULL, 0);
    engine->has_news = 1;
}

static void report_summary(struct bmcha_engine *engine)
{
    const struct bmcha_pulse *pulse = &engine->pulse;
    struct bmcha_report report =
        head_of(&pulse->last_frame, BMCHA_REPORT_SUMMARY, pulse->last_heard_ns);
    struct bmcha_summary summary;

    memset(&summary, 0, sizeof summary);
    summary.counts = pulse->counts;
    memcpy(summary.bad_counts, engine->sieve.bad_counts, sizeof summary.bad_counts);
    summary.noise_bytes = engine->sieve.noise_bytes;
    summary.rtt_us = pulse->rtt_us;
    summary.twin_heard_ns = pulse->twin.heard_ns;
    summary.unproven_ns = pulse->unproven_ns;
    summary.twin_boot_id = pulse->twin.boot_id;
    summary.twin_epoch = pulse->twin.epoch;
    summary.twin_role = pulse->twin.role;
    summary.has_twin = pulse->twin.is_known;
    summary.has_foreign = engine->sieve.has_foreign;
    summary.foreign_chassis_id = engine->sieve.foreign_chassis_id;
    summary.openings = engine->openings;
    summary.is_working = engine->is_working;
    if (bmcha_reports_put(&engine->reports, report, &summary, sizeof summary, pulse->last_body,
                          pulse->last_body_size))
        engine->has_news = 1;
}

int bmcha_engine_judge(struct bmcha_engine *engine, int64_t looked_ns)
{
    int is_overdue = bmcha_pulse_judge(&engine->pulse, looked_ns);

    if (is_overdue)
        report_overdue(engine);
    return is_overdue;
}

int bmcha_engine_summarise(struct bmcha_engine *engine, int64_t now_ns)
{
    int is_due = bmcha_pulse_summary(&engine->pulse, now_ns, engine->sieve.bad_counts);

    if (is_due)
        report_summary(engine);
    return is_due;
}

/* ---- what came ---- */

/* 1: it was believed, and the peer's. */
static int hear_frame(struct bmcha_engine *engine, const struct bmcha_frame *frame,
                      const uint8_t *bodies, int64_t heard_ns)
{
    const uint8_t *body = bodies + frame->body_offset;
    uint64_t rx = engine->pulse.counts.rx;
    enum bmcha_heard heard = bmcha_pulse_hear(&engine->pulse, frame, body, heard_ns,
                                              engine->sieve.bad_counts);

    engine->has_heard_sound = 1;
    if (heard == BMCHA_HEARD_BEAT)
        report_frame(engine, BMCHA_REPORT_BEAT, frame, body, heard_ns);
    else if (heard == BMCHA_HEARD_MESSAGE)
        report_frame(engine, BMCHA_REPORT_MESSAGE, frame, body, heard_ns);
    else if (heard == BMCHA_HEARD_FORGED)
        engine->is_noisy = 1;
    return engine->pulse.counts.rx != rx;
}

static void hear_frames(struct bmcha_engine *engine, size_t count, const uint8_t *bodies,
                        int64_t heard_ns)
{
    for (size_t at = 0; at < count; at++)
        (void)hear_frame(engine, &engine->frames[at], bodies, heard_ns);
}

/* Which of the datagrams it was; and only from who has the key is learned. */
static void learn(struct bmcha_engine *engine, const struct bmcha_frame *frame,
                  const uint32_t *sizes, size_t count)
{
    if (!bmcha_keyring_vouches(&engine->pulse.keyring, frame))
        return;
    bmcha_port_learn(engine->port, bmcha_port_place(sizes, count, frame->offset));
}

void bmcha_engine_hear_datagrams(struct bmcha_engine *engine, const uint8_t *data, size_t data_size,
                                 const uint32_t *sizes, size_t count, int64_t heard_ns)
{
    size_t found, taken;

    found = bmcha_frame_sift_datagrams(&engine->sieve, data, data_size, sizes,
                                       count, engine->frames, BMCHA_FRAMES_AT_ONCE, &taken);
    for (size_t at = 0; at < found; at++) {
        const struct bmcha_frame *frame = &engine->frames[at];
        if (hear_frame(engine, frame, data, heard_ns) && engine->port && engine->port->is_learning)
            learn(engine, frame, sizes, count);
    }
    if (found < count)
        engine->is_noisy = 1;
}

/* What is too long for a frame is forgotten up to its end; returns how much of `data` that is. */
static size_t skip_overlong(struct bmcha_engine *engine, const uint8_t *data, size_t data_size)
{
    const uint8_t *end = memchr(data, 0, data_size);
    size_t skipped = end ? (size_t)(end - data) + 1 : data_size;

    engine->sieve.noise_bytes += skipped;
    if (end) {
        engine->is_overlong = 0;
        engine->sieve.bad_counts[-BMCHA_BAD_TOO_LONG]++;
    }
    return skipped;
}

static void sift_held(struct bmcha_engine *engine, int64_t heard_ns)
{
    size_t start = 0, found, taken;

    do {
        size_t left = engine->held_size - start;
        found = bmcha_frame_sift_stream(&engine->sieve, engine->held + start, left,
                                        engine->plain, left, engine->frames,
                                        BMCHA_FRAMES_AT_ONCE, &taken);
        hear_frames(engine, found, engine->plain, heard_ns);
        start += taken;
    } while (found == BMCHA_FRAMES_AT_ONCE);
    engine->held_size -= (uint32_t)start;
    memmove(engine->held, engine->held + start, engine->held_size);
    if (engine->held_size < BMCHA_PATH_STUFFED_BYTES_MAX)
        return;
    engine->sieve.noise_bytes += engine->held_size;
    engine->held_size = 0;
    engine->is_overlong = 1;
}

void bmcha_engine_hear_stream(struct bmcha_engine *engine, const uint8_t *data, size_t data_size,
                              int64_t heard_ns)
{
    uint64_t noise_bytes = engine->sieve.noise_bytes;

    while (data_size) {
        size_t room, piece;
        if (engine->is_overlong) {
            size_t skipped = skip_overlong(engine, data, data_size);
            data += skipped;
            data_size -= skipped;
            continue;
        }
        room = sizeof engine->held - engine->held_size;
        piece = data_size < room ? data_size : room;
        memcpy(engine->held + engine->held_size, data, piece);
        engine->held_size += (uint32_t)piece;
        data += piece;
        data_size -= piece;
        sift_held(engine, heard_ns);
    }
    if (engine->sieve.noise_bytes != noise_bytes)
        engine->is_noisy = 1;
}
