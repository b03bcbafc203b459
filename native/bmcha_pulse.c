/* The receiving half of the beat engine (R1 to R10), its watch (W1 to W5), and its clock. What
 * counts as life on one path, what is news, and when the path has been silent for too long. */
#include "bmcha_pulse.h"

#include <string.h>

#include "bmcha_bytes.h"

#define LEVEL_NEVER 3u
#define LEVEL_ABSENT 0xFFu

_Static_assert(sizeof(struct bmcha_news) == 28, "no gaps");

/* ---- the clock ---- */

static int64_t greater(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

void bmcha_pulse_begin(struct bmcha_pulse *pulse, int64_t now_ns)
{
    pulse->interval_ns = pulse->settings.interval_ms * BMCHA_NS_PER_MS;
    pulse->lateness_tolerated_ns = pulse->interval_ns / 4;
    pulse->turn_ns = greater(BMCHA_EARLY_MAX_NS, 2 * pulse->interval_ns);
    pulse->early_ns = greater(BMCHA_EARLY_MAX_NS, 4 * pulse->interval_ns);
    pulse->hole_ns = (pulse->settings.deadtime_beats - 1) * pulse->interval_ns;
    pulse->beat_times = (struct bmcha_beat_times){BMCHA_NEVER_NS, BMCHA_NEVER_NS};
    bmcha_published_write(&pulse->beat_times_board, &pulse->beat_times, sizeof pulse->beat_times);
    pulse->expected_ns = now_ns;
    pulse->summary_due_ns = now_ns + BMCHA_SUMMARY_NS;
    pulse->beat_due_ns = now_ns;
    pulse->line_free_ns = now_ns;
    pulse->retry_ns = now_ns;
    pulse->last_heard_ns = BMCHA_NEVER_NS;
    pulse->unproven_ns = BMCHA_NEVER_NS;
    pulse->rtt_us = -1;
    pulse->keyring.place = (struct bmcha_key_place){
        pulse->settings.chassis_id, pulse->settings.boot_id,    pulse->settings.own_slot,
        pulse->settings.peer_slot,  pulse->settings.echo_index, pulse->settings.echoes_count};
    bmcha_keyring_refresh(&pulse->keyring);
}

/* W1, W2: it counts from the order if nothing was heard yet; lateness of before is then none of
 * its business. */
static void take_watch_order(struct bmcha_pulse *pulse)
{
    struct bmcha_watch_order found;

    if (!bmcha_published_read(&pulse->watch_board, &found, sizeof found) ||
        found.number == pulse->order.number)
        return;
    if (pulse->last_heard_ns == BMCHA_NEVER_NS)
        pulse->granted_ns = 0;
    pulse->order = found;
    pulse->is_reported = 0;
}

/* W5: lateness against the time promised, or against the last look: from then on the engine waits
 * for nothing, so time that passed was taken from it. */
static void look(struct bmcha_pulse *pulse, int64_t now_ns)
{
    int64_t late_ns = now_ns - pulse->expected_ns;

    if (late_ns > pulse->lateness_tolerated_ns)
        pulse->granted_ns += late_ns;
    pulse->expected_ns = now_ns;
}

int64_t bmcha_watch_due(const struct bmcha_pulse *pulse)
{
    int64_t since_ns =
        pulse->last_heard_ns == BMCHA_NEVER_NS ? pulse->order.armed_ns : pulse->last_heard_ns;

    if (pulse->order.number == 0 || pulse->is_reported)
        return INT64_MAX;
    return since_ns + pulse->order.silent_after_ns + pulse->granted_ns;
}

int64_t bmcha_pulse_due(struct bmcha_pulse *pulse, int64_t now_ns, int can_send, int can_judge)
{
    int64_t due_ns = pulse->summary_due_ns;
    int64_t other_ns;

    look(pulse, now_ns);
    take_watch_order(pulse);
    if (can_send) {
        other_ns = bmcha_sender_due(pulse, now_ns);
        due_ns = other_ns < due_ns ? other_ns : due_ns;
    }
    other_ns = can_judge ? bmcha_watch_due(pulse) : INT64_MAX;
    due_ns = other_ns < due_ns ? other_ns : due_ns;
    pulse->expected_ns = due_ns > now_ns ? due_ns : now_ns;
    return due_ns;
}

void bmcha_pulse_woke(struct bmcha_pulse *pulse, int64_t now_ns)
{
    look(pulse, now_ns);
    take_watch_order(pulse);
    bmcha_keyring_refresh(&pulse->keyring);
}

int bmcha_pulse_is_watch_due(struct bmcha_pulse *pulse, int64_t now_ns)
{
    look(pulse, now_ns);
    return now_ns >= bmcha_watch_due(pulse);
}

int bmcha_pulse_judge(struct bmcha_pulse *pulse, int64_t looked_ns)
{
    if (looked_ns < bmcha_watch_due(pulse))
        return 0;
    pulse->is_reported = 1;
    pulse->beats_in_row = 0;
    return 1;
}

int bmcha_pulse_summary(struct bmcha_pulse *pulse, int64_t now_ns, uint64_t *bad_counts)
{
    if (now_ns < pulse->summary_due_ns)
        return 0;
    bad_counts[-BMCHA_BAD_REPLAYED] +=
        bmcha_candidates_condemn(&pulse->candidates, now_ns - pulse->early_ns);
    pulse->summary_due_ns +=
        ((now_ns - pulse->summary_due_ns) / BMCHA_SUMMARY_NS + 1) * BMCHA_SUMMARY_NS;
    return 1;
}

/* ---- frames ---- */

/* What the twin's parser refuses (`bmcha.wire.messages`). */
static int makes_sense(const uint8_t *body, size_t size)
{
    return size >= BMCHA_BEAT_HEAD_BYTES &&
           size >= BMCHA_BEAT_HEAD_BYTES + bmcha_echoes_of(body) * BMCHA_ECHO_BYTES &&
           body[BMCHA_BEAT_ROLE] >= BMCHA_ROLE_MIN && body[BMCHA_BEAT_ROLE] <= BMCHA_ROLE_MAX &&
           body[BMCHA_BEAT_HEALTH] <= BMCHA_HEALTH_MAX &&
           bmcha_le16_read(body + BMCHA_BEAT_INTERVAL_MS) != 0 &&
           body[BMCHA_BEAT_DEADTIME_BEATS] >= BMCHA_DEADTIME_BEATS_MIN;
}

/* 0, or why nobody can make anything of it. */
static int refusal(const struct bmcha_frame *frame, const uint8_t *body)
{
    if (frame->type < BMCHA_TYPE_MIN || frame->type > BMCHA_TYPE_MAX)
        return BMCHA_BAD_TYPE;
    if (frame->type == BMCHA_TYPE_PAIRING &&
        (frame->body_length == 0 || frame->body_length > BMCHA_PAIRING_BYTES_MAX))
        return BMCHA_BAD_BODY;
    if (frame->type == BMCHA_TYPE_HEARTBEAT && !makes_sense(body, frame->body_length))
        return BMCHA_BAD_BODY;
    return 0;
}

static int is_for_us(const struct bmcha_pulse *pulse, const struct bmcha_frame *frame)
{
    return frame->chassis_id == pulse->settings.chassis_id &&
           frame->source_slot == pulse->settings.peer_slot &&
           frame->target_slot == pulse->settings.own_slot;
}

/* R1, A7: none of the peer's. Who says our slot and is not ourselves, by an echo, is a twin. */
static void hear_other(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                       const uint8_t *body, int64_t heard_ns, uint64_t *bad_counts)
{
    const struct bmcha_pulse_settings *settings = &pulse->settings;

    if (frame->chassis_id != settings->chassis_id || frame->source_slot != settings->own_slot ||
        frame->boot_id == settings->boot_id || frame->type != BMCHA_TYPE_HEARTBEAT) {
        pulse->counts.ignored++;
        return;
    }
    if (bmcha_keyring_vouches(&pulse->keyring, frame)) {
        /* It stays a candidate, so that our beats go on naming it: it has to know of us too. */
        bmcha_pulse_note_unproven(pulse, frame, heard_ns, bad_counts);
        if (!bmcha_pulse_names_ours(pulse, body)) {
            bmcha_pulse_note_speaker(pulse, frame, heard_ns);
            return;
        }
        bad_counts[-BMCHA_BAD_UNPROVEN] +=
            bmcha_candidates_forgive(&pulse->candidates, frame->boot_id) - 1;
    }
    pulse->counts.ignored++;
    pulse->twin = (struct bmcha_twin){heard_ns, frame->boot_id, frame->epoch,
                                      body[BMCHA_BEAT_ROLE], 1};
}

/* R2, of a frame that nobody signed. Of a sender that restarted, a frame of the boot id before was
 * late; if it is the present one that falls silent meanwhile, its own word was the late one, and the
 * boot id before is heard again. */
static int is_late(const struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                   int64_t heard_ns)
{
    return pulse->has_guard && frame->boot_id != pulse->guard_boot_id && pulse->has_former &&
           frame->boot_id == pulse->guard_former_boot_id &&
           heard_ns - pulse->new_ns < BMCHA_LATE_MAX_NS;
}

/* R2, R3. Modulo 2^32, so that the count may wrap after a year of uptime. */
static int is_new(struct bmcha_pulse *pulse, const struct bmcha_frame *frame, int64_t heard_ns)
{
    int is_other = !pulse->has_guard || frame->boot_id != pulse->guard_boot_id;
    uint32_t ahead = frame->sequence - pulse->guard_sequence;

    if (!is_other && (ahead == 0 || ahead > UINT32_MAX / 2)) {
        pulse->counts.repeated++;
        return 0;
    }
    if (is_other) {
        pulse->has_former = pulse->has_guard;
        pulse->guard_former_boot_id = pulse->guard_boot_id;
        pulse->guard_boot_id = frame->boot_id;
        pulse->has_guard = 1;
    } else {
        pulse->counts.lost += ahead - 1;
    }
    pulse->guard_sequence = frame->sequence;
    pulse->new_ns = heard_ns;
    return 1;
}

static int is_to_be_heard(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                          const uint8_t *body, int64_t heard_ns, uint64_t *bad_counts)
{
    if (bmcha_keyring_vouches(&pulse->keyring, frame))
        return bmcha_pulse_is_of_now(pulse, frame, body, heard_ns, bad_counts) &&
               is_new(pulse, frame, heard_ns);
    if (is_late(pulse, frame, heard_ns)) {
        pulse->counts.repeated++;
        return 0;
    }
    return is_new(pulse, frame, heard_ns);
}

/* R5 */
static void measure_round_trip(struct bmcha_pulse *pulse, const uint8_t *body, int64_t heard_ns)
{
    const uint8_t *echo =
        body + BMCHA_BEAT_HEAD_BYTES + pulse->settings.echo_index * BMCHA_ECHO_BYTES;
    uint16_t age = bmcha_le16_read(echo + 2);
    int64_t sent_ns = bmcha_pulse_sent_ns(pulse, bmcha_le16_read(echo));
    int64_t trip_ns;

    if (age == BMCHA_AGE_NEVER || sent_ns == BMCHA_NEVER_NS)
        return;
    trip_ns = heard_ns - sent_ns - bmcha_age_decode(age);
    pulse->rtt_us = trip_ns > 0 ? trip_ns / 1000 : 0;
}

/* 0 fresh, 1 late, 2 silent, 3 never: a change of level is news, another age is not. */
static uint8_t level_of(const struct bmcha_pulse_settings *settings, unsigned at, uint16_t age)
{
    int64_t age_ns = bmcha_age_decode(age);

    if (age == BMCHA_AGE_NEVER)
        return LEVEL_NEVER;
    return (uint8_t)((age_ns > settings->late_after_ns[at]) +
                     (age_ns > settings->silent_after_ns[at]));
}

/* R6. An echo of another boot of ours says nothing about this one. */
static void gather_news(const struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                        const uint8_t *body, int is_echo_ours, struct bmcha_news *news)
{
    unsigned echoes = bmcha_echoes_of(body);

    memset(news, 0, sizeof *news);
    news->boot_id = frame->boot_id;
    news->epoch = frame->epoch;
    news->interval_ms = bmcha_le16_read(body + BMCHA_BEAT_INTERVAL_MS);
    news->revision = bmcha_le16_read(body + BMCHA_BEAT_REVISION);
    news->firmware_level = bmcha_le16_read(body + BMCHA_BEAT_FIRMWARE_LEVEL);
    news->deadtime_beats = body[BMCHA_BEAT_DEADTIME_BEATS];
    news->role = body[BMCHA_BEAT_ROLE];
    news->reason = body[BMCHA_BEAT_REASON];
    news->flags = body[BMCHA_BEAT_FLAGS] & BMCHA_NEWS_FLAGS;
    news->health = body[BMCHA_BEAT_HEALTH];
    for (unsigned at = 0; at < pulse->settings.echoes_count; at++) {
        const uint8_t *echo = body + BMCHA_BEAT_HEAD_BYTES + at * BMCHA_ECHO_BYTES;
        if (at >= echoes)
            news->levels[at] = LEVEL_ABSENT;
        else if (!is_echo_ours)
            news->levels[at] = LEVEL_NEVER;
        else
            news->levels[at] = level_of(&pulse->settings, at, bmcha_le16_read(echo + 2));
    }
}

static void tell_echo_board(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                            int64_t heard_ns)
{
    struct bmcha_last_heard heard = {heard_ns, frame->boot_id, frame->sequence, 1, 0};

    bmcha_published_write(&pulse->echo_board->places[pulse->settings.echo_index], &heard,
                          sizeof heard);
}

/* What a newer sender has appended is not kept. */
static void keep(struct bmcha_pulse *pulse, const struct bmcha_frame *frame, const uint8_t *body)
{
    pulse->last_frame = *frame;
    pulse->last_body_size = frame->body_length < sizeof pulse->last_body
                                ? frame->body_length
                                : (uint32_t)sizeof pulse->last_body;
    memcpy(pulse->last_body, body, pulse->last_body_size);
}

/* R4, R7 */
static enum bmcha_heard hear_beat(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                                  const uint8_t *body, int64_t heard_ns)
{
    const struct bmcha_pulse_settings *settings = &pulse->settings;
    int is_echo_ours = bmcha_pulse_names_ours(pulse, body);
    struct bmcha_news news;
    int is_news;

    pulse->granted_ns = 0;
    pulse->is_reported = 0;
    pulse->beats_in_row++;
    pulse->last_heard_ns = heard_ns;
    keep(pulse, frame, body);
    tell_echo_board(pulse, frame, heard_ns);
    if (is_echo_ours && settings->echo_index < bmcha_echoes_of(body))
        measure_round_trip(pulse, body, heard_ns);
    gather_news(pulse, frame, body, is_echo_ours, &news);
    is_news = !pulse->has_news || memcmp(&news, &pulse->news, sizeof news) != 0 ||
              pulse->beats_in_row <= settings->recovery_beats_min;
    pulse->news = news; /* no gaps */
    pulse->has_news = 1;
    return is_news ? BMCHA_HEARD_BEAT : BMCHA_HEARD_NOTHING;
}

/* R10. Neither life nor a word of the node: it has no place in the sequence, and who brings the keys
 * cannot be asked for them. */
static enum bmcha_heard hear_pairing(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                                     const uint8_t *body, int64_t heard_ns, uint64_t *bad_counts)
{
    int bad = refusal(frame, body);

    if (bad) {
        bad_counts[-bad]++;
        return BMCHA_HEARD_NOTHING;
    }
    if (!pulse->settings.is_stuffed || !is_for_us(pulse, frame) ||
        !bmcha_keyring_takes_pairing(&pulse->keyring, heard_ns)) {
        pulse->counts.ignored++;
        return BMCHA_HEARD_NOTHING;
    }
    pulse->counts.rx++;
    return BMCHA_HEARD_MESSAGE;
}

enum bmcha_heard bmcha_pulse_hear(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                                  const uint8_t *body, int64_t heard_ns, uint64_t *bad_counts)
{
    int bad;

    if (frame->type == BMCHA_TYPE_PAIRING)
        return hear_pairing(pulse, frame, body, heard_ns, bad_counts);
    bad = bmcha_keyring_judge(&pulse->keyring, frame, body - BMCHA_HEADER_BYTES, heard_ns);
    if (bad) {
        bad_counts[-bad]++;
        return BMCHA_HEARD_FORGED;
    }
    bad = refusal(frame, body);
    if (bad) {
        bad_counts[-bad]++;
        return BMCHA_HEARD_NOTHING;
    }
    if (!is_for_us(pulse, frame)) {
        hear_other(pulse, frame, body, heard_ns, bad_counts);
        return BMCHA_HEARD_NOTHING;
    }
    if (!is_to_be_heard(pulse, frame, body, heard_ns, bad_counts))
        return BMCHA_HEARD_NOTHING;
    pulse->counts.rx++;
    if (frame->type != BMCHA_TYPE_HEARTBEAT)
        return BMCHA_HEARD_MESSAGE;
    return hear_beat(pulse, frame, body, heard_ns);
}
