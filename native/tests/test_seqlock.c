/* The image: what is refused, what a reader sees of a dead writer, and a hammer for torn reads. */
#include <pthread.h>
#include <string.h>

#include "../bmcha_layout.h"
#include "../bmcha_seqlock.h"
#include "check.h"

#define HAMMER_MS 600

static _Alignas(64) unsigned char map[BMCHA_IMAGE_SIZE];
static struct bmcha_image image;
static atomic_int is_over;

static size_t add_patch(uint8_t *patches, size_t at, uint32_t offset, uint32_t size,
                        const void *data)
{
    memcpy(patches + at, &offset, 4);
    memcpy(patches + at + 4, &size, 4);
    memcpy(patches + at + 8, data, size);
    return at + 8 + size;
}

static void an_empty_image(void)
{
    CHECK(bmcha_image_read(map, sizeof map, &image) == BMCHA_IMAGE_OTHER_LAYOUT);
    CHECK(bmcha_image_initialise(map, sizeof map - 1) == BMCHA_IMAGE_BAD_ARGUMENT);
    CHECK(bmcha_image_initialise(map + 4, sizeof map) == BMCHA_IMAGE_BAD_ARGUMENT);
    CHECK(bmcha_image_initialise(map, sizeof map) == 0);
    /* Nobody has said yet that it lives. */
    CHECK(bmcha_image_read(map, sizeof map, &image) == BMCHA_IMAGE_STALE);
    CHECK(image.sensors_count == 0 && image.sensors[0].version == 0);
    CHECK(bmcha_image_read(map, sizeof map - 1, &image) == BMCHA_IMAGE_OTHER_LAYOUT);
    CHECK(bmcha_image_read(map + 1, sizeof map, &image) == BMCHA_IMAGE_OTHER_LAYOUT);
    CHECK(bmcha_image_snapshot(map, sizeof map, &image, sizeof image - 1) ==
          BMCHA_IMAGE_BAD_ARGUMENT);
    puts("ok an empty image");
}

static void patches_are_all_or_nothing(void)
{
    uint8_t patches[256];
    struct bmcha_sensor sensor = {.version = 7, .value_milli = 41500, .name = "inlet"};
    uint32_t at = (uint32_t)offsetof(struct bmcha_image, sensors);
    uint32_t bad[][2] = {{0, 8},
                         {8, 8},
                         {20, 8},
                         {16, 4},
                         {BMCHA_IMAGE_SIZE, 8},
                         {BMCHA_IMAGE_SIZE - 8, 16},
                         {0xFFFFFFF8u, 16},
                         {16, 0xFFFFFFF8u}};
    size_t size = add_patch(patches, 0, at, sizeof sensor, &sensor);

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memcpy(patches + size, bad[i], 8);
        memset(patches + size + 8, 0, 16);
        CHECK(bmcha_image_write(map, sizeof map, patches, size + 24) == BMCHA_IMAGE_BAD_ARGUMENT);
    }
    CHECK(bmcha_image_write(map, sizeof map, patches, size - 1) == BMCHA_IMAGE_BAD_ARGUMENT);
    CHECK(bmcha_image_write(map, sizeof map, patches, 7) == BMCHA_IMAGE_BAD_ARGUMENT);
    CHECK(bmcha_image_read(map, sizeof map, &image) == BMCHA_IMAGE_STALE);
    CHECK(image.sensors[0].version == 0);
    CHECK(bmcha_image_write(map, sizeof map, patches, size) == 0);
    CHECK(bmcha_image_read(map, sizeof map, &image) == BMCHA_IMAGE_STALE);
    CHECK(image.sensors[0].value_milli == 41500 && strcmp(image.sensors[0].name, "inlet") == 0);
    puts("ok patches are all or nothing");
}

static void write_state(uint16_t state, uint64_t updated_ns, uint16_t sensors_count)
{
    struct bmcha_image head;
    uint8_t patches[64];
    size_t size;

    memset(&head, 0, sizeof head);
    head.state = state;
    head.updated_ns = updated_ns;
    head.stale_after_ms = 1000;
    head.role = BMCHA_ROLE_ACTIVE;
    head.sensors_count = sensors_count;
    size = add_patch(patches, 0, 16, 48, (const uint8_t *)&head + 16);
    CHECK(bmcha_image_write(map, sizeof map, patches, size) == 0);
}

