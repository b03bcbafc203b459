/* Little-endian numbers at any address, on any processor. Compilers make one load of it where the
 * processor has one. */
#ifndef BMCHA_BYTES_H
#define BMCHA_BYTES_H

#include <stdint.h>

static inline uint16_t bmcha_le16_read(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t bmcha_le32_read(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t bmcha_le64_read(const uint8_t *at)
{
    return bmcha_le32_read(at) | (uint64_t)bmcha_le32_read(at + 4) << 32;
}

static inline void bmcha_le16_write(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void bmcha_le32_write(uint8_t *at, uint32_t value)
{
    bmcha_le16_write(at, (uint16_t)value);
    bmcha_le16_write(at + 2, (uint16_t)(value >> 16));
}

#endif
