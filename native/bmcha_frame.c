/* Frames to bytes and back. Allocates nothing; believes no length before it was compared. */
#include "bmcha_frame.h"

#include <string.h>

#include "bmcha_bytes.h"
#include "bmcha_cobs.h"
#include "bmcha_crc32c.h"

#define OVERHEAD_BYTES (BMCHA_HEADER_BYTES + BMCHA_CRC_BYTES)

_Static_assert(sizeof(struct bmcha_frame) == 40, "Python unpacks it as 40 bytes");
_Static_assert(BMCHA_STUFFED_BYTES_MAX > BMCHA_COBS_BYTES_MAX(BMCHA_FRAME_BYTES_MAX),
               "the largest frame fits, and its delimiter");

static size_t mac_size_of(uint8_t flags)
{
    return flags & BMCHA_FLAG_MAC ? BMCHA_MAC_BYTES : 0;
}

uint8_t *bmcha_frame_begin(uint8_t *out, size_t out_size, int is_stuffed,
                           const struct bmcha_frame *head, const uint8_t *body)
{
    size_t body_size = head->body_length;
    size_t frame_size = OVERHEAD_BYTES + body_size + mac_size_of(head->flags);
    uint8_t *frame = out;

    if (body_size > BMCHA_BODY_BYTES_MAX || out_size < frame_size ||
        (is_stuffed && out_size < BMCHA_COBS_BYTES_MAX(frame_size) + 1))
        return NULL;
    if (is_stuffed) /* made so far behind that stuffing it to the front overtakes nothing */
        frame += BMCHA_COBS_BYTES_MAX(frame_size) - frame_size;
    frame[BMCHA_HEADER_VERSION] = BMCHA_VERSION_CURRENT;
    frame[BMCHA_HEADER_TYPE] = head->type;
    frame[BMCHA_HEADER_FLAGS] = head->flags & BMCHA_FLAG_MAC;
    frame[BMCHA_HEADER_KEY_ID] = head->key_id;
    bmcha_le32_write(frame + BMCHA_HEADER_CHASSIS_ID, head->chassis_id);
    frame[BMCHA_HEADER_SOURCE_SLOT] = head->source_slot;
    frame[BMCHA_HEADER_TARGET_SLOT] = head->target_slot;
    bmcha_le32_write(frame + BMCHA_HEADER_BOOT_ID, head->boot_id);
    bmcha_le32_write(frame + BMCHA_HEADER_EPOCH, head->epoch);
    bmcha_le32_write(frame + BMCHA_HEADER_SEQUENCE, head->sequence);
    bmcha_le16_write(frame + BMCHA_HEADER_BODY_LENGTH, head->body_length);
    if (body_size)
        memcpy(frame + BMCHA_HEADER_BYTES, body, body_size);
    return frame;
}

ssize_t bmcha_frame_end(uint8_t *out, size_t out_size, int is_stuffed, uint8_t *frame)
{
    size_t summed_size = BMCHA_HEADER_BYTES +
                         bmcha_le16_read(frame + BMCHA_HEADER_BODY_LENGTH) +
                         mac_size_of(frame[BMCHA_HEADER_FLAGS]);
    ssize_t stuffed_size;

    bmcha_le32_write(frame + summed_size, bmcha_crc32c(frame, summed_size));
    if (!is_stuffed)
        return (ssize_t)(summed_size + BMCHA_CRC_BYTES);
    stuffed_size = bmcha_cobs_encode(frame, summed_size + BMCHA_CRC_BYTES, out, out_size - 1);
    if (stuffed_size < 0)
        return -1;
    out[stuffed_size] = 0;
    return stuffed_size + 1;
}

