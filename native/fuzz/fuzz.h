/* What the fuzzers share. HOLDS ends the program with the rule of native/SECURITY.md that does not
 * hold, so that the input which broke it is kept. */
#ifndef BMCHA_FUZZ_H
#define BMCHA_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLDS(rule, condition)                                                        \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: rule %d of native/SECURITY.md broken: %s\n", __FILE__, \
                    __LINE__, rule, #condition);                                      \
            abort();                                                                  \
        }                                                                             \
    } while (0)

/* Exactly as large as it says, so that the address sanitizer sees one byte too far. */
static inline uint8_t *exactly(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (copy == NULL)
        abort();
    if (size)
        memcpy(copy, data, size);
    return copy;
}

/* libFuzzer's entry: one input. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
