/* The beat engine of one path: docs/adr/0003-beat-engine.md, rules S1 to W5, word for word.
 *
 * Sans-I/O: time and frames are passed in, frames and reports come out; bmcha_engine.c turns it.
 * The readable twin is tests/world/pulse.py, and one test class runs both. It decides nothing
 * about roles. Only the thread of its path calls it, but for what is marked otherwise. */
#ifndef BMCHA_PULSE_H
#define BMCHA_PULSE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bmcha_boots.h"
#include "bmcha_frame.h"
#include "bmcha_keys.h"
#include "bmcha_published.h"
#include "bmcha_wire.h"

#define BMCHA_NS_PER_MS INT64_C(1000000)
#define BMCHA_NS_PER_S INT64_C(1000000000)
#define BMCHA_SUMMARY_NS (500 * BMCHA_NS_PER_MS)
#define BMCHA_LATE_MAX_NS (500 * BMCHA_NS_PER_MS) /* no queue on the way holds a frame longer */
#define BMCHA_RETRY_NS_MAX (10 * BMCHA_NS_PER_MS)
#define BMCHA_SENT_MAX 64u
#define BMCHA_EARLY_MAX_NS (2 * BMCHA_NS_PER_S) /* a boot that is of now has shown it by then */
#define BMCHA_NEVER_NS INT64_MIN /* a time that has not been */

/* ---- what the node and the paths share; each record is one bmcha_published ---- */

/* Published by the node at every tick. `body` is a heartbeat's without echoes, and what the path
 * fills in left as it likes; `body_size` 0: there was none yet. */
struct bmcha_draft {
    int64_t published_ns;
    uint32_t urgent_count;
    uint32_t epoch;
    uint32_t body_size;
    uint8_t body[BMCHA_BEAT_HEAD_BYTES + BMCHA_BEAT_TAIL_MAX + 7];
};

/* The last heartbeat that one path heard; `is_known` 0: none yet. */
struct bmcha_last_heard {
    int64_t heard_ns;
    uint32_t boot_id;
    uint32_t sequence;
    uint32_t is_known;
    uint32_t reserved;
};

/* All paths to one peer, in the order of the configuration. */
struct bmcha_echo_board {
    struct bmcha_published places[BMCHA_ECHOES_MAX];
    struct bmcha_boots boots;
};

struct bmcha_watch_order {
    int64_t armed_ns;
    int64_t silent_after_ns;
    uint32_t number; /* of this order, from 1 */
    uint32_t reserved;
};

/* The last beat left no sooner than `last_ns`, and those since `unbroken_ns` no further apart
 * than the dead time less one (adr/0024); both BMCHA_NEVER_NS before the first. */
struct bmcha_beat_times {
    int64_t last_ns;
    int64_t unbroken_ns;
};

/* Room for one message. Whoever fills it holds the lock of its path in Python. `is_full` hands it
 * over and back; `is_awaited` says that there are more and the engine shall say when it is empty. */
struct bmcha_letter {
    _Atomic uint32_t is_full;
    _Atomic uint32_t is_awaited;
    _Atomic uint32_t is_asked; /* the engine has said so */
    uint8_t type;
    uint8_t target_slot;
    uint16_t body_size;
    uint8_t body[BMCHA_PATH_BODY_BYTES_MAX];
};

/* ---- the engine ---- */

/* `line_bytes_per_s` 0: the medium takes whatever it is given. */
struct bmcha_pulse_settings {
    uint32_t chassis_id;
    uint32_t boot_id;
    uint8_t own_slot;
    uint8_t peer_slot;
    uint8_t echo_index;
    uint8_t echoes_count;
    uint8_t is_stuffed;
    uint8_t deadtime_beats;
    uint16_t interval_ms;
    uint32_t recovery_beats_min;
    uint32_t line_bytes_per_s;
    int64_t stall_limit_ns;
    int64_t late_after_ns[BMCHA_ECHOES_MAX];
    int64_t silent_after_ns[BMCHA_ECHOES_MAX];
};

