/* A record with one writer, replaced whole, that any thread reads without waiting.
 *
 * A sequence lock, after Boehm, "Can seqlocks get along with programming language memory models?"
 * (2012), in its form without fences: every word is an atomic. A reader that meets a write tries
 * again, BMCHA_PUBLISHED_TRIES times at most: with real-time priority it would else keep the writer,
 * whom it waits for, from its processor. */
#ifndef BMCHA_PUBLISHED_H
#define BMCHA_PUBLISHED_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define BMCHA_PUBLISHED_WORDS_MAX 42u
#define BMCHA_PUBLISHED_TRIES 100

struct bmcha_published {
    _Atomic uint32_t lock;
    _Atomic uint32_t words[BMCHA_PUBLISHED_WORDS_MAX];
};

/* `size` is a multiple of four and fits. From one thread only. */
void bmcha_published_write(struct bmcha_published *to, const void *record, size_t size);

/* 1: `record` is what was written last. 0: a write was under way each time; it is as before. */
int bmcha_published_read(const struct bmcha_published *from, void *record, size_t size);

#endif
