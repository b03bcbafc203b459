/* The little that the C tests share: CHECK ends the program with the line that failed. */
#ifndef BMCHA_TEST_CHECK_H
#define BMCHA_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

/* A small generator with a fixed seed, so that a failure comes again. xorshift64. */
static inline unsigned int test_random(unsigned long long *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (unsigned int)(*state >> 32);
}

#endif