/* Counted since boot, all of them. */
struct bmcha_counts {
    uint64_t rx;
    uint64_t tx;
    uint64_t lost;
    uint64_t ignored;
    uint64_t repeated;
    uint64_t refused;
    uint64_t withheld;
};

/* The last module heard that says our slot and is not ourselves. */
struct bmcha_twin {
    int64_t heard_ns;
    uint32_t boot_id;
    uint32_t epoch;
    uint8_t role;
    uint8_t is_known;
};

/* What of a heartbeat is news when it changes (R6); without gaps, because it is compared whole. */
struct bmcha_news {
    uint32_t boot_id;
    uint32_t epoch;
    uint16_t interval_ms;
    uint16_t revision;
    uint16_t firmware_level;
    uint8_t deadtime_beats;
    uint8_t role;
    uint8_t reason;
    uint8_t flags;
    uint8_t health;
    uint8_t levels[BMCHA_ECHOES_MAX];
    uint8_t reserved[2];
};

enum bmcha_offer { BMCHA_OFFER_NOTHING, BMCHA_OFFER_BEAT, BMCHA_OFFER_ROLE, BMCHA_OFFER_MIRROR };
enum bmcha_heard {
    BMCHA_HEARD_NOTHING,
    BMCHA_HEARD_BEAT,
    BMCHA_HEARD_MESSAGE,
    BMCHA_HEARD_FORGED
};

struct bmcha_pulse {
    struct bmcha_pulse_settings settings;
    const struct bmcha_published *draft_board;
    struct bmcha_echo_board *echo_board;
    struct bmcha_published watch_board; /* written by the node's thread */
    struct bmcha_published beat_times_board;
    struct bmcha_letter role;
    struct bmcha_letter mirror;
    struct bmcha_keyring keyring;

    struct bmcha_draft draft; /* as it was read last */
    struct bmcha_last_heard echoes[BMCHA_ECHOES_MAX];
    struct bmcha_counts counts;
    struct bmcha_beat_times beat_times;
    int64_t interval_ns;
    int64_t turn_ns;  /* for so long an unproven boot is named after its last beat */
    int64_t early_ns; /* and has time to show that it is of now */
    int64_t hole_ns; /* between two beats: more is one */
    int64_t lateness_tolerated_ns;
    int64_t expected_ns;
    int64_t summary_due_ns;

    /* sending */
    int64_t beat_due_ns;
    int64_t line_free_ns;
    int64_t retry_ns;
    uint32_t urgent_sent_count;
    uint32_t sequence;
    uint32_t offered_urgent_count;
    int64_t offered_ns;
    uint8_t offered; /* enum bmcha_offer */
    uint8_t has_said_goodbye;
    struct {
        int64_t at_ns;
        uint32_t sequence;
    } sent[BMCHA_SENT_MAX];

    /* receiving */
    int64_t new_ns;
    int64_t last_heard_ns;
    int64_t rtt_us; /* -1: unknown */
    uint32_t guard_boot_id, guard_former_boot_id, guard_sequence;
    uint8_t has_guard, has_former;
    uint8_t has_news;
    uint32_t in_force; /* as this path saw it last, and since when */
    int64_t in_force_ns;
    int64_t unproven_ns; /* the last beat of such a boot, while none was in force */
    struct bmcha_candidates candidates;
    uint32_t beats_in_row;
    struct bmcha_news news;
    struct bmcha_twin twin;
    struct bmcha_frame last_frame;
    uint32_t last_body_size;
    uint8_t last_body[BMCHA_BEAT_HEAD_BYTES + BMCHA_ECHOES_MAX * BMCHA_ECHO_BYTES +
                      BMCHA_BEAT_TAIL_MAX];

    /* the watch */
    struct bmcha_watch_order order;
    int64_t granted_ns;
    uint8_t is_reported;
};

