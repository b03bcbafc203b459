#include "bmcha_published.h"

#include <string.h>

void bmcha_published_write(struct bmcha_published *to, const void *record, size_t size)
{
    const uint8_t *from = record;
    uint32_t lock = atomic_load_explicit(&to->lock, memory_order_relaxed);

    atomic_store_explicit(&to->lock, lock + 1, memory_order_relaxed);
    for (size_t i = 0; i < size / sizeof(uint32_t); i++) {
        uint32_t word;
        memcpy(&word, from + i * sizeof word, sizeof word);
        /* Who sees the word sees that the lock is odd. */
        atomic_store_explicit(&to->words[i], word, memory_order_release);
    }
    atomic_store_explicit(&to->lock, lock + 2, memory_order_release);
}

int bmcha_published_read(const struct bmcha_published *from, void *record, size_t size)
{
    uint32_t found[BMCHA_PUBLISHED_WORDS_MAX];

    for (int i = 0; i < BMCHA_PUBLISHED_TRIES; i++) {
        uint32_t before = atomic_load_explicit(&from->lock, memory_order_acquire);
        for (size_t at = 0; at < size / sizeof found[0]; at++)
            found[at] = atomic_load_explicit(&from->words[at], memory_order_acquire);
        if (before % 2 == 0 && atomic_load_explicit(&from->lock, memory_order_relaxed) == before) {
            memcpy(record, found, size);
            return 1;
        }
    }
    return 0;
}
