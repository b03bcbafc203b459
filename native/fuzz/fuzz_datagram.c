/* Datagrams that lie one behind the other: any bytes, and sizes that may lie.
 *
 * Input: a byte of choices, four sizes of two bytes, then the datagrams. By choice the first of
 * them gets a right checksum. */
#include "../bmcha_bytes.h"
#include "../bmcha_crc32c.h"
#include "../bmcha_frame.h"
#include "fuzz.h"

#define HAS_CHECKSUM 0x80u
#define TAKES_ANY 0x40u
#define FRAMES_MAX 0x03u
#define DATAGRAMS 4u
#define HEAD_BYTES (1u + 2u * DATAGRAMS)

static void one(const uint8_t *data, size_t size)
{
    uint8_t *input = exactly(data, size);
    struct bmcha_frame frame;

    bmcha_frame_decode(input, size, &frame);
    HOLDS(6, frame.status <= 0 && frame.status > -(int)BMCHA_BAD_COUNTS);
    HOLDS(1, frame.size == size);
    if (frame.status == 0) {
        size_t mac = frame.flags & BMCHA_FLAG_MAC ? BMCHA_MAC_BYTES : 0;
        uint8_t *out = malloc(size);
        if (out == NULL)
            abort();
        HOLDS(1, frame.body_offset + frame.body_length + mac + BMCHA_CRC_BYTES == size);
        /* The version and the flags that we do not know apart, it is what we would send. */
        HOLDS(6, bmcha_frame_encode(out, size, 0, frame.type, frame.key_id, frame.chassis_id,
                                    frame.source_slot, frame.target_slot, frame.boot_id,
                                    frame.epoch, frame.sequence, input + frame.body_offset,
                                    frame.body_length,
                                    input + frame.body_offset + frame.body_length,
                                    mac) == (ssize_t)size);
        out[BMCHA_HEADER_VERSION] = frame.version;
        out[BMCHA_HEADER_FLAGS] = frame.flags;
        HOLDS(6, memcmp(out, input, size - BMCHA_CRC_BYTES) == 0);
        free(out);
    }
    free(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bmcha_sieve sieve;
    struct bmcha_frame frames[4];
    uint32_t sizes[DATAGRAMS];
    uint8_t choices;
    uint8_t *input;
    size_t found = 0;
    size_t bad = 0;
    size_t seen = 0;
    size_t start = 0;

    if (size < HEAD_BYTES)
        return 0;
    choices = data[0];
    for (size_t i = 0; i < DATAGRAMS; i++)
        sizes[i] = bmcha_le16_read(data + 1 + 2 * i);
    data += HEAD_BYTES;
    size -= HEAD_BYTES;
    input = exactly(data, size);
    if ((choices & HAS_CHECKSUM) && sizes[0] >= BMCHA_CRC_BYTES && sizes[0] <= size)
        bmcha_le32_write(input + sizes[0] - BMCHA_CRC_BYTES,
                         bmcha_crc32c(input, sizes[0] - BMCHA_CRC_BYTES));
    one(input, sizes[0] <= size ? sizes[0] : size);

    memset(&sieve, 0, sizeof sieve);
    sieve.takes_any = (choices & TAKES_ANY) != 0;
    sieve.chassis_id = 1;
    sieve.source_slot = 1;
    sieve.target_slot = 2;
    for (;;) {
        size_t limit = (choices & FRAMES_MAX) + 1u;
        size_t taken;
        size_t count = bmcha_frame_sift_datagrams(&sieve, input + start, size - start,
                                                  sizes + seen, DATAGRAMS - seen, frames, limit,
                                                  &taken);
        HOLDS(4, count <= limit && taken <= DATAGRAMS - seen && count <= taken);
        for (size_t i = 0; i < count; i++) {
            HOLDS(6, frames[i].status == 0);
            HOLDS(1, start + frames[i].offset + frames[i].size <= size);
            HOLDS(1, start + frames[i].body_offset + frames[i].body_length <= size);
        }
        for (size_t i = 0; i < taken; i++)
            start += sizes[seen + i];
        HOLDS(1, start <= size);
        found += count;
        seen += taken;
        if (taken == 0 || seen == DATAGRAMS)
            break;
    }
    for (size_t i = 0; i < BMCHA_BAD_COUNTS; i++)
        bad += sieve.bad_counts[i];
    HOLDS(6, found + bad == seen);
    free(input);
    return 0;
}
