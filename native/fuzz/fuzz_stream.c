/* A byte stream: any bytes, in any pieces, frames of any content.
 *
 * Input: a byte of choices, one that says where the stream is cut, then the stream. By choice it is
 * taken as it is, or as the inside of one frame that gets a right checksum and its stuffing, since
 * no fuzzer guesses a checksum. */
#include "../bmcha_bytes.h"
#include "../bmcha_cobs.h"
#include "../bmcha_crc32c.h"
#include "../bmcha_frame.h"
#include "fuzz.h"

#define IS_INSIDE 0x80u
#define TAKES_ANY 0x40u
#define FRAMES_MAX 0x07u

#define FOUND_MAX 4096u
static struct bmcha_frame found[FOUND_MAX];

/* Decodes `size` bytes of `data` in calls for `frames_max` frames each; how many it found. */
static size_t decode_all(const uint8_t *data, size_t size, size_t frames_max,
                         struct bmcha_frame *frames, size_t room, size_t *taken)
{
    uint8_t *input = exactly(data, size);
    uint8_t *scratch = exactly(data, size);
    size_t count = 0;

    *taken = 0;
    for (;;) {
        size_t one_taken;
        size_t limit = room - count < frames_max ? room - count : frames_max;
        size_t one = bmcha_frame_decode_stream(input + *taken, size - *taken, scratch + *taken,
                                               size - *taken, frames + count, limit, &one_taken);
        HOLDS(4, one <= limit && one_taken <= size - *taken);
        HOLDS(4, one == 0 || one_taken > 0);
        for (size_t i = count; i < count + one; i++) {
            frames[i].offset += (uint32_t)*taken;
            frames[i].body_offset += (uint32_t)*taken;
            HOLDS(1, (size_t)frames[i].offset + frames[i].size <= size);
            HOLDS(6, frames[i].status <= 0 && frames[i].status > -(int)BMCHA_BAD_COUNTS);
            if (frames[i].status == 0)
                HOLDS(1, (size_t)frames[i].body_offset + frames[i].body_length +
                                 (frames[i].flags & BMCHA_FLAG_MAC ? BMCHA_MAC_BYTES : 0) <=
                             size);
        }
        count += one;
        *taken += one_taken;
        if (one < limit || count == room)
            break;
    }
    free(scratch);
    free(input);
    return count;
}

/* What was found does not depend on how the stream was cut into reads. */
static void cut(const uint8_t *data, size_t size, size_t cut_at, size_t count, size_t taken)
{
    static struct bmcha_frame pieces[FOUND_MAX];
    size_t first_taken;
    size_t second_taken;
    size_t first = decode_all(data, cut_at, 8, pieces, FOUND_MAX, &first_taken);
    size_t second = decode_all(data + first_taken, size - first_taken, 8, pieces + first,
                               FOUND_MAX - first, &second_taken);

    HOLDS(11, first + second == count && first_taken + second_taken == taken);
    for (size_t i = 0; i < count; i++) {
        size_t moved = i < first ? 0 : first_taken;
        HOLDS(11, pieces[i].status == found[i].status && pieces[i].size == found[i].size);
        HOLDS(11, pieces[i].offset + moved == found[i].offset);
    }
}

/* Sound, and no longer than a path takes if it is for one. */
static int is_sound(const struct bmcha_frame *frame, int takes_any)
{
    size_t plain_size = BMCHA_HEADER_BYTES + frame->body_length + BMCHA_CRC_BYTES +
                        (frame->flags & BMCHA_FLAG_MAC ? BMCHA_MAC_BYTES : 0);

    return frame->status == 0 &&
           (takes_any || (plain_size <= BMCHA_PATH_FRAME_BYTES_MAX &&
                          frame->size <= BMCHA_PATH_STUFFED_BYTES_MAX));
}

