/* The image: patches of any content, and a writer of any malice.
 *
 * Input: two bytes that say how much of the rest are patches; behind them pieces of ten bytes, a
 * place (in words of eight bytes) and what an attacker stores there. */
#include "../bmcha_bytes.h"
#include "../bmcha_layout.h"
#include "../bmcha_seqlock.h"
#include "fuzz.h"

#define HEAD_BYTES 16u /* magic, layout id, size, lock */
#define PIECE_BYTES 10u

static _Alignas(64) unsigned char map[BMCHA_IMAGE_SIZE];
static _Alignas(64) unsigned char before[BMCHA_IMAGE_SIZE];
static struct bmcha_image image;

static void patch(const uint8_t *data, size_t size)
{
    uint8_t *patches = exactly(data, size);
    int result;

    memcpy(before, map, sizeof map);
    result = bmcha_image_write(map, sizeof map, patches, size);
    HOLDS(7, result == 0 || result == BMCHA_IMAGE_BAD_ARGUMENT);
    if (result != 0)
        HOLDS(7, memcmp(before, map, sizeof map) == 0);
    /* Nothing but the lock of the head, and that is even again. */
    HOLDS(7, memcmp(before, map, offsetof(struct bmcha_image, lock)) == 0);
    HOLDS(7, (((struct bmcha_image *)(void *)map)->lock & 1u) == 0);
    free(patches);
}

static void attack(const uint8_t *data, size_t size)
{
    for (; size >= PIECE_BYTES; data += PIECE_BYTES, size -= PIECE_BYTES)
        memcpy(map + bmcha_le16_read(data) % (BMCHA_IMAGE_SIZE / 8) * 8u, data + 2, 8);
    /* A writer that died in a write costs a reader its 50 ms: seldom enough for a fuzzer. */
    if (map[0] != 0xFF)
        map[offsetof(struct bmcha_image, lock)] &= 0xFEu;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t patches_size;
    int result;

    if (size < 2)
        return 0;
    patches_size = bmcha_le16_read(data);
    data += 2;
    size -= 2;
    if (patches_size > size)
        patches_size = size;
    if (bmcha_image_initialise(map, sizeof map) != 0)
        abort();
    patch(data, patches_size);
    attack(data + patches_size, size - patches_size);
    memcpy(before, map, sizeof map);
    result = bmcha_image_read(map, sizeof map, &image);
    HOLDS(8, memcmp(before, map, sizeof map) == 0);
    HOLDS(8, result == 0 || result == BMCHA_IMAGE_STALE || result == BMCHA_IMAGE_TORN ||
                 result == BMCHA_IMAGE_OTHER_LAYOUT);
    if (result == 0 || result == BMCHA_IMAGE_STALE) {
        HOLDS(8, image.sensors_count <= BMCHA_SENSORS_MAX && image.fans_count <= BMCHA_FANS_MAX);
        HOLDS(8, image.supplies_count <= BMCHA_SUPPLIES_MAX);
        HOLDS(8, image.blades_count <= BMCHA_BLADES_MAX && image.alarms_count <= BMCHA_ALARMS_MAX);
    }
    HOLDS(2, bmcha_image_snapshot(map, sizeof map, &image, sizeof image - 1) ==
                 BMCHA_IMAGE_BAD_ARGUMENT);
    return 0;
}
