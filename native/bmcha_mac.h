/* The tag of a frame: BLAKE2b (RFC 7693), keyed, from libsodium, which is opened at run time: who
 * has no keys needs no library. docs/adr/0025-keys.md. */
#ifndef BMCHA_MAC_H
#define BMCHA_MAC_H

#include <stddef.h>
#include <stdint.h>

#define BMCHA_KEY_BYTES 32u

/* Once, before any of the others; again does nothing. 0, or -1 and why not in `why`. */
int bmcha_mac_open(char *why, size_t why_size);

/* `out_size` bytes, 16 to 32. 0, or -1: not opened, or a size that cannot be. */
int bmcha_mac(uint8_t *out, size_t out_size, const uint8_t *data, size_t data_size,
              const uint8_t key[BMCHA_KEY_BYTES]);

/* In a time that tells nothing of where they differ. */
int bmcha_mac_is_equal(const uint8_t *one, const uint8_t *other, size_t size);

#endif
