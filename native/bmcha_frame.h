/* The frame: header, body, MAC if flagged, CRC-32C. Twin of bmcha/wire/codec.py.
 *
 * Offsets and limits are in bmcha_wire.h, generated from bmcha/wire/schema.py. */
#ifndef BMCHA_FRAME_H
#define BMCHA_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bmcha_wire.h"

/* One frame as it was found. Forty bytes without padding: Python unpacks an array of them with one
 * call. `status` is 0 or a BMCHA_BAD_ number; then only `offset` and `size`, the bytes of the
 * input that it took, hold. The body is in the caller's scratch at `body_offset`; a MAC, if flags
 * have BMCHA_FLAG_MAC, follows it there. */
struct bmcha_frame {
    int32_t status;
    uint32_t offset;
    uint32_t size;
    uint32_t body_offset;
    uint32_t chassis_id;
    uint32_t boot_id;
    uint32_t epoch;
    uint32_t sequence;
    uint16_t body_length;
    uint8_t version;
    uint8_t type;
    uint8_t flags;
    uint8_t key_id;
    uint8_t source_slot;
    uint8_t target_slot;
};

/* Writes one frame, with a delimiter behind it if stuffed. The bytes written, or -1 if something
 * is larger than a frame may hold or than `out`. A MAC has 0 or BMCHA_MAC_BYTES bytes. */
ssize_t bmcha_frame_encode(uint8_t *out, size_t out_size, int is_stuffed, uint8_t type,
                           uint8_t key_id, uint32_t chassis_id, uint8_t source_slot,
                           uint8_t target_slot, uint32_t boot_id, uint32_t epoch,
                           uint32_t sequence, const uint8_t *body, size_t body_size,
                           const uint8_t *mac, size_t mac_size);

/* The same in two steps, for who signs in between. The first writes header (version and flags but
 * BMCHA_FLAG_MAC are its own affair) and `head->body_length` bytes of `body`, and returns where the
 * header stands in `out`, or NULL. If flagged, BMCHA_MAC_BYTES behind the body are the caller's to
 * write. The second takes `out`, `out_size` and `is_stuffed` as the first did, and returns the
 * bytes written. */
uint8_t *bmcha_frame_begin(uint8_t *out, size_t out_size, int is_stuffed,
                           const struct bmcha_frame *head, const uint8_t *body);
ssize_t bmcha_frame_end(uint8_t *out, size_t out_size, int is_stuffed, uint8_t *frame);

/* Reads the one bare frame of a datagram; the body stays in `data`, and so do its offsets. */
void bmcha_frame_decode(const uint8_t *data, size_t data_size, struct bmcha_frame *frame);

/* Everything that one read returned. Fills `frames` from each part of `data` that ends with a
 * delimiter; `scratch`, at least as large as `data`, takes the unstuffed bytes. Returns how many
 * frames were filled; `*taken` is how many bytes of `data` they took. If `frames` is full, call
 * again with the rest. Limits itself to sizes below 2^32. */
size_t bmcha_frame_decode_stream(const uint8_t *data, size_t data_size, uint8_t *scratch,
                                 size_t scratch_size, struct bmcha_frame *frames,
                                 size_t frames_max, size_t *taken);

/* Whose frames are wanted, which are a path's and no longer than that takes (`takes_any`:
 * everybody's, of any length), and what came instead: `bad_counts` by
 * negated BMCHA_BAD_ number, `noise_bytes` of a stream that stood in no sound frame,
 * `foreign_chassis_id` the last other chassis heard. Counts only grow. Frames of no interest are
 * sound and counted under CHASSIS or SLOT, and are no noise. Who says to be in `target_slot` as
 * well is wanted too. */
#define BMCHA_BAD_COUNTS 20
struct bmcha_sieve {
    uint32_t chassis_id;
    uint8_t source_slot;
    uint8_t target_slot;
    uint8_t takes_any;
    uint8_t has_foreign;
    uint32_t foreign_chassis_id;
    uint64_t bad_counts[BMCHA_BAD_COUNTS];
    uint64_t noise_bytes;
};

/* As bmcha_frame_decode_stream, but hands out sound frames for this sieve only and counts the
 * rest, so that noise costs its caller nothing. Ends when `frames` is full, or at the end. */
size_t bmcha_frame_sift_stream(struct bmcha_sieve *sieve, const uint8_t *data, size_t data_size,
                               uint8_t *scratch, size_t scratch_size, struct bmcha_frame *frames,
                               size_t frames_max, size_t *taken);

/* The same for datagrams that lie one behind the other in `data`, `sizes_count` of them. `*taken`
 * is how many of them were looked at; offsets are those in `data`. Ends too where a size would
 * reach beyond `data`. */
size_t bmcha_frame_sift_datagrams(struct bmcha_sieve *sieve, const uint8_t *data, size_t data_size,
                                  const uint32_t *sizes, size_t sizes_count,
                                  struct bmcha_frame *frames, size_t frames_max, size_t *taken);

#endif
