/* The writing side of the image in shared memory. The reading side is in bmcha_layout.h, which
 * also says what the image holds. One process writes; it calls these from one thread. */
#ifndef BMCHA_SEQLOCK_H
#define BMCHA_SEQLOCK_H

#include <stddef.h>
#include <stdint.h>

#define BMCHA_IMAGE_BAD_ARGUMENT (-4)

/* Makes `map` an empty image of our layout. Also mends what a writer left that died in a write:
 * readers that have it mapped see it torn until this has ended. 0 or BAD_ARGUMENT (too small, or
 * not aligned to eight bytes). */
int bmcha_image_initialise(void *map, size_t map_size);

/* Writes patches in one critical section: a reader sees all of them or none. `patches` is a row of
 * { u32 offset, u32 size, size bytes }, native byte order, no padding. Offset and size are
 * multiples of eight, the place is inside the image and behind its first 16 bytes. If any of it is
 * wrong nothing is written and the result is BAD_ARGUMENT; else 0. */
int bmcha_image_write(void *map, size_t map_size, const uint8_t *patches, size_t patches_size);

/* One consistent copy, as bmcha_image_copy of bmcha_layout.h with a bound on `out`: 0, TORN,
 * OTHER_LAYOUT or BAD_ARGUMENT. */
int bmcha_image_snapshot(const void *map, size_t map_size, void *out, size_t out_size);

#endif
