/* Frames at their limits, streams with damage, and noise. */
#include <string.h>

#include "../bmcha_bytes.h"
#include "../bmcha_crc32c.h"
#include "../bmcha_frame.h"
#include "check.h"

static ssize_t encode(uint8_t *out, size_t out_size, int is_stuffed, const uint8_t *body,
                      size_t body_size, const uint8_t *mac, size_t mac_size)
{
    return bmcha_frame_encode(out, out_size, is_stuffed, BMCHA_TYPE_PROBE, 3, 0x01020304u, 1, 2,
                              0x11121314u, 0x21222324u, 0x31323334u, body, body_size, mac,
                              mac_size);
}

static void a_frame_comes_back(void)
{
    static const uint8_t mac[BMCHA_MAC_BYTES] = {9, 8, 7};
    uint8_t bare[128];
    uint8_t stuffed[128];
    uint8_t scratch[128];
    struct bmcha_frame frame;
    size_t taken;
    ssize_t size = encode(bare, sizeof bare, 0, (const uint8_t *)"body", 4, mac, sizeof mac);

    CHECK(size == 24 + 4 + 16 + 4);
    bmcha_frame_decode(bare, (size_t)size, &frame);
    CHECK(frame.status == 0 && frame.version == BMCHA_VERSION_CURRENT);
    CHECK(frame.type == BMCHA_TYPE_PROBE);
    CHECK(frame.flags == BMCHA_FLAG_MAC && frame.key_id == 3);
    CHECK(frame.chassis_id == 0x01020304u && frame.source_slot == 1 && frame.target_slot == 2);
    CHECK(frame.boot_id == 0x11121314u && frame.epoch == 0x21222324u);
    CHECK(frame.sequence == 0x31323334u && frame.body_length == 4);
    CHECK(memcmp(bare + frame.body_offset, "body", 4) == 0);
    CHECK(memcmp(bare + frame.body_offset + 4, mac, sizeof mac) == 0);

    size = encode(stuffed, sizeof stuffed, 1, (const uint8_t *)"body", 4, mac, sizeof mac);
    CHECK(size == 24 + 4 + 16 + 4 + 2 && stuffed[size - 1] == 0);
    CHECK(bmcha_frame_decode_stream(stuffed, (size_t)size, scratch, sizeof scratch, &frame, 1,
                                    &taken) == 1);
    CHECK(taken == (size_t)size && frame.status == 0);
    CHECK(memcmp(scratch + frame.body_offset, "body", 4) == 0);
    puts("ok a frame comes back");
}

static void limits_hold(void)
{
    static uint8_t body[BMCHA_BODY_BYTES_MAX + 1];
    static const uint8_t mac[BMCHA_MAC_BYTES];
    static uint8_t scratch[BMCHA_STUFFED_BYTES_MAX];
    struct bmcha_frame frame;
    size_t taken;
    uint8_t *out = malloc(BMCHA_STUFFED_BYTES_MAX);
    ssize_t size;

    CHECK(out != NULL);
    memset(body, 0x55, sizeof body);
    CHECK(encode(out, BMCHA_STUFFED_BYTES_MAX, 1, body, sizeof body, NULL, 0) == -1);
    CHECK(encode(out, BMCHA_STUFFED_BYTES_MAX, 1, body, 4, mac, 15) == -1);
    CHECK(encode(out, 31, 0, body, 4, NULL, 0) == -1);
    CHECK(encode(out, 33, 1, body, 4, NULL, 0) == -1);
    size = encode(out, BMCHA_STUFFED_BYTES_MAX, 1, body, BMCHA_BODY_BYTES_MAX, mac, sizeof mac);
    CHECK(size > 0);
    CHECK(bmcha_frame_decode_stream(out, (size_t)size, scratch, sizeof scratch, &frame, 1,
                                    &taken) == 1);
    CHECK(frame.status == 0 && frame.body_length == BMCHA_BODY_BYTES_MAX);
    CHECK(bmcha_frame_decode_stream(out, (size_t)size, scratch, (size_t)size - 1, &frame, 1,
                                    &taken) == 0);
    CHECK(taken == 0);
    free(out);
    puts("ok limits hold");
}

