/* A stranger's program: prints the temperatures of a module from its shared memory, with nothing
 * but the exported header. Exit 1: the shared memory cannot be opened; 2: no consistent picture. */

#include "bmcha_layout.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define KIND_TEMPERATURE 1

static struct bmcha_image image;

int main(int argc, char **argv)
{
    struct stat status;
    int fd = argc == 2 ? shm_open(argv[1], O_RDONLY, 0) : -1;
    if (fd < 0 || fstat(fd, &status) != 0) {
        return 1;
    }
    const size_t size = (size_t)status.st_size;
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return 1;
    }
    if (bmcha_image_read(map, size, &image) != 0) {
        return 2;
    }
    for (size_t i = 0; i < image.sensors_count; i++) {
        if (image.sensors[i].kind == KIND_TEMPERATURE) {
            printf("%s %" PRId32 "\n", image.sensors[i].name, image.sensors[i].value_milli);
        }
    }
    return 0;
}