ssize_t bmcha_frame_encode(uint8_t *out, size_t out_size, int is_stuffed, uint8_t type,
                           uint8_t key_id, uint32_t chassis_id, uint8_t source_slot,
                           uint8_t target_slot, uint32_t boot_id, uint32_t epoch,
                           uint32_t sequence, const uint8_t *body, size_t body_size,
                           const uint8_t *mac, size_t mac_size)
{
    struct bmcha_frame head;
    uint8_t *frame;

    if (body_size > BMCHA_BODY_BYTES_MAX || (mac_size != 0 && mac_size != BMCHA_MAC_BYTES))
        return -1;
    memset(&head, 0, sizeof head);
    head.type = type;
    head.flags = mac_size ? BMCHA_FLAG_MAC : 0;
    head.key_id = key_id;
    head.chassis_id = chassis_id;
    head.source_slot = source_slot;
    head.target_slot = target_slot;
    head.boot_id = boot_id;
    head.epoch = epoch;
    head.sequence = sequence;
    head.body_length = (uint16_t)body_size;
    frame = bmcha_frame_begin(out, out_size, is_stuffed, &head, body);
    if (frame == NULL)
        return -1;
    if (mac_size)
        memcpy(frame + BMCHA_HEADER_BYTES + body_size, mac, mac_size);
    return bmcha_frame_end(out, out_size, is_stuffed, frame);
}

/* The checks from the outside in, in the order of the Python twin. 0 or a BMCHA_BAD_ number. */
static int parse(const uint8_t *data, size_t data_size, struct bmcha_frame *frame)
{
    if (data_size < OVERHEAD_BYTES)
        return BMCHA_BAD_TOO_SHORT;
    if (data_size > BMCHA_FRAME_BYTES_MAX)
        return BMCHA_BAD_TOO_LONG;
    if (bmcha_crc32c(data, data_size - BMCHA_CRC_BYTES) !=
        bmcha_le32_read(data + data_size - BMCHA_CRC_BYTES))
        return BMCHA_BAD_CRC;
    frame->version = data[BMCHA_HEADER_VERSION];
    frame->type = data[BMCHA_HEADER_TYPE];
    frame->flags = data[BMCHA_HEADER_FLAGS];
    frame->key_id = data[BMCHA_HEADER_KEY_ID];
    frame->chassis_id = bmcha_le32_read(data + BMCHA_HEADER_CHASSIS_ID);
    frame->source_slot = data[BMCHA_HEADER_SOURCE_SLOT];
    frame->target_slot = data[BMCHA_HEADER_TARGET_SLOT];
    frame->boot_id = bmcha_le32_read(data + BMCHA_HEADER_BOOT_ID);
    frame->epoch = bmcha_le32_read(data + BMCHA_HEADER_EPOCH);
    frame->sequence = bmcha_le32_read(data + BMCHA_HEADER_SEQUENCE);
    frame->body_length = bmcha_le16_read(data + BMCHA_HEADER_BODY_LENGTH);
    if (frame->version < BMCHA_VERSION_MIN)
        return BMCHA_BAD_VERSION;
    if (data_size != OVERHEAD_BYTES + frame->body_length + mac_size_of(frame->flags))
        return BMCHA_BAD_LENGTH;
    return 0;
}

void bmcha_frame_decode(const uint8_t *data, size_t data_size, struct bmcha_frame *frame)
{
    memset(frame, 0, sizeof *frame);
    frame->size = data_size > UINT32_MAX ? UINT32_MAX : (uint32_t)data_size;
    frame->body_offset = BMCHA_HEADER_BYTES;
    frame->status = parse(data, data_size, frame);
}

static int unstuff(const uint8_t *data, size_t data_size, uint8_t *scratch, size_t scratch_size,
                   struct bmcha_frame *frame)
{
    ssize_t plain_size;

    if (data_size + 1 > BMCHA_STUFFED_BYTES_MAX)
        return BMCHA_BAD_TOO_LONG;
    plain_size = bmcha_cobs_decode(data, data_size, scratch, scratch_size);
    if (plain_size < 0)
        return BMCHA_BAD_COBS;
    return parse(scratch, (size_t)plain_size, frame);
}

size_t bmcha_frame_decode_stream(const uint8_t *data, size_t data_size, uint8_t *scratch,
                                 size_t scratch_size, struct bmcha_frame *frames,
                                 size_t frames_max, size_t *taken)
{
    size_t frames_count = 0;
    size_t start = 0;

    *taken = 0;
    if (data_size > UINT32_MAX || scratch_size < data_size)
        return 0;
    while (start < data_size && frames_count < frames_max) {
        const uint8_t *delimiter = memchr(data + start, 0, data_size - start);
        size_t end;
        if (delimiter == NULL)
            break;
        end = (size_t)(delimiter - data);
        if (end > start) {
            /* Plain is shorter than stuffed, so a frame's place in the input is free in scratch. */
            struct bmcha_frame *frame = &frames[frames_count++];
            memset(frame, 0, sizeof *frame);
            frame->offset = (uint32_t)start;
            frame->size = (uint32_t)(end - start + 1);
            frame->body_offset = (uint32_t)start + BMCHA_HEADER_BYTES;
            frame->status =
                unstuff(data + start, end - start, scratch + start, scratch_size - start, frame);
        }
        start = end + 1;
    }
    *taken = start;
    return frames_count;
}

