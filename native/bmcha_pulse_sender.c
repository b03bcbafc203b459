/* The sending half of the beat engine: what goes out on one path, and when (S1 to S10). */
#include <string.h>

#include "bmcha_bytes.h"
#include "bmcha_pulse.h"

#define BEAT_BYTES_MAX \
    (BMCHA_BEAT_HEAD_BYTES + BMCHA_ECHOES_MAX * BMCHA_ECHO_BYTES + BMCHA_BEAT_TAIL_MAX)

_Static_assert(sizeof(struct bmcha_draft) % 4 == 0 &&
                   sizeof(struct bmcha_draft) <= 4 * BMCHA_PUBLISHED_WORDS_MAX,
               "a draft can be published");

uint16_t bmcha_age_encode(int64_t age_ns)
{
    uint64_t units = age_ns > 0 ? (uint64_t)age_ns / BMCHA_ECHO_UNIT_NS : 0;
    unsigned exponent = 0;
    uint64_t code;

    while (units >> exponent > 0x0FFF)
        if (++exponent > 15)
            return BMCHA_AGE_OLDEST;
    code = (uint64_t)exponent << 12 | units >> exponent;
    return code > BMCHA_AGE_OLDEST ? BMCHA_AGE_OLDEST : (uint16_t)code;
}

int64_t bmcha_age_decode(uint16_t code)
{
    return ((int64_t)(code & 0x0FFF) << (code >> 12)) * BMCHA_ECHO_UNIT_NS;
}

