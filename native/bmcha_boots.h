/* Which boot of a peer is the one of now: docs/adr/0025-keys.md, A2 to A6. */
#ifndef BMCHA_BOOTS_H
#define BMCHA_BOOTS_H

#include <stdatomic.h>
#include <stdint.h>

#define BMCHA_PAST_BOOTS_MAX 64u
#define BMCHA_CANDIDATES_MAX 4u

/* One for all paths to a peer; each of them may write it. `in_force` 0: none has proved itself. Of
 * more than so many past boots the oldest is forgotten, and would have to prove itself again. */
struct bmcha_boots {
    _Atomic uint32_t in_force;
    _Atomic uint32_t proven; /* when the newest beat of ours left that it has named, in 2^26 ns */
    _Atomic uint32_t past_count;
    _Atomic uint32_t past[BMCHA_PAST_BOOTS_MAX];
};

/* The boot comes into force, having named a beat of ours that left then; the one before is over. Of
 * two paths that do so at once one does. */
void bmcha_boots_succeed(struct bmcha_boots *boots, uint32_t boot_id, int64_t sent_ns);

/* It has named a beat of ours that left then. Is that newer than all it named, on any path? */
int bmcha_boots_is_newer(const struct bmcha_boots *boots, int64_t sent_ns);
void bmcha_boots_prove(struct bmcha_boots *boots, int64_t sent_ns);
int bmcha_boots_is_past(const struct bmcha_boots *boots, uint32_t boot_id);

/* A boot that has proved nothing yet. `count`: its frames that were not judged. */
struct bmcha_candidate {
    int64_t first_ns;
    int64_t heard_ns;
    uint32_t boot_id; /* 0: none */
    uint32_t sequence;
    uint32_t count;
    uint32_t reserved;
};

/* Of one path. */
struct bmcha_candidates {
    struct bmcha_candidate places[BMCHA_CANDIDATES_MAX];
    uint32_t count; /* of places in use */
};

/* `sequence` 0: no heartbeat. The one that was silent longest makes room; returned is how many
 * frames of it nobody will judge any more. */
uint32_t bmcha_candidates_note(struct bmcha_candidates *candidates, uint32_t boot_id,
                               uint32_t sequence, int64_t heard_ns);

/* It has proved itself, or is over: how many frames of it there were. */
uint32_t bmcha_candidates_drop(struct bmcha_candidates *candidates, uint32_t boot_id);

/* As `drop`, and it stays. */
uint32_t bmcha_candidates_forgive(struct bmcha_candidates *candidates, uint32_t boot_id);

/* Those heard first before that time were no peers: how many frames there were since the last
 * time. They stay, and may still prove themselves. */
uint32_t bmcha_candidates_condemn(struct bmcha_candidates *candidates, int64_t before_ns);

/* The one whose turn it is, of those whose heartbeat was heard since; NULL: there is none. */
const struct bmcha_candidate *bmcha_candidates_turn(const struct bmcha_candidates *candidates,
                                                    uint32_t turn, int64_t since_ns);

#endif
