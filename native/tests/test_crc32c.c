/* Known values (RFC 3720 B.4), and the two ways of computing against each other. */
#include <string.h>

#include "../bmcha_crc32c.h"
#include "check.h"

static void known_values(void)
{
    uint8_t data[32];

    CHECK(bmcha_crc32c("123456789", 9) == 0xE3069283u);
    CHECK(bmcha_crc32c("", 0) == 0);
    memset(data, 0, sizeof data);
    CHECK(bmcha_crc32c(data, sizeof data) == 0x8A9136AAu);
    memset(data, 0xFF, sizeof data);
    CHECK(bmcha_crc32c(data, sizeof data) == 0x62A8AB43u);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)i;
    CHECK(bmcha_crc32c(data, sizeof data) == 0x46DD794Eu);
    puts("ok known values");
}

static void both_ways_agree(void)
{
    unsigned long long state = 1;
    uint8_t data[300];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)test_random(&state);
    for (size_t from = 0; from < 9; from++)
        for (size_t size = 0; size + from <= sizeof data; size++)
            CHECK(bmcha_crc32c(data + from, size) == bmcha_crc32c_table(data + from, size));
    puts("ok both ways agree at every size and alignment");
}

int main(void)
{
    known_values();
    both_ways_agree();
    return 0;
}
