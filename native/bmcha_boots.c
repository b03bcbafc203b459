#include "bmcha_boots.h"

#include <stddef.h>
#include <string.h>

/* 67 ms, so that 32 bits of it last for nine years; a service takes longer to start. */
static uint32_t ticks_of(int64_t ns)
{
    return (uint32_t)((uint64_t)ns >> 26);
}

void bmcha_boots_succeed(struct bmcha_boots *boots, uint32_t boot_id, int64_t sent_ns)
{
    uint32_t former = atomic_load(&boots->in_force);
    uint32_t place;

    if (former == boot_id)
        return;
    if (former) {
        /* First: in between it would be neither in force nor over. */
        place = atomic_fetch_add(&boots->past_count, 1) % BMCHA_PAST_BOOTS_MAX;
        atomic_store(&boots->past[place], former);
    }
    if (atomic_compare_exchange_strong(&boots->in_force, &former, boot_id))
        atomic_store(&boots->proven, ticks_of(sent_ns));
}

int bmcha_boots_is_newer(const struct bmcha_boots *boots, int64_t sent_ns)
{
    uint32_t ahead = ticks_of(sent_ns) - atomic_load(&boots->proven);

    return atomic_load(&boots->in_force) == 0 || (ahead != 0 && ahead <= UINT32_MAX / 2);
}

void bmcha_boots_prove(struct bmcha_boots *boots, int64_t sent_ns)
{
    if (bmcha_boots_is_newer(boots, sent_ns))
        atomic_store(&boots->proven, ticks_of(sent_ns));
}

int bmcha_boots_is_past(const struct bmcha_boots *boots, uint32_t boot_id)
{
    for (unsigned at = 0; at < BMCHA_PAST_BOOTS_MAX; at++)
        if (atomic_load_explicit(&boots->past[at], memory_order_relaxed) == boot_id)
            return boot_id != 0;
    return 0;
}

static struct bmcha_candidate *find(struct bmcha_candidates *candidates, uint32_t boot_id)
{
    for (unsigned at = 0; at < candidates->count; at++)
        if (candidates->places[at].boot_id == boot_id)
            return &candidates->places[at];
    return NULL;
}

static struct bmcha_candidate *stalest(struct bmcha_candidates *candidates)
{
    struct bmcha_candidate *found = &candidates->places[0];

    for (unsigned at = 1; at < candidates->count; at++)
        if (candidates->places[at].heard_ns < found->heard_ns)
            found = &candidates->places[at];
    return found;
}

uint32_t bmcha_candidates_note(struct bmcha_candidates *candidates, uint32_t boot_id,
                               uint32_t sequence, int64_t heard_ns)
{
    struct bmcha_candidate *it = find(candidates, boot_id);
    uint32_t lost = 0;

    if (it == NULL) {
        if (candidates->count < BMCHA_CANDIDATES_MAX) {
            it = &candidates->places[candidates->count++];
        } else {
            it = stalest(candidates);
            lost = it->count;
        }
        *it = (struct bmcha_candidate){heard_ns, heard_ns, boot_id, 0, 0, 0};
    }
    it->heard_ns = heard_ns;
    it->count++;
    if (sequence)
        it->sequence = sequence;
    return lost;
}

uint32_t bmcha_candidates_drop(struct bmcha_candidates *candidates, uint32_t boot_id)
{
    struct bmcha_candidate *it = find(candidates, boot_id);
    uint32_t count;

    if (it == NULL)
        return 0;
    count = it->count;
    *it = candidates->places[--candidates->count];
    return count;
}

uint32_t bmcha_candidates_forgive(struct bmcha_candidates *candidates, uint32_t boot_id)
{
    struct bmcha_candidate *it = find(candidates, boot_id);
    uint32_t count;

    if (it == NULL)
        return 0;
    count = it->count;
    it->count = 0;
    return count;
}

uint32_t bmcha_candidates_condemn(struct bmcha_candidates *candidates, int64_t before_ns)
{
    uint32_t condemned = 0;

    for (unsigned at = 0; at < candidates->count; at++) {
        struct bmcha_candidate *it = &candidates->places[at];
        if (it->first_ns >= before_ns)
            continue;
        condemned += it->count;
        it->count = 0;
    }
    return condemned;
}

const struct bmcha_candidate *bmcha_candidates_turn(const struct bmcha_candidates *candidates,
                                                    uint32_t turn, int64_t since_ns)
{
    unsigned live = 0;

    for (unsigned at = 0; at < candidates->count; at++)
        live += candidates->places[at].sequence && candidates->places[at].heard_ns >= since_ns;
    if (live == 0)
        return NULL;
    turn %= live;
    for (unsigned at = 0; at < candidates->count; at++) {
        const struct bmcha_candidate *it = &candidates->places[at];
        if (it->sequence && it->heard_ns >= since_ns && turn-- == 0)
            return it;
    }
    return NULL;
}
