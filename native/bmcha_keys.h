/* What one path signs with, and whom it believes: docs/adr/0025-keys.md, A1 and A7. */
#ifndef BMCHA_KEYS_H
#define BMCHA_KEYS_H

#include <stdint.h>

#include "bmcha_frame.h"
#include "bmcha_mac.h"
#include "bmcha_published.h"

#define BMCHA_KEYS_MAX 4u

/* Published by who reads the key file, for all paths. No keys: everything is believed, and nothing
 * is signed. `sender_id` 0: frames go out unsigned. Until `pairing_until_ns` modules may bring each
 * other the keys (docs/adr/0026-pairing.md). */
struct bmcha_key_set {
    uint32_t number; /* of this set, from 1; 0: none was published yet */
    uint32_t count;
    uint32_t sender_id;
    uint32_t accepts_unsigned;
    int64_t pairing_until_ns;
    struct {
        uint32_t id;
        uint8_t secret[BMCHA_KEY_BYTES];
    } keys[BMCHA_KEYS_MAX];
};

/* Whose path it is. */
struct bmcha_key_place {
    uint32_t chassis_id;
    uint32_t boot_id;
    uint8_t own_slot;
    uint8_t peer_slot;
    uint8_t path;
    uint8_t paths_count;
};

struct bmcha_keyring {
    const struct bmcha_published *board; /* NULL: there will never be keys */
    struct bmcha_key_place place;
    struct bmcha_key_set set;
    struct {
        uint8_t send[BMCHA_KEY_BYTES];
        uint8_t hear[BMCHA_KEY_BYTES];
    } path_keys[BMCHA_KEYS_MAX];
    int64_t search_ns; /* since then it has looked so often for a reason that people understand */
    uint32_t searches;
};

/* Takes over what was published since. */
void bmcha_keyring_refresh(struct bmcha_keyring *ring);

/* The id of the key that frames go out with; 0: unsigned. */
uint8_t bmcha_keyring_sender(const struct bmcha_keyring *ring);

/* Into the room behind the body. `frame` is header and body, flagged and with the sender's id. 0, or
 * -1: there is no such key. */
int bmcha_keyring_sign(const struct bmcha_keyring *ring, uint8_t *frame);

/* 0: it may be believed. Else BMCHA_BAD_ and why not. `bytes` begin with the header. */
int bmcha_keyring_judge(struct bmcha_keyring *ring, const struct bmcha_frame *frame,
                        const uint8_t *bytes, int64_t now_ns);

/* 1: a pairing frame may be heard. */
int bmcha_keyring_takes_pairing(const struct bmcha_keyring *ring, int64_t now_ns);

/* 1: what was believed was signed, and is to be of now as well. */
int bmcha_keyring_vouches(const struct bmcha_keyring *ring, const struct bmcha_frame *frame);

#endif
