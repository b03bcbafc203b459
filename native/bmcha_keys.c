#include "bmcha_keys.h"

#include <string.h>

#include "bmcha_bytes.h"

/* What is looked for beside "wrong" costs two tags a path: so often in half a second at most. */
#define SEARCHES_MAX 16u
#define SEARCHES_NS INT64_C(500000000)

#define PURPOSE "bmcha path 1"
#define PURPOSE_BYTES (sizeof PURPOSE - 1)

_Static_assert(sizeof(struct bmcha_key_set) % 4 == 0 &&
                   sizeof(struct bmcha_key_set) <= 4 * BMCHA_PUBLISHED_WORDS_MAX,
               "a set of keys can be published");

/* The key of one direction of one path. */
static int derive(uint8_t out[BMCHA_KEY_BYTES], const uint8_t *secret, uint32_t chassis_id,
                  uint8_t source_slot, uint8_t target_slot, uint8_t path)
{
    uint8_t context[PURPOSE_BYTES + 7];

    memcpy(context, PURPOSE, PURPOSE_BYTES);
    bmcha_le32_write(context + PURPOSE_BYTES, chassis_id);
    context[PURPOSE_BYTES + 4] = source_slot;
    context[PURPOSE_BYTES + 5] = target_slot;
    context[PURPOSE_BYTES + 6] = path;
    return bmcha_mac(out, BMCHA_KEY_BYTES, context, sizeof context, secret);
}

void bmcha_keyring_refresh(struct bmcha_keyring *ring)
{
    const struct bmcha_key_place *place = &ring->place;
    struct bmcha_key_set found;

    if (ring->board == NULL || !bmcha_published_read(ring->board, &found, sizeof found) ||
        found.number == ring->set.number)
        return;
    if (found.count > BMCHA_KEYS_MAX)
        found.count = BMCHA_KEYS_MAX;
    for (uint32_t at = 0; at < found.count; at++) {
        if (derive(ring->path_keys[at].send, found.keys[at].secret, place->chassis_id,
                   place->own_slot, place->peer_slot, place->path) ||
            derive(ring->path_keys[at].hear, found.keys[at].secret, place->chassis_id,
                   place->peer_slot, place->own_slot, place->path))
            return; /* never: it was opened before keys were read */
    }
    ring->set = found;
}

static int find(const struct bmcha_keyring *ring, uint32_t id)
{
    for (uint32_t at = 0; at < ring->set.count; at++)
        if (ring->set.keys[at].id == id)
            return (int)at;
    return -1;
}

uint8_t bmcha_keyring_sender(const struct bmcha_keyring *ring)
{
    return (uint8_t)ring->set.sender_id;
}

static size_t signed_size(const uint8_t *bytes)
{
    return BMCHA_HEADER_BYTES + bmcha_le16_read(bytes + BMCHA_HEADER_BODY_LENGTH);
}

int bmcha_keyring_sign(const struct bmcha_keyring *ring, uint8_t *frame)
{
    int at = find(ring, frame[BMCHA_HEADER_KEY_ID]);
    size_t size = signed_size(frame);

    if (at < 0)
        return -1;
    return bmcha_mac(frame + size, BMCHA_MAC_BYTES, frame, size, ring->path_keys[at].send);
}

static int matches(const uint8_t *bytes, const uint8_t key[BMCHA_KEY_BYTES])
{
    uint8_t mac[BMCHA_MAC_BYTES];
    size_t size = signed_size(bytes);

    return bmcha_mac(mac, sizeof mac, bytes, size, key) == 0 &&
           bmcha_mac_is_equal(mac, bytes + size, sizeof mac);
}

static int may_search(struct bmcha_keyring *ring, int64_t now_ns)
{
    if (now_ns - ring->search_ns >= SEARCHES_NS) {
        ring->search_ns = now_ns;
        ring->searches = 0;
    }
    return ring->searches++ < SEARCHES_MAX;
}

/* For people: cables that were crossed look like an attack, and are none. */
static int is_of_other_path(const struct bmcha_keyring *ring, int at, const uint8_t *bytes)
{
    const struct bmcha_key_place *place = &ring->place;
    uint8_t key[BMCHA_KEY_BYTES];

    for (uint8_t path = 0; path < place->paths_count; path++) {
        if (path == place->path)
            continue;
        if (derive(key, ring->set.keys[at].secret, place->chassis_id,
                   bytes[BMCHA_HEADER_SOURCE_SLOT], bytes[BMCHA_HEADER_TARGET_SLOT], path) == 0 &&
            matches(bytes, key))
            return 1;
    }
    return 0;
}

int bmcha_keyring_judge(struct bmcha_keyring *ring, const struct bmcha_frame *frame,
                        const uint8_t *bytes, int64_t now_ns)
{
    int is_own = frame->source_slot == ring->place.own_slot;
    int at;

    if (ring->set.count == 0)
        return 0;
    if (!(frame->flags & BMCHA_FLAG_MAC))
        return ring->set.accepts_unsigned ? 0 : BMCHA_BAD_MAC_MISSING;
    at = find(ring, frame->key_id);
    if (at < 0)
        return BMCHA_BAD_KEY_UNKNOWN;
    if (matches(bytes, is_own ? ring->path_keys[at].send : ring->path_keys[at].hear))
        return is_own && frame->boot_id == ring->place.boot_id ? BMCHA_BAD_REFLECTED : 0;
    if (may_search(ring, now_ns) && is_of_other_path(ring, at, bytes))
        return BMCHA_BAD_OTHER_PATH;
    return BMCHA_BAD_MAC_WRONG;
}

int bmcha_keyring_takes_pairing(const struct bmcha_keyring *ring, int64_t now_ns)
{
    return now_ns < ring->set.pairing_until_ns;
}

int bmcha_keyring_vouches(const struct bmcha_keyring *ring, const struct bmcha_frame *frame)
{
    return ring->set.count != 0 && frame->flags & BMCHA_FLAG_MAC;
}