/* A sieve hands out what is for it, and counts every byte and every frame that is not. */
static void sift(const uint8_t *data, size_t size, int takes_any, size_t count, size_t taken)
{
    struct bmcha_sieve sieve;
    static struct bmcha_frame frames[FOUND_MAX];
    uint8_t *input = exactly(data, size);
    uint8_t *scratch = exactly(data, size);
    size_t sifted_taken;
    size_t sifted;
    size_t bad = 0;
    uint64_t sound_bytes = 0;

    memset(&sieve, 0, sizeof sieve);
    sieve.takes_any = (uint8_t)takes_any;
    sieve.chassis_id = 1;
    sieve.source_slot = 1;
    sieve.target_slot = 2;
    sifted = bmcha_frame_sift_stream(&sieve, input, size, scratch, size, frames, FOUND_MAX,
                                     &sifted_taken);
    for (size_t i = 0; i < BMCHA_BAD_COUNTS; i++)
        bad += sieve.bad_counts[i];
    for (size_t i = 0; i < count; i++)
        if (is_sound(&found[i], takes_any))
            sound_bytes += found[i].size;
    HOLDS(6, sifted + bad == count && sifted_taken == taken);
    HOLDS(6, sieve.noise_bytes + sound_bytes == taken);
    for (size_t i = 0, at = 0; i < sifted; i++, at++) {
        const struct bmcha_frame *frame = &frames[i];
        while (at < count && found[at].offset != frame->offset)
            at++;
        HOLDS(6, at < count && memcmp(frame, &found[at], sizeof *frame) == 0);
        HOLDS(6, frame->status == 0);
        HOLDS(6, takes_any || (frame->chassis_id == 1 &&
                               (frame->source_slot == 2 ||
                                (frame->source_slot == 1 && frame->target_slot == 2))));
    }
    free(scratch);
    free(input);
}

/* What was stuffed is what comes out, and nothing is written behind the room that was given. */
static void stuff(const uint8_t *data, size_t size)
{
    size_t room = BMCHA_COBS_BYTES_MAX(size);
    uint8_t *apart = exactly(data, size);
    uint8_t *stuffed = malloc(room);
    uint8_t *in_place = malloc(room);
    uint8_t *plain;
    ssize_t stuffed_size;

    if (stuffed == NULL || in_place == NULL)
        abort();
    stuffed_size = bmcha_cobs_encode(apart, size, stuffed, room);
    HOLDS(2, stuffed_size > 0 && (size_t)stuffed_size <= room);
    HOLDS(2, bmcha_cobs_encode(apart, size, stuffed, room - 1) == -1);
    HOLDS(6, memchr(stuffed, 0, (size_t)stuffed_size) == NULL);
    memcpy(in_place + room - size, apart, size);
    HOLDS(2, bmcha_cobs_encode(in_place + room - size, size, in_place, room) == stuffed_size);
    HOLDS(2, memcmp(in_place, stuffed, (size_t)stuffed_size) == 0);
    plain = malloc((size_t)stuffed_size);
    if (plain == NULL)
        abort();
    HOLDS(6, bmcha_cobs_decode(stuffed, (size_t)stuffed_size, plain, (size_t)stuffed_size) ==
                 (ssize_t)size);
    HOLDS(6, memcmp(plain, data, size) == 0);
    free(plain);
    free(in_place);
    free(stuffed);
    free(apart);
}

/* One frame with what `data` has as header, body and MAC, delimited; the caller frees it. */
static uint8_t *framed(const uint8_t *data, size_t size, size_t *framed_size)
{
    uint8_t *bare = malloc(size + BMCHA_CRC_BYTES);
    size_t room = BMCHA_COBS_BYTES_MAX(size + BMCHA_CRC_BYTES);
    uint8_t *out = malloc(room + 1);

    if (bare == NULL || out == NULL)
        abort();
    memcpy(bare, data, size);
    bmcha_le32_write(bare + size, bmcha_crc32c(bare, size));
    *framed_size = (size_t)bmcha_cobs_encode(bare, size + BMCHA_CRC_BYTES, out, room);
    out[(*framed_size)++] = 0;
    free(bare);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t choices;
    size_t count;
    size_t taken;
    size_t cut_at;
    uint8_t *made = NULL;

    if (size < 3 || size > 140000) /* the longest frame, stuffed in two ways */
        return 0;
    choices = data[0];
    cut_at = data[1];
    data += 2;
    size -= 2;
    stuff(data, size);
    if (choices & IS_INSIDE)
        data = made = framed(data, size, &size);
    count = decode_all(data, size, (choices & FRAMES_MAX) + 1u, found, FOUND_MAX, &taken);
    if (count < FOUND_MAX) {
        cut(data, size, cut_at * size / 256, count, taken);
        sift(data, size, (choices & TAKES_ANY) != 0, count, taken);
    }
    free(made);
    return 0;
}
