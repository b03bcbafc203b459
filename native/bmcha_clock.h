/* The time that the engine lives by: monotonic, in ns. */
#ifndef BMCHA_CLOCK_H
#define BMCHA_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t bmcha_clock_ns(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

#endif