/* What a path takes is less than a frame may have; what came cut is too long all the same. */
static void a_path_takes_less(void)
{
    static uint8_t body[BMCHA_BODY_BYTES_MAX], out[BMCHA_STUFFED_BYTES_MAX];
    static uint8_t scratch[BMCHA_STUFFED_BYTES_MAX];
    const size_t room = BMCHA_PATH_FRAME_BYTES_MAX - BMCHA_HEADER_BYTES - BMCHA_CRC_BYTES;
    const size_t sizes[] = {room, room + 1, BMCHA_BODY_BYTES_MAX};
    struct bmcha_frame frame;
    size_t taken;

    memset(body, 0x55, sizeof body);
    for (size_t i = 0; i < 6; i++) {
        struct bmcha_sieve sieve = {
            .chassis_id = 0x01020304u, .source_slot = 1, .target_slot = 2};
        int is_stuffed = i >= 3;
        ssize_t size = encode(out, sizeof out, is_stuffed, body, sizes[i % 3], NULL, 0);
        uint32_t datagram = (uint32_t)size;
        size_t found = is_stuffed
                           ? bmcha_frame_sift_stream(&sieve, out, (size_t)size, scratch,
                                                     sizeof scratch, &frame, 1, &taken)
                           : bmcha_frame_sift_datagrams(&sieve, out, (size_t)size, &datagram, 1,
                                                        &frame, 1, &taken);
        CHECK(size > 0 && found == (i % 3 == 0));
        CHECK(sieve.bad_counts[-BMCHA_BAD_TOO_LONG] == (i % 3 != 0));
        CHECK(sieve.noise_bytes == (i % 3 ? (uint64_t)size : 0));
    }
    puts("ok a path takes less than a frame may have");
}

/* A checksum that fits does not make a length true. */
static void a_lying_length_is_found(void)
{
    uint8_t data[64];
    struct bmcha_frame frame;
    ssize_t size = encode(data, sizeof data, 0, (const uint8_t *)"body", 4, NULL, 0);

    for (unsigned int length = 0; length < 0x10000u; length++) {
        uint32_t crc;
        data[BMCHA_HEADER_BODY_LENGTH] = (uint8_t)length;
        data[BMCHA_HEADER_BODY_LENGTH + 1] = (uint8_t)(length >> 8);
        crc = bmcha_crc32c(data, (size_t)size - 4);
        bmcha_le32_write(data + size - 4, crc);
        bmcha_frame_decode(data, (size_t)size, &frame);
        CHECK(frame.status == (length == 4 ? 0 : BMCHA_BAD_LENGTH));
    }
    puts("ok a lying length is found");
}

static void a_flipped_bit_is_found(void)
{
    uint8_t data[64];
    struct bmcha_frame frame;
    ssize_t size = encode(data, sizeof data, 0, (const uint8_t *)"body", 4, NULL, 0);

    for (size_t bit = 0; bit < (size_t)size * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bmcha_frame_decode(data, (size_t)size, &frame);
        CHECK(frame.status == BMCHA_BAD_CRC);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    puts("ok a flipped bit is found");
}

static void a_full_array_is_continued(void)
{
    uint8_t stream[10 * 64];
    uint8_t scratch[sizeof stream];
    struct bmcha_frame frames[3];
    size_t stream_size = 0;
    size_t start = 0;
    size_t found = 0;
    size_t count;

    for (int i = 0; i < 10; i++) {
        ssize_t size = encode(stream + stream_size, sizeof stream - stream_size, 1,
                              (const uint8_t *)"body", 4, NULL, 0);
        CHECK(size > 0);
        stream_size += (size_t)size;
    }
    do {
        size_t taken;
        count = bmcha_frame_decode_stream(stream + start, stream_size - start, scratch,
                                          sizeof scratch, frames, 3, &taken);
        for (size_t i = 0; i < count; i++)
            CHECK(frames[i].status == 0);
        found += count;
        start += taken;
    } while (count == 3);
    CHECK(found == 10 && start == stream_size);
    puts("ok a full array is continued");
}

static void noise_is_only_counted(void)
{
    unsigned long long state = 4;
    struct bmcha_frame frames[16];

    for (int turn = 0; turn < 20000; turn++) {
        size_t size = test_random(&state) % 300 + 1;
        uint8_t *data = malloc(size);
        uint8_t *scratch = malloc(size);
        size_t taken;
        size_t count;
        CHECK(data != NULL && scratch != NULL);
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)(test_random(&state) % (turn % 2 ? 256 : 40));
        count = bmcha_frame_decode_stream(data, size, scratch, size, frames, 16, &taken);
        for (size_t i = 0; i < count; i++) {
            CHECK(frames[i].status < 0);
            CHECK((size_t)frames[i].offset + frames[i].size <= size);
        }
        CHECK(taken <= size);
        bmcha_frame_decode(data, size, frames);
        CHECK(frames[0].status < 0);
        free(scratch);
        free(data);
    }
    puts("ok noise is only counted");
}

