/* Round trips around the block limit, refusals, and buffers of exactly the size that is asked:
 * the sanitizer sees one byte too far. */
#include <string.h>

#include "../bmcha_cobs.h"
#include "check.h"

static void round_trip(const uint8_t *data, size_t size)
{
    size_t room = BMCHA_COBS_BYTES_MAX(size);
    uint8_t *stuffed = malloc(room);
    ssize_t stuffed_size;
    uint8_t *plain;

    CHECK(stuffed != NULL);
    stuffed_size = bmcha_cobs_encode(data, size, stuffed, room);
    CHECK(stuffed_size > 0 && (size_t)stuffed_size <= room);
    CHECK(memchr(stuffed, 0, (size_t)stuffed_size) == NULL);
    CHECK(bmcha_cobs_encode(data, size, stuffed, room - 1) == -1);
    plain = malloc((size_t)stuffed_size);
    CHECK(plain != NULL);
    CHECK(bmcha_cobs_decode(stuffed, (size_t)stuffed_size, plain, (size_t)stuffed_size) ==
          (ssize_t)size);
    CHECK(size == 0 || memcmp(plain, data, size) == 0);
    free(plain);
    free(stuffed);
}

static void round_trips(void)
{
    unsigned long long state = 2;
    uint8_t data[1100];

    for (unsigned int zero_every = 1; zero_every < 400; zero_every += zero_every / 8 + 1) {
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = test_random(&state) % zero_every == 0 ? 0 : (uint8_t)(i % 255 + 1);
        for (size_t size = 0; size < sizeof data; size += size < 530 ? 1 : 57)
            round_trip(data, size);
    }
    memset(data, 0x55, sizeof data);
    for (size_t size = 0; size < sizeof data; size++)
        round_trip(data, size);
    puts("ok round trips");
}

static void refusals(void)
{
    uint8_t out[8];

    CHECK(bmcha_cobs_decode((const uint8_t *)"", 0, out, sizeof out) == -1);
    CHECK(bmcha_cobs_decode((const uint8_t *)"\x03\x01", 2, out, sizeof out) == -1);
    CHECK(bmcha_cobs_decode((const uint8_t *)"\x03\x00\x01", 3, out, sizeof out) == -1);
    CHECK(bmcha_cobs_decode((const uint8_t *)"\x02\x01\x01", 3, out, 2) == -1);
    CHECK(bmcha_cobs_decode((const uint8_t *)"\x02\x01\x01", 3, out, 3) == 2);
    puts("ok refusals");
}

static void noise_never_overruns(void)
{
    unsigned long long state = 3;

    for (int turn = 0; turn < 20000; turn++) {
        size_t size = test_random(&state) % 600;
        uint8_t *data = malloc(size + 1);
        uint8_t *out = malloc(size + 1);
        CHECK(data != NULL && out != NULL);
        for (size_t i = 0; i < size; i++)
            data[i] = (uint8_t)(test_random(&state) % (turn % 2 ? 256 : 12));
        (void)bmcha_cobs_decode(data, size, out, size);
        free(out);
        free(data);
    }
    puts("ok noise never overruns");
}

int main(void)
{
    round_trips();
    refusals();
    noise_never_overruns();
    return 0;
}