static void staleness(void)
{
    write_state(BMCHA_IMAGE_STATE_LIVE, bmcha_clock_ns_(), 1);
    CHECK(bmcha_image_read(map, sizeof map, &image) == 0);
    CHECK(image.role == BMCHA_ROLE_ACTIVE && image.sensors_count == 1);
    write_state(BMCHA_IMAGE_STATE_LIVE | BMCHA_IMAGE_STATE_STALE, bmcha_clock_ns_(), 1);
    CHECK(bmcha_image_read(map, sizeof map, &image) == BMCHA_IMAGE_STALE);
    write_state(BMCHA_IMAGE_STATE_LIVE, bmcha_clock_ns_() - UINT64_C(1100000000), 0xFFFF);
    CHECK(bmcha_image_read(map, sizeof map, &image) == BMCHA_IMAGE_STALE);
    CHECK(image.sensors_count == BMCHA_SENSORS_MAX);
    puts("ok staleness");
}

static void a_writer_that_died_in_a_write(void)
{
    struct bmcha_image *shared = (struct bmcha_image *)(void *)map;

    shared->lock |= 1u;
    CHECK(bmcha_image_read(map, sizeof map, &image) == BMCHA_IMAGE_TORN);
    CHECK(bmcha_image_initialise(map, sizeof map) == 0);
    CHECK(bmcha_image_read(map, sizeof map, &image) == BMCHA_IMAGE_STALE);
    CHECK((shared->lock & 1u) == 0);
    puts("ok a writer that died in a write");
}

/* Writes the same number into many sensors at once, for as long as it is let. */
static void *write_for_ever(void *unused)
{
    static uint8_t patches[BMCHA_SENSORS_MAX * (8 + sizeof(struct bmcha_sensor))];
    struct bmcha_sensor sensor = {.version = 1};

    (void)unused;
    for (int32_t value = 1; !atomic_load(&is_over); value++) {
        size_t size = 0;
        sensor.value_milli = value;
        for (uint32_t i = 0; i < BMCHA_SENSORS_MAX; i++)
            size = add_patch(patches, size,
                             (uint32_t)offsetof(struct bmcha_image, sensors) +
                                 i * (uint32_t)sizeof sensor,
                             sizeof sensor, &sensor);
        CHECK(bmcha_image_write(map, sizeof map, patches, size) == 0);
    }
    return NULL;
}

static void *read_for_ever(void *unused)
{
    static _Thread_local struct bmcha_image copy;
    unsigned long reads = 0;
    int32_t seen = 0;

    (void)unused;
    while (!atomic_load(&is_over)) {
        int result = bmcha_image_read(map, sizeof map, &copy);
        CHECK(result == BMCHA_IMAGE_STALE || result == BMCHA_IMAGE_TORN);
        if (result == BMCHA_IMAGE_TORN)
            continue; /* starved for 50 ms: said, and nothing of it is believed */
        for (size_t i = 1; i < BMCHA_SENSORS_MAX; i++)
            CHECK(copy.sensors[i].value_milli == copy.sensors[0].value_milli);
        CHECK(copy.sensors[0].value_milli >= seen);
        seen = copy.sensors[0].value_milli;
        reads++;
    }
    return (void *)(uintptr_t)reads;
}

static void a_hammer_never_shows_a_mixture(void)
{
    pthread_t writer;
    pthread_t readers[2];
    uint64_t end_ns = bmcha_clock_ns_() + UINT64_C(1000000) * HAMMER_MS;
    unsigned long reads = 0;

    CHECK(pthread_create(&writer, NULL, write_for_ever, NULL) == 0);
    for (size_t i = 0; i < 2; i++)
        CHECK(pthread_create(&readers[i], NULL, read_for_ever, NULL) == 0);
    while (bmcha_clock_ns_() < end_ns)
        (void)sched_yield();
    atomic_store(&is_over, 1);
    CHECK(pthread_join(writer, NULL) == 0);
    for (size_t i = 0; i < 2; i++) {
        void *count;
        CHECK(pthread_join(readers[i], &count) == 0);
        reads += (unsigned long)(uintptr_t)count;
    }
    printf("ok a hammer never shows a mixture (%lu reads)\n", reads);
}

int main(void)
{
    an_empty_image();
    patches_are_all_or_nothing();
    staleness();
    a_writer_that_died_in_a_write();
    a_hammer_never_shows_a_mixture();
    return 0;
}