static void a_sieve_hands_out_its_own_frames_only(void)
{
    struct bmcha_sieve sieve;
    struct bmcha_frame frames[4];
    uint8_t data[256], scratch[256];
    uint32_t sizes[4];
    size_t taken, size = 0, count;

    memset(&sieve, 0, sizeof sieve);
    sieve.chassis_id = 0x01020304u;
    sieve.source_slot = 1;
    sieve.target_slot = 2;
    memcpy(data, "\0junk\0", 6);
    size = 6 + (size_t)encode(data + 6, sizeof data - 6, 1, (const uint8_t *)"a", 1, NULL, 0);
    size += (size_t)encode(data + size, sizeof data - size, 1, (const uint8_t *)"b", 1, NULL, 0);
    count = bmcha_frame_sift_stream(&sieve, data, size, scratch, sizeof scratch, frames, 4, &taken);
    CHECK(count == 2 && taken == size);
    CHECK(scratch[frames[0].body_offset] == 'a' && scratch[frames[1].body_offset] == 'b');
    CHECK(sieve.noise_bytes == 6 && sieve.bad_counts[-BMCHA_BAD_COBS] == 1);

    /* Only one place for frames: the caller goes on behind what was taken. */
    count = bmcha_frame_sift_stream(&sieve, data, size, scratch, sizeof scratch, frames, 1, &taken);
    CHECK(count == 1 && taken < size);

    sieve.target_slot = 3;
    sizes[0] = (uint32_t)encode(data, sizeof data, 0, (const uint8_t *)"c", 1, NULL, 0);
    sizes[1] = 0;
    sizes[2] = sizes[0];
    memcpy(data + sizes[0], data, sizes[0]);
    data[sizes[0] * 2 - 1] ^= 1;
    count = bmcha_frame_sift_datagrams(&sieve, data, sizes[0] * 2u, sizes, 3, frames, 4, &taken);
    CHECK(count == 0 && taken == 3);
    CHECK(sieve.bad_counts[-BMCHA_BAD_SLOT] == 1 && sieve.bad_counts[-BMCHA_BAD_TOO_SHORT] == 1);
    CHECK(sieve.bad_counts[-BMCHA_BAD_CRC] == 1 && !sieve.has_foreign);
    sieve.chassis_id = 5;
    count = bmcha_frame_sift_datagrams(&sieve, data, sizes[0], sizes, 1, frames, 4, &taken);
    CHECK(count == 0 && sieve.has_foreign && sieve.foreign_chassis_id == 0x01020304u);
    sieve.takes_any = 1;
    CHECK(bmcha_frame_sift_datagrams(&sieve, data, sizes[0], sizes, 1, frames, 4, &taken) == 1);

    /* From slot 1 for slot 2, heard in slot 1 by whoever expects slot 2: it says our own slot. */
    sieve.takes_any = 0;
    sieve.chassis_id = 0x01020304u;
    sieve.source_slot = 2;
    sieve.target_slot = 1;
    CHECK(bmcha_frame_sift_datagrams(&sieve, data, sizes[0], sizes, 1, frames, 4, &taken) == 1);
    CHECK(frames[0].source_slot == 1 && sieve.bad_counts[-BMCHA_BAD_SLOT] == 1);

    /* A size that lies is where it ends. */
    sizes[0]++;
    CHECK(bmcha_frame_sift_datagrams(&sieve, data, sizes[0] - 1u, sizes, 1, frames, 4, &taken) == 0);
    CHECK(taken == 0);
    puts("ok a sieve hands out its own frames only");
}

static void a_sieve_survives_noise(void)
{
    unsigned long long state = 5;
    struct bmcha_sieve sieve;
    struct bmcha_frame frames[8];

    memset(&sieve, 0, sizeof sieve);
    for (int turn = 0; turn < 20000; turn++) {
        size_t size = test_random(&state) % 300 + 1;
        uint8_t *data = malloc(size);
        uint8_t *scratch = malloc(size);
        uint32_t sizes[4];
        size_t taken;
        CHECK(data != NULL && scratch != NULL);
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)(test_random(&state) % (turn % 2 ? 256 : 3));
        for (size_t i = 0; i < 4; i++)
            sizes[i] = test_random(&state) % 200;
        CHECK(bmcha_frame_sift_stream(&sieve, data, size, scratch, size, frames, 8, &taken) == 0);
        CHECK(taken <= size);
        CHECK(bmcha_frame_sift_datagrams(&sieve, data, size, sizes, 4, frames, 8, &taken) == 0);
        CHECK(taken <= 4);
        free(scratch);
        free(data);
    }
    CHECK(sieve.noise_bytes > 0 && sieve.bad_counts[0] == 0);
    puts("ok a sieve survives noise");
}

int main(void)
{
    a_frame_comes_back();
    limits_hold();
    a_path_takes_less();
    a_lying_length_is_found();
    a_flipped_bit_is_found();
    a_full_array_is_continued();
    noise_is_only_counted();
    a_sieve_hands_out_its_own_frames_only();
    a_sieve_survives_noise();
    return 0;
}
