/* CRC-32C: the processor's own instruction where it has one, else eight tables.
 *
 * The instruction's answer takes three cycles, and a new one can begin with each: so long data go
 * through it in three lanes at once, whose checksums are then put together. (Gopal et al., "Fast
 * CRC Computation for iSCSI Polynomial Using CRC32 Instruction", Intel, 2011.) The tables and the
 * choice are made once, when the library is loaded and before any thread can call; afterwards
 * nothing here is written. */
#include "bmcha_crc32c.h"

#include "bmcha_bytes.h"

#define POLYNOMIAL_REVERSED 0x82F63B78u
#define LANE_BYTES 256u /* three of them and the rest is what a 4 KiB frame is quickest with */

typedef uint32_t (*crc_function)(uint32_t crc, const uint8_t *data, size_t data_size);

static uint32_t table[8][256];

static uint32_t crc_by_table(uint32_t crc, const uint8_t *data, size_t data_size)
{
    while (data_size >= 8) {
        uint32_t low = bmcha_le32_read(data) ^ crc;
        uint32_t high = bmcha_le32_read(data + 4);
        crc = table[7][low & 0xFF] ^ table[6][(low >> 8) & 0xFF] ^ table[5][(low >> 16) & 0xFF] ^
              table[4][low >> 24] ^ table[3][high & 0xFF] ^ table[2][(high >> 8) & 0xFF] ^
              table[1][(high >> 16) & 0xFF] ^ table[0][high >> 24];
        data += 8;
        data_size -= 8;
    }
    while (data_size-- > 0)
        crc = table[0][(crc ^ *data++) & 0xFF] ^ (crc >> 8);
    return crc;
}

/* ---- the instruction: CRC_STEP takes CRC_STEP_BYTES of data, CRC_STEP_1 one byte */

#if defined(__x86_64__)
#include <nmmintrin.h>
#define CRC_TARGET __attribute__((target("sse4.2")))
#define CRC_STEP_BYTES 8u
#define CRC_STEP(crc, at) (uint32_t) _mm_crc32_u64(crc, bmcha_le64_read(at))
#define CRC_STEP_1(crc, byte) _mm_crc32_u8(crc, byte)

static int has_instruction(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2");
}

/* Not by clang: of a single function it turns the instruction on by other words, or not at all. */
#elif defined(__aarch64__) && !defined(__AARCH64EB__) && !defined(__clang__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define CRC_TARGET __attribute__((target("+crc")))
#define CRC_STEP_BYTES 8u
#define CRC_STEP(crc, at) __crc32cd(crc, bmcha_le64_read(at))
#define CRC_STEP_1(crc, byte) __crc32cb(crc, byte)

static int has_instruction(void)
{
    return (getauxval(AT_HWCAP) & (1u << 7)) != 0; /* HWCAP_CRC32 of arm64 */
}

#elif defined(__arm__) && !defined(__ARMEB__) && __ARM_ARCH >= 7 && !defined(__clang__)
#include <sys/auxv.h>
/* An ARMv8 processor that runs a 32-bit system. */
#define CRC_TARGET __attribute__((target("arch=armv8-a+crc+simd")))
#define CRC_STEP_BYTES 4u
#define CRC_STEP(crc, at) __builtin_arm_crc32cw(crc, bmcha_le32_read(at))
#define CRC_STEP_1(crc, byte) __builtin_arm_crc32cb(crc, byte)

static int has_instruction(void)
{
    return (getauxval(AT_HWCAP2) & (1u << 4)) != 0; /* HWCAP2_CRC32 of arm */
}
#endif

#if defined(CRC_STEP)
static uint32_t lane_table[4][256];

/* What a checksum becomes when a lane of zeros follows. */
static uint32_t past_a_lane(uint32_t crc)
{
    return lane_table[0][crc & 0xFF] ^ lane_table[1][(crc >> 8) & 0xFF] ^
           lane_table[2][(crc >> 16) & 0xFF] ^ lane_table[3][crc >> 24];
}

CRC_TARGET static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *data, size_t data_size)
{
    while (data_size >= 3 * LANE_BYTES) {
        uint32_t second = 0;
        uint32_t third = 0;
        for (size_t at = 0; at < LANE_BYTES; at += CRC_STEP_BYTES) {
            crc = CRC_STEP(crc, data + at);
            second = CRC_STEP(second, data + LANE_BYTES + at);
            third = CRC_STEP(third, data + 2 * LANE_BYTES + at);
        }
        crc = past_a_lane(past_a_lane(crc) ^ second) ^ third;
        data += 3 * LANE_BYTES;
        data_size -= 3 * LANE_BYTES;
    }
    while (data_size >= CRC_STEP_BYTES) {
        crc = CRC_STEP(crc, data);
        data += CRC_STEP_BYTES;
        data_size -= CRC_STEP_BYTES;
    }
    while (data_size-- > 0)
        crc = CRC_STEP_1(crc, *data++);
    return crc;
}

/* Linear, as all of a CRC is: 32 checksums of one bit each make the rest. */
static void lanes_prepare(void)
{
    static const uint8_t zeros[LANE_BYTES];

    for (unsigned int bit = 0; bit < 32; bit++) {
        uint32_t moved = crc_by_table(UINT32_C(1) << bit, zeros, sizeof zeros);
        for (unsigned int value = 0; value < 256; value++)
            if (value & (1u << bit % 8))
                lane_table[bit / 8][value] ^= moved;
    }
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
#if defined(CRC_STEP)
    if (has_instruction()) {
        lanes_prepare();
        crc_best = crc_by_instruction;
    }
#endif
}

int bmcha_crc32c_is_instruction(void)
{
    return crc_best != crc_by_table;
}

uint32_t bmcha_crc32c(const void *data, size_t data_size)
{
    return ~crc_best(0xFFFFFFFFu, data, data_size);
}

uint32_t bmcha_crc32c_table(const void *data, size_t data_size)
{
    return ~crc_by_table(0xFFFFFFFFu, data, data_size);
}
