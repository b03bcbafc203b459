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
void bmcha_pulse_note_speaker(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                              int64_t heard_ns)
{
    if (frame->type != BMCHA_TYPE_HEARTBEAT || atomic_load(&pulse->echo_board->boots.in_force))
        return;
    if (pulse->unproven_ns == BMCHA_NEVER_NS ||
        heard_ns - pulse->unproven_ns >= BMCHA_SUMMARY_NS)
        pulse->summary_due_ns = heard_ns;
    pulse->unproven_ns = heard_ns;
}

/* When that beat of ours left that it names here; BMCHA_NEVER_NS: it names none of the last ones. */
static int64_t named_ns(const struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                        const uint8_t *body)
{
    unsigned at = pulse->settings.echo_index;
    const uint8_t *echo = body + BMCHA_BEAT_HEAD_BYTES + at * BMCHA_ECHO_BYTES;

    if (frame->type != BMCHA_TYPE_HEARTBEAT || !bmcha_pulse_names_ours(pulse, body) ||
        at >= bmcha_echoes_of(body) || bmcha_le16_read(echo + 2) == BMCHA_AGE_NEVER)
        return BMCHA_NEVER_NS;
    return bmcha_pulse_sent_ns(pulse, bmcha_le16_read(echo));
}

/* On this path: since when the boot in force is. */
static void note_succession(struct bmcha_pulse *pulse, uint32_t in_force, int64_t heard_ns,
                            uint64_t *bad_counts)
{
    if (in_force == pulse->in_force)
        return;
    pulse->in_force = in_force;
    pulse->in_force_ns = heard_ns;
    bad_counts[-BMCHA_BAD_UNPROVEN] += bmcha_candidates_drop(&pulse->candidates, in_force);
}

/* A3, A5: 0 always. */
static int note_past(struct bmcha_pulse *pulse, int64_t heard_ns, uint64_t *bad_counts)
{
    if (heard_ns - pulse->in_force_ns < BMCHA_LATE_MAX_NS)
        pulse->counts.repeated++;
    else
        bad_counts[-BMCHA_BAD_REPLAYED]++;
    return 0;
}

int bmcha_pulse_is_of_now(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                          const uint8_t *body, int64_t heard_ns, uint64_t *bad_counts)
{
    struct bmcha_boots *boots = &pulse->echo_board->boots;
    int64_t sent_ns = named_ns(pulse, frame, body);

    note_succession(pulse, atomic_load(&boots->in_force), heard_ns, bad_counts);
    if (pulse->in_force != frame->boot_id) {
        if (bmcha_boots_is_past(boots, frame->boot_id))
            return note_past(pulse, heard_ns, bad_counts);
        /* A4. A boot that is over named what we sent before this one's latest word. */
        if (sent_ns == BMCHA_NEVER_NS || !bmcha_boots_is_newer(boots, sent_ns)) {
            bmcha_pulse_note_unproven(pulse, frame, heard_ns, bad_counts);
            bmcha_pulse_note_speaker(pulse, frame, heard_ns);
            return 0;
        }
        bmcha_boots_succeed(boots, frame->boot_id, sent_ns);
        note_succession(pulse, frame->boot_id, heard_ns, bad_counts);
    }
    if (sent_ns != BMCHA_NEVER_NS)
        bmcha_boots_prove(boots, sent_ns);
    if (pulse->candidates.count)
        bad_counts[-BMCHA_BAD_REPLAYED] +=
            bmcha_candidates_condemn(&pulse->candidates, heard_ns - BMCHA_LATE_MAX_NS);
    return 1;
}
