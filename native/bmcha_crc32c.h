/* CRC-32C (Castagnoli, RFC 3720 section 12.1) over one buffer. */
#ifndef BMCHA_CRC32C_H
#define BMCHA_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t bmcha_crc32c(const void *data, size_t data_size);

/* The same without the processor's instruction: for tests, and for processors without it. */
uint32_t bmcha_crc32c_table(const void *data, size_t data_size);

/* 1 if the processor's instruction is used. */
int bmcha_crc32c_is_instruction(void);

#endif
