/* Consistent Overhead Byte Stuffing (Cheshire and Baker, 1997): bytes without zeros. */
#ifndef BMCHA_COBS_H
#define BMCHA_COBS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The most that `size` bytes become, without a delimiter. */
#define BMCHA_COBS_BYTES_MAX(size) ((size) + (size) / 254u + 1u)

/* The stuffed size, or -1 if `out` is smaller than BMCHA_COBS_BYTES_MAX(data_size). `data` may be
 * the last bytes of an `out` of just that size. */
ssize_t bmcha_cobs_encode(const uint8_t *data, size_t data_size, uint8_t *out, size_t out_size);

/* The plain size, or -1 if the data is no COBS or `out` is smaller than the data. */
ssize_t bmcha_cobs_decode(const uint8_t *data, size_t data_size, uint8_t *out, size_t out_size);

#endif
