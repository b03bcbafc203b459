/* Whether a signed frame is of now: A2 to A7 of docs/adr/0025-keys.md. What it is worth then is
 * bmcha_pulse.c's affair. */
#include "bmcha_pulse.h"

#include "bmcha_bytes.h"

void bmcha_pulse_note_unproven(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                               int64_t heard_ns, uint64_t *bad_counts)
{
    uint32_t sequence = frame->type == BMCHA_TYPE_HEARTBEAT ? frame->sequence : 0;

    bad_counts[-BMCHA_BAD_REPLAYED] +=
        bmcha_candidates_note(&pulse->candidates, frame->boot_id, sequence, heard_ns);
}

int bmcha_pulse_names_ours(const struct bmcha_pulse *pulse, const uint8_t *body)
{
    return bmcha_le32_read(body + BMCHA_BEAT_ECHO_BOOT_ID) == pulse->settings.boot_id;
}

/* While nobody has proved himself the node must know that somebody speaks: A8. */
static void note_speaker(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                         int64_t heard_ns)
{
    if (frame->type != BMCHA_TYPE_HEARTBEAT || atomic_load(&pulse->echo_board->boots.in_force))
        return;
    if (pulse->unproven_ns == BMCHA_NEVER_NS ||
        heard_ns - pulse->unproven_ns >= BMCHA_SUMMARY_NS)
        pulse->summary_due_ns = heard_ns;
    pulse->unproven_ns = heard_ns;
}

/* A4: its beat names our boot, and one of the last beats that we sent here. */
static int proves_now(const struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                      const uint8_t *body)
{
    unsigned at = pulse->settings.echo_index;
    const uint8_t *echo = body + BMCHA_BEAT_HEAD_BYTES + at * BMCHA_ECHO_BYTES;

    return frame->type == BMCHA_TYPE_HEARTBEAT && bmcha_pulse_names_ours(pulse, body) &&
           at < bmcha_echoes_of(body) && bmcha_le16_read(echo + 2) != BMCHA_AGE_NEVER &&
           bmcha_pulse_sent_ns(pulse, bmcha_le16_read(echo)) != BMCHA_NEVER_NS;
}

int bmcha_pulse_is_of_now(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                          const uint8_t *body, int64_t heard_ns, uint64_t *bad_counts)
{
    struct bmcha_boots *boots = &pulse->echo_board->boots;
    uint32_t in_force = atomic_load(&boots->in_force);

    if (in_force != frame->boot_id) {
        if (bmcha_boots_is_past(boots, frame->boot_id)) {
            if (heard_ns - pulse->in_force_ns < BMCHA_LATE_MAX_NS)
                pulse->counts.repeated++;
            else
                bad_counts[-BMCHA_BAD_REPLAYED]++;
            return 0;
        }
        if (!proves_now(pulse, frame, body)) {
            bmcha_pulse_note_unproven(pulse, frame, heard_ns, bad_counts);
            note_speaker(pulse, frame, heard_ns);
            return 0;
        }
        in_force = frame->boot_id;
        bmcha_boots_succeed(boots, in_force);
    }
    if (in_force != pulse->in_force) {
        pulse->in_force = in_force;
        pulse->in_force_ns = heard_ns;
        bad_counts[-BMCHA_BAD_UNPROVEN] += bmcha_candidates_drop(&pulse->candidates, in_force);
    }
    if (pulse->candidates.count)
        bad_counts[-BMCHA_BAD_REPLAYED] +=
            bmcha_candidates_condemn(&pulse->candidates, heard_ns - BMCHA_LATE_MAX_NS);
    return 1;
}
