/* The seqlock of the image: after Boehm, "Can seqlocks get along with programming language memory
 * models?" (2012). The word is odd while a write is under way. Data are copied in words by relaxed
 * atomics; the fences order them against the word. No process can make another one wait: a reader
 * gives up after BMCHA_IMAGE_WAIT_MS, the writer never waits. */
#include "bmcha_seqlock.h"

#include "bmcha_layout.h"

#define PATCH_HEAD_BYTES 8u
#define WRITABLE_FROM 16u /* magic, layout id, size and the lock itself are not for patches */

static int is_usable(const void *map, size_t map_size)
{
    return map != NULL && map_size >= BMCHA_IMAGE_SIZE && (uintptr_t)map % sizeof(uint64_t) == 0;
}

static _Atomic uint32_t *lock_of(void *map)
{
    return (_Atomic uint32_t *)(void *)((unsigned char *)map + offsetof(struct bmcha_image, lock));
}

static void write_begin(_Atomic uint32_t *lock)
{
    uint32_t word = atomic_load_explicit(lock, memory_order_relaxed);

    atomic_store_explicit(lock, word | 1u, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void write_end(_Atomic uint32_t *lock)
{
    uint32_t word = atomic_load_explicit(lock, memory_order_relaxed);

    atomic_store_explicit(lock, word + 1u, memory_order_release);
}

static void store_words(void *map, size_t offset, const uint8_t *data, size_t data_size)
{
    _Atomic uintptr_t *to = (_Atomic uintptr_t *)(void *)((unsigned char *)map + offset);

    for (size_t i = 0; i < data_size / sizeof(uintptr_t); i++) {
        uintptr_t word;
        memcpy(&word, data + i * sizeof word, sizeof word);
        atomic_store_explicit(to + i, word, memory_order_relaxed);
    }
}

int bmcha_image_initialise(void *map, size_t map_size)
{
    static const uint8_t zeros[64];
    struct bmcha_image *image = map;

    if (!is_usable(map, map_size))
        return BMCHA_IMAGE_BAD_ARGUMENT;
    write_begin(lock_of(map));
    image->magic = 0;
    for (size_t at = WRITABLE_FROM; at < BMCHA_IMAGE_SIZE; at += 8)
        store_words(map, at, zeros, 8);
    image->layout_id = BMCHA_LAYOUT_ID;
    image->size = BMCHA_IMAGE_SIZE;
    atomic_thread_fence(memory_order_release);
    image->magic = BMCHA_IMAGE_MAGIC;
    write_end(lock_of(map));
    return 0;
}

/* The size of the patch at `patches`, head and data, or 0 if it is not acceptable. */
static size_t patch_bytes(const uint8_t *patches, size_t left, uint32_t *offset, uint32_t *size)
{
    if (left < PATCH_HEAD_BYTES)
        return 0;
    memcpy(offset, patches, sizeof *offset);
    memcpy(size, patches + sizeof *offset, sizeof *size);
    if (*offset % 8 != 0 || *size % 8 != 0 || *offset < WRITABLE_FROM)
        return 0;
    if (*offset > BMCHA_IMAGE_SIZE || *size > BMCHA_IMAGE_SIZE - *offset)
        return 0;
    if (*size > left - PATCH_HEAD_BYTES)
        return 0;
    return PATCH_HEAD_BYTES + *size;
}

int bmcha_image_write(void *map, size_t map_size, const uint8_t *patches, size_t patches_size)
{
    uint32_t offset;
    uint32_t size;
    size_t at;

    if (!is_usable(map, map_size))
        return BMCHA_IMAGE_BAD_ARGUMENT;
    for (at = 0; at < patches_size;) {
        size_t taken = patch_bytes(patches + at, patches_size - at, &offset, &size);
        if (taken == 0)
            return BMCHA_IMAGE_BAD_ARGUMENT;
        at += taken;
    }
    write_begin(lock_of(map));
    for (at = 0; at < patches_size;) {
        size_t taken = patch_bytes(patches + at, patches_size - at, &offset, &size);
        store_words(map, offset, patches + at + PATCH_HEAD_BYTES, size);
        at += taken;
    }
    write_end(lock_of(map));
    return 0;
}

int bmcha_image_snapshot(const void *map, size_t map_size, void *out, size_t out_size)
{
    if (out == NULL || out_size < BMCHA_IMAGE_SIZE)
        return BMCHA_IMAGE_BAD_ARGUMENT;
    return bmcha_image_copy(map, map_size, out);
}