static int64_t lesser(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static int64_t greater(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

/* Beside a write that is under way it stays as it was; its age is judged all the same. */
static void read_draft(struct bmcha_pulse *pulse)
{
    (void)bmcha_published_read(pulse->draft_board, &pulse->draft, sizeof pulse->draft);
}

static int is_fresh(const struct bmcha_pulse *pulse, int64_t now_ns)
{
    return now_ns - pulse->draft.published_ns <= pulse->settings.stall_limit_ns;
}

static int is_urgent(const struct bmcha_pulse *pulse)
{
    return pulse->draft.urgent_count != pulse->urgent_sent_count;
}

static int is_full(const struct bmcha_letter *letter)
{
    return atomic_load_explicit(&letter->is_full, memory_order_acquire) != 0;
}

static int is_awaited(const struct bmcha_letter *letter)
{
    return atomic_load(&letter->is_awaited) && !atomic_load(&letter->is_full);
}

/* Moves on to the first deadline after now, on the same grid; how many passed. Missed beats are
 * not made good: a burst would prove no more than one beat. */
static uint64_t pass_deadlines(struct bmcha_pulse *pulse, int64_t now_ns)
{
    int64_t passed;

    if (now_ns < pulse->beat_due_ns)
        return 0;
    passed = (now_ns - pulse->beat_due_ns) / pulse->interval_ns + 1;
    pulse->beat_due_ns += passed * pulse->interval_ns;
    return (uint64_t)passed;
}

/* 0 while there is no draft, or only one that proves no decisions any more. */
static int has_fresh_draft(struct bmcha_pulse *pulse, int64_t now_ns)
{
    read_draft(pulse);
    if (pulse->draft.body_size == 0)
        return 0;
    if (is_fresh(pulse, now_ns))
        return 1;
    pulse->counts.withheld += pass_deadlines(pulse, now_ns);
    return 0;
}

static uint32_t next_sequence(const struct bmcha_pulse *pulse)
{
    return pulse->sequence + 1 ? pulse->sequence + 1 : 1;
}

/* S11: a pairing goes unsigned and without a sequence, since the other end can check neither. */
static size_t encode(struct bmcha_pulse *pulse, uint8_t type, uint8_t target_slot,
                     const uint8_t *body, size_t body_size, uint8_t *out, size_t out_size)
{
    const struct bmcha_pulse_settings *settings = &pulse->settings;
    int is_pairing = type == BMCHA_TYPE_PAIRING;
    uint8_t key_id = is_pairing ? 0 : bmcha_keyring_sender(&pulse->keyring);
    struct bmcha_frame head;
    uint8_t *frame;
    ssize_t size;

    memset(&head, 0, sizeof head);
    head.type = type;
    head.flags = key_id ? BMCHA_FLAG_MAC : 0;
    head.key_id = key_id;
    head.chassis_id = settings->chassis_id;
    head.source_slot = settings->own_slot;
    head.target_slot = target_slot;
    head.boot_id = settings->boot_id;
    head.epoch = pulse->draft.epoch;
    head.sequence = is_pairing ? 0 : next_sequence(pulse);
    head.body_length = (uint16_t)body_size;
    frame = bmcha_frame_begin(out, out_size, settings->is_stuffed, &head, body);
    if (frame == NULL || (key_id && bmcha_keyring_sign(&pulse->keyring, frame)))
        return 0;
    size = bmcha_frame_end(out, out_size, settings->is_stuffed, frame);
    return size > 0 ? (size_t)size : 0;
}

static uint8_t *put_no_echo(uint8_t *to)
{
    bmcha_le16_write(to, 0);
    bmcha_le16_write(to + 2, BMCHA_AGE_NEVER);
    return to + BMCHA_ECHO_BYTES;
}

/* The echo of another boot than the draft names would be taken for one of that. */
static uint8_t *put_echo(struct bmcha_pulse *pulse, unsigned at, uint8_t *to, int64_t now_ns)
{
    struct bmcha_last_heard *heard = &pulse->echoes[at];
    uint32_t boot_id = bmcha_le32_read(pulse->draft.body + BMCHA_BEAT_ECHO_BOOT_ID);

    (void)bmcha_published_read(&pulse->echo_board->places[at], heard, sizeof *heard);
    if (!heard->is_known || heard->boot_id != boot_id)
        return put_no_echo(to);
    bmcha_le16_write(to, (uint16_t)heard->sequence);
    bmcha_le16_write(to + 2, bmcha_age_encode(now_ns - heard->heard_ns));
    return to + BMCHA_ECHO_BYTES;
}

/* On any path: a beat names one boot, and a peer that speaks goes first. */
static int is_peer_heard(const struct bmcha_pulse *pulse, int64_t now_ns)
{
    struct bmcha_last_heard heard;

    for (unsigned at = 0; at < pulse->settings.echoes_count; at++)
        if (!bmcha_published_read(&pulse->echo_board->places[at], &heard, sizeof heard) ||
            (heard.is_known && now_ns - heard.heard_ns < pulse->turn_ns))
            return 1;
    return 0;
}

/* A6: who has no boot in force, or none that speaks here, says in turn whom else it hears, so that
 * they can prove themselves. NULL: nobody, or there is no need. */
static const struct bmcha_candidate *unproven_turn(struct bmcha_pulse *pulse, int64_t now_ns)
{
    if (pulse->candidates.count == 0 ||
        (atomic_load(&pulse->echo_board->boots.in_force) != 0 && is_peer_heard(pulse, now_ns)))
        return NULL;
    return bmcha_candidates_turn(&pulse->candidates, pulse->sequence, now_ns - pulse->turn_ns);
}

static uint8_t *put_unproven(const struct bmcha_pulse *pulse, uint8_t *body,
                             const struct bmcha_candidate *it, int64_t now_ns)
{
    uint8_t *end = body + BMCHA_BEAT_HEAD_BYTES;

    bmcha_le32_write(body + BMCHA_BEAT_ECHO_BOOT_ID, it->boot_id);
    for (unsigned at = 0; at < pulse->settings.echoes_count; at++) {
        uint8_t *echo = end;
        end = put_no_echo(echo);
        if (at == pulse->settings.echo_index) {
            bmcha_le16_write(echo, (uint16_t)it->sequence);
            bmcha_le16_write(echo + 2, bmcha_age_encode(now_ns - it->heard_ns));
        }
    }
    return end;
}

static uint8_t *put_echoes(struct bmcha_pulse *pulse, uint8_t *body, int64_t now_ns)
{
    const struct bmcha_candidate *unproven = unproven_turn(pulse, now_ns);
    uint8_t *end = body + BMCHA_BEAT_HEAD_BYTES;

    if (unproven)
        return put_unproven(pulse, body, unproven, now_ns);
    for (unsigned at = 0; at < pulse->settings.echoes_count; at++)
        end = put_echo(pulse, at, end, now_ns);
    return end;
}

/* S4: what belongs to the path is filled in. */
static size_t offer_beat(struct bmcha_pulse *pulse, int64_t now_ns, uint8_t *out, size_t out_size)
{
    const struct bmcha_pulse_settings *settings = &pulse->settings;
    const struct bmcha_draft *draft = &pulse->draft;
    uint8_t body[BEAT_BYTES_MAX];
    uint8_t *end;
    size_t tail = draft->body_size - BMCHA_BEAT_HEAD_BYTES;

    memcpy(body, draft->body, BMCHA_BEAT_HEAD_BYTES);
    body[BMCHA_BEAT_FLAGS] = (uint8_t)((body[BMCHA_BEAT_FLAGS] & ((1u << BMCHA_ECHO_SHIFT) - 1)) |
                                       (unsigned)settings->echoes_count << BMCHA_ECHO_SHIFT);
    bmcha_le16_write(body + BMCHA_BEAT_INTERVAL_MS, settings->interval_ms);
    body[BMCHA_BEAT_DEADTIME_BEATS] = settings->deadtime_beats;
    end = put_echoes(pulse, body, now_ns);
    memcpy(end, draft->body + BMCHA_BEAT_HEAD_BYTES, tail);
    pulse->offered = BMCHA_OFFER_BEAT;
    pulse->offered_ns = now_ns;
    pulse->offered_urgent_count = draft->urgent_count;
    return encode(pulse, BMCHA_TYPE_HEARTBEAT, settings->peer_slot, body,
                  (size_t)(end - body) + tail, out, out_size);
}

size_t bmcha_pulse_offer(struct bmcha_pulse *pulse, int64_t now_ns, uint8_t *out, size_t out_size)
{
    const struct bmcha_letter *letter = NULL;

    pulse->offered = BMCHA_OFFER_NOTHING;
    if (!has_fresh_draft(pulse, now_ns) || pulse->has_said_goodbye || now_ns < pulse->retry_ns)
        return 0;
    if (now_ns >= pulse->beat_due_ns || is_urgent(pulse))
        return offer_beat(pulse, now_ns, out, out_size);
    if (is_full(&pulse->role)) {
        letter = &pulse->role;
        pulse->offered = BMCHA_OFFER_ROLE;
    } else if (is_full(&pulse->mirror) && now_ns >= pulse->line_free_ns) {
        letter = &pulse->mirror;
        pulse->offered = BMCHA_OFFER_MIRROR;
    }
    if (letter == NULL)
        return 0;
    return encode(pulse, letter->type, letter->target_slot, letter->body, letter->body_size, out,
                  out_size);
}

/* T1, T2. It left after it was offered and before now, and this thread may have stood still on
 * either side of that. */
static void note_beat_time(struct bmcha_pulse *pulse, int64_t now_ns)
{
    struct bmcha_beat_times *times = &pulse->beat_times;

    if (times->last_ns == BMCHA_NEVER_NS || now_ns - times->last_ns > pulse->hole_ns)
        times->unbroken_ns = now_ns;
    times->last_ns = pulse->offered_ns;
    bmcha_published_write(&pulse->beat_times_board, times, sizeof *times);
}

static void note_beat_sent(struct bmcha_pulse *pulse, int64_t now_ns)
{
    note_beat_time(pulse, now_ns);
    pulse->sent[pulse->sequence % BMCHA_SENT_MAX].sequence = pulse->sequence;
    pulse->sent[pulse->sequence % BMCHA_SENT_MAX].at_ns = now_ns;
    pulse->urgent_sent_count = pulse->offered_urgent_count;
    (void)pass_deadlines(pulse, now_ns);
}

void bmcha_pulse_note_sent(struct bmcha_pulse *pulse, size_t size, int64_t now_ns)
{
    uint32_t rate = pulse->settings.line_bytes_per_s;

    pulse->counts.tx++;
    if (pulse->offered != BMCHA_OFFER_ROLE || pulse->role.type != BMCHA_TYPE_PAIRING)
        pulse->sequence = next_sequence(pulse);
    if (rate)
        pulse->line_free_ns =
            greater(pulse->line_free_ns, now_ns) + (int64_t)size * BMCHA_NS_PER_S / rate;
    switch (pulse->offered) {
    case BMCHA_OFFER_BEAT:
        note_beat_sent(pulse, now_ns);
        break;
    case BMCHA_OFFER_ROLE:
        pulse->has_said_goodbye = pulse->role.type == BMCHA_TYPE_GOODBYE;
        atomic_store(&pulse->role.is_full, 0);
        break;
    case BMCHA_OFFER_MIRROR:
        atomic_store(&pulse->mirror.is_full, 0);
        break;
    default:
        break;
    }
}

/* A beat is made afresh at the next try, so it never tells old news; a message keeps its place. */
void bmcha_pulse_note_refused(struct bmcha_pulse *pulse, int64_t now_ns)
{
    pulse->counts.refused++;
    pulse->retry_ns = now_ns + lesser(BMCHA_RETRY_NS_MAX, pulse->interval_ns / 4);
}

int bmcha_letter_fill(struct bmcha_letter *letter, uint8_t type, uint8_t target_slot,
                      const uint8_t *body, size_t body_size)
{
    if (body_size > sizeof letter->body || is_full(letter))
        return 0;
    letter->type = type;
    letter->target_slot = target_slot;
    letter->body_size = (uint16_t)body_size;
    memcpy(letter->body, body, body_size);
    atomic_store(&letter->is_asked, 0);
    atomic_store(&letter->is_full, 1);
    return 1;
}

/* Both sides write their word before they read the other's, so one of them sees that it is empty. */
int bmcha_letter_await(struct bmcha_letter *letter)
{
    atomic_store(&letter->is_awaited, 1);
    return !atomic_load(&letter->is_full);
}

static int ask(struct bmcha_letter *letter)
{
    if (!atomic_exchange(&letter->is_awaited, 0))
        return 0;
    atomic_store(&letter->is_asked, 1);
    return 1;
}

int bmcha_pulse_wants_letter(struct bmcha_pulse *pulse, int64_t now_ns)
{
    int wants = 0;

    if (is_awaited(&pulse->role))
        wants = ask(&pulse->role);
    if (is_awaited(&pulse->mirror) && now_ns >= pulse->line_free_ns)
        wants |= ask(&pulse->mirror);
    return wants;
}

int64_t bmcha_pulse_sent_ns(const struct bmcha_pulse *pulse, uint16_t echoed_sequence)
{
    unsigned at = echoed_sequence % BMCHA_SENT_MAX;
    uint32_t known = pulse->sent[at].sequence;

    return known && (uint16_t)known == echoed_sequence ? pulse->sent[at].at_ns : BMCHA_NEVER_NS;
}

int64_t bmcha_sender_due(struct bmcha_pulse *pulse, int64_t now_ns)
{
    int64_t due_ns = pulse->beat_due_ns;

    read_draft(pulse);
    if (pulse->has_said_goodbye || pulse->draft.body_size == 0)
        return now_ns + pulse->interval_ns;
    if (!is_fresh(pulse, now_ns))
        return due_ns;
    if (is_full(&pulse->role) || is_urgent(pulse))
        due_ns = lesser(due_ns, now_ns);
    else if (is_full(&pulse->mirror) || is_awaited(&pulse->mirror))
        due_ns = lesser(due_ns, greater(now_ns, pulse->line_free_ns));
    return greater(due_ns, pulse->retry_ns);
}