/* Everything else is zero before it. */
void bmcha_pulse_begin(struct bmcha_pulse *pulse, int64_t now_ns);

/* Call again at this time at the latest; being called later counts as own lateness (W5). While
 * nothing can be sent (no port), what is to be sent is no reason to, nor is the watch while
 * nothing can be judged (what comes is left unread). */
int64_t bmcha_pulse_due(struct bmcha_pulse *pulse, int64_t now_ns, int can_send, int can_judge);
void bmcha_pulse_woke(struct bmcha_pulse *pulse, int64_t now_ns);

/* A frame that stood the sieve, with its body, before which its header stands. Of beats and messages
 * Python is told. A frame that makes no sense, or is not to be believed, is counted in `bad_counts` by
 * its reason. */
enum bmcha_heard bmcha_pulse_hear(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                                  const uint8_t *body, int64_t heard_ns, uint64_t *bad_counts);

/* The frame to write now, its size, and in `pulse->offered` what it is; 0: none. The same is
 * offered again until it was sent. */
size_t bmcha_pulse_offer(struct bmcha_pulse *pulse, int64_t now_ns, uint8_t *out, size_t out_size);
void bmcha_pulse_note_sent(struct bmcha_pulse *pulse, size_t size, int64_t now_ns);
void bmcha_pulse_note_refused(struct bmcha_pulse *pulse, int64_t now_ns);

/* Both by whoever holds the lock of the path in Python. 1: it is filled; 0: it is full already.
 * And: that there is more; 1: it is empty now, so fill it. */
int bmcha_letter_fill(struct bmcha_letter *letter, uint8_t type, uint8_t target_slot,
                      const uint8_t *body, size_t body_size);
int bmcha_letter_await(struct bmcha_letter *letter);

/* 1: a room is empty, more is waiting for it and could be sent. Said once a wait. */
int bmcha_pulse_wants_letter(struct bmcha_pulse *pulse, int64_t now_ns);

/* Is it time to drain and judge; and then, of a time before that drain: 1 if the watch has run
 * out, which is said once. */
int bmcha_pulse_is_watch_due(struct bmcha_pulse *pulse, int64_t now_ns);
int bmcha_pulse_judge(struct bmcha_pulse *pulse, int64_t looked_ns);

/* 1: a summary is due now; the next one later. Boots that had time enough to prove themselves are
 * counted in `bad_counts`. */
int bmcha_pulse_summary(struct bmcha_pulse *pulse, int64_t now_ns, uint64_t *bad_counts);

/* A time as sixteen bits and back: bmcha/wire/age.py, in BMCHA_ECHO_UNIT_NS. */
uint16_t bmcha_age_encode(int64_t age_ns);
int64_t bmcha_age_decode(uint16_t code);

/* ---- for its parts alone ---- */

static inline unsigned bmcha_echoes_of(const uint8_t *body)
{
    return body[BMCHA_BEAT_FLAGS] >> BMCHA_ECHO_SHIFT;
}

/* Of a frame that is signed and from the peer: 1 if it is of the boot in force, which it may just
 * have become. */
int bmcha_pulse_is_of_now(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                          const uint8_t *body, int64_t heard_ns, uint64_t *bad_counts);
void bmcha_pulse_note_unproven(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                               int64_t heard_ns, uint64_t *bad_counts);
void bmcha_pulse_note_speaker(struct bmcha_pulse *pulse, const struct bmcha_frame *frame,
                              int64_t heard_ns);
int bmcha_pulse_names_ours(const struct bmcha_pulse *pulse, const uint8_t *body);

int64_t bmcha_pulse_sent_ns(const struct bmcha_pulse *pulse, uint16_t echoed_sequence);
int64_t bmcha_sender_due(struct bmcha_pulse *pulse, int64_t now_ns);
int64_t bmcha_watch_due(const struct bmcha_pulse *pulse);

#endif
