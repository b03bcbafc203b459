/* COBS. Twin of cobs_encode and cobs_decode in bmcha/wire/codec.py.
 *
 * Encoding works on eight bytes at a time: a stuffed block is the plain one moved by one byte, and
 * where the plain data has a zero the stuffed data has the next block's code. So a word is copied
 * as it is, and only its zeros are visited. */
#include "bmcha_cobs.h"

#include <string.h>

#include "bmcha_bytes.h"

#define BLOCK_MAX 254u /* data bytes behind the code 0xFF */
#define SHORT_BLOCK 16u /* copied without asking memcpy, where there is room to overshoot */
#define EIGHT_ONES UINT64_C(0x0101010101010101)

/* 0x80 in each byte of the word that is zero. Exact: no carry crosses a byte. */
static uint64_t zero_bytes(uint64_t word)
{
    const uint64_t low7 = UINT64_C(0x7F7F7F7F7F7F7F7F);

    return ~(((word & low7) + low7) | word | low7);
}

ssize_t bmcha_cobs_encode(const uint8_t *data, size_t data_size, uint8_t *out, size_t out_size)
{
    const uint64_t ones = EIGHT_ONES;
    size_t in = 0;
    size_t code_at = 0; /* where the code of the block under way goes */
    size_t at = 1;

    if (out_size < BMCHA_COBS_BYTES_MAX(data_size))
        return -1;
    while (in < data_size) {
        if (data_size - in >= 8 && at - code_at + 8 <= BLOCK_MAX) {
            uint64_t word;
            uint64_t zeros;
            memcpy(&word, data + in, sizeof word);
            if (word == 0) { /* all codes: the first of what was before, the last still open */
                out[code_at] = (uint8_t)(at - code_at);
                memcpy(out + at, &ones, sizeof ones);
                code_at = at + 7;
            } else {
                /* The lowest byte is to be the first one. */
                zeros = zero_bytes(bmcha_le64_read((const uint8_t *)&word));
                memcpy(out + at, &word, sizeof word);
                for (; zeros != 0; zeros &= zeros - 1) {
                    size_t zero_at = at + ((size_t)__builtin_ctzll(zeros) >> 3);
                    out[code_at] = (uint8_t)(zero_at - code_at);
                    code_at = zero_at;
                }
            }
            in += 8;
            at += 8;
            continue;
        }
        if (at - code_at > BLOCK_MAX) { /* a full block, and more data behind it */
            out[code_at] = 0xFF;
            code_at = at++;
        }
        if (data[in] == 0) {
            out[code_at] = (uint8_t)(at - code_at);
            code_at = at;
        } else {
            out[at] = data[in];
        }
        at++;
        in++;
    }
    out[code_at] = (uint8_t)(at - code_at);
    return (ssize_t)at;
}

ssize_t bmcha_cobs_decode(const uint8_t *data, size_t data_size, uint8_t *out, size_t out_size)
{
    size_t in = 0;
    size_t at = 0;

    if (data_size == 0 || out_size < data_size || memchr(data, 0, data_size) != NULL)
        return -1;
    for (;;) {
        size_t code;
        size_t block;
        /* Eight zeros at once. Whatever follows them: behind the last code no zero is meant. */
        while (data_size - in > 8 && bmcha_le64_read(data + in) == EIGHT_ONES) {
            memset(out + at, 0, 8);
            in += 8;
            at += 8;
        }
        code = data[in++];
        block = code - 1;
        if (block > data_size - in)
            return -1;
        if (block <= SHORT_BLOCK && data_size - in >= SHORT_BLOCK && out_size - at >= SHORT_BLOCK)
            memcpy(out + at, data + in, SHORT_BLOCK);
        else
            memcpy(out + at, data + in, block);
        in += block;
        at += block;
        if (in == data_size)
            return (ssize_t)at;
        if (code != 0xFF)
            out[at++] = 0;
    }
}
