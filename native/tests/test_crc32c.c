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
    static uint8_t data[70000];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)test_random(&state);
    /* Up to 300 every size; then some, and all around one and two rounds of lanes. */
    for (size_t from = 0; from < 9; from++)
        for (size_t size = 0; size + from <= sizeof data; size += size < 300 ? 1 : size / 11)
            CHECK(bmcha_crc32c(data + from, size) == bmcha_crc32c_table(data + from, size));
    for (size_t size = 700; size < 1700; size++)
        CHECK(bmcha_crc32c(data, size) == bmcha_crc32c_table(data, size));
    printf("ok both ways agree at every size and alignment (%s)\n",
           bmcha_crc32c_is_instruction() ? "instruction and tables" : "there are only tables");
}

int main(void)
{
    known_values();
    both_ways_agree();
    return 0;
}
