/* CRC-32C: the processor's own instruction where it has one, else eight tables.
 *
 * The tables and the choice are made once, when the library is loaded and before any thread can
 * call; afterwards nothing here is written. */
#include "bmcha_crc32c.h"

#include <string.h>

#define POLYNOMIAL_REVERSED 0x82F63B78u

static uint32_t table[8][256];

typedef uint32_t (*crc_function)(uint32_t crc, const uint8_t *data, size_t data_size);

static uint32_t crc_by_table(uint32_t crc, const uint8_t *data, size_t data_size)
{
    while (data_size >= 8) {
        uint64_t word;
        memcpy(&word, data, sizeof word);
        word ^= crc; /* little-endian, as all of bmcha's C */
        crc = table[7][word & 0xFF] ^ table[6][(word >> 8) & 0xFF] ^
              table[5][(word >> 16) & 0xFF] ^ table[4][(word >> 24) & 0xFF] ^
              table[3][(word >> 32) & 0xFF] ^ table[2][(word >> 40) & 0xFF] ^
              table[1][(word >> 48) & 0xFF] ^ table[0][word >> 56];
        data += 8;
        data_size -= 8;
    }
    while (data_size-- > 0)
        crc = table[0][(crc ^ *data++) & 0xFF] ^ (crc >> 8);
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
static uint32_t crc_by_sse42(uint32_t crc, const uint8_t *data, size_t data_size)
{
    uint64_t wide = crc;

    while (data_size >= 8) {
        uint64_t word;
        memcpy(&word, data, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
        data += 8;
        data_size -= 8;
    }
    crc = (uint32_t)wide;
    while (data_size-- > 0)
        crc = __builtin_ia32_crc32qi(crc, *data++);
    return crc;
}
#endif

static crc_function crc_best = crc_by_table;

__attribute__((constructor)) static void crc_prepare(void)
{
    for (uint32_t value = 0; value < 256; value++) {
        uint32_t crc = value;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1u) ? POLYNOMIAL_REVERSED : 0u);
        table[0][value] = crc;
    }
    for (int slice = 1; slice < 8; slice++)
        for (uint32_t value = 0; value < 256; value++) {
            uint32_t before = table[slice - 1][value];
            table[slice][value] = table[0][before & 0xFF] ^ (before >> 8);
        }
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.2"))
        crc_best = crc_by_sse42;
#endif
}

uint32_t bmcha_crc32c(const void *data, size_t data_size)
{
    return ~crc_best(0xFFFFFFFFu, data, data_size);
}

uint32_t bmcha_crc32c_table(const void *data, size_t data_size)
{
    return ~crc_by_table(0xFFFFFFFFu, data, data_size);
}