/* 1 if the frame is for this sieve; else it is counted. */
static int is_wanted(struct bmcha_sieve *sieve, struct bmcha_frame *frame)
{
    size_t plain_size = OVERHEAD_BYTES + frame->body_length + mac_size_of(frame->flags);
    int32_t status;

    if (frame->status == 0 && !sieve->takes_any && plain_size > BMCHA_PATH_FRAME_BYTES_MAX)
        frame->status = BMCHA_BAD_TOO_LONG;
    status = frame->status;
    if (sieve->takes_any) {
        /* Nobody's address is asked for. */
    } else if (status == 0 && frame->chassis_id != sieve->chassis_id) {
        status = BMCHA_BAD_CHASSIS;
        sieve->has_foreign = 1;
        sieve->foreign_chassis_id = frame->chassis_id;
    } else if (status == 0 && frame->source_slot == sieve->target_slot) {
        /* An echo, or another module that says our slot: for the caller to tell apart. */
    } else if (status == 0 && (frame->source_slot != sieve->source_slot ||
                               frame->target_slot != sieve->target_slot)) {
        status = BMCHA_BAD_SLOT;
    }
    if (status < 0 && -status < BMCHA_BAD_COUNTS)
        sieve->bad_counts[-status]++;
    if (frame->status < 0)
        sieve->noise_bytes += frame->size;
    return status == 0;
}

size_t bmcha_frame_sift_stream(struct bmcha_sieve *sieve, const uint8_t *data, size_t data_size,
                               uint8_t *scratch, size_t scratch_size, struct bmcha_frame *frames,
                               size_t frames_max, size_t *taken)
{
    size_t frames_count = 0;
    size_t start = 0;

    *taken = 0;
    if (scratch_size < data_size)
        return 0;
    while (start < data_size && frames_count < frames_max) {
        struct bmcha_frame *frame = &frames[frames_count];
        size_t one_taken;
        size_t found = bmcha_frame_decode_stream(data + start, data_size - start, scratch + start,
                                                 scratch_size - start, frame, 1, &one_taken);
        if (found) {
            /* Delimiters without anything between them are an idle line, and still no frame. */
            sieve->noise_bytes += one_taken - frame->size;
            if (!sieve->takes_any && frame->size > BMCHA_PATH_STUFFED_BYTES_MAX)
                frame->status = BMCHA_BAD_TOO_LONG; /* as if it had come in pieces */
            frame->offset += (uint32_t)start;
            frame->body_offset += (uint32_t)start;
            frames_count += (size_t)is_wanted(sieve, frame);
        } else {
            sieve->noise_bytes += one_taken;
        }
        start += one_taken;
        if (!found)
            break;
    }
    *taken = start;
    return frames_count;
}

size_t bmcha_frame_sift_datagrams(struct bmcha_sieve *sieve, const uint8_t *data, size_t data_size,
                                  const uint32_t *sizes, size_t sizes_count,
                                  struct bmcha_frame *frames, size_t frames_max, size_t *taken)
{
    size_t frames_count = 0;
    size_t start = 0;
    size_t at;

    for (at = 0; at < sizes_count && frames_count < frames_max; at++) {
        struct bmcha_frame *frame = &frames[frames_count];
        if (sizes[at] > data_size - start)
            break;
        if (!sieve->takes_any && sizes[at] > BMCHA_PATH_FRAME_BYTES_MAX) { /* cut, or not */
            memset(frame, 0, sizeof *frame);
            frame->size = sizes[at];
            frame->status = BMCHA_BAD_TOO_LONG;
        } else {
            bmcha_frame_decode(data + start, sizes[at], frame);
        }
        frame->offset = (uint32_t)start;
        frame->body_offset += (uint32_t)start;
        frames_count += (size_t)is_wanted(sieve, frame);
        start += sizes[at];
    }
    *taken = at;
    return frames_count;
}
