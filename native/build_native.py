"""Builds `bmcha._native`: the C of this folder behind cffi, API mode, stable ABI.

setup.py names `ffibuilder`; for an experiment run `python native/build_native.py` in the
repository's root. Declared here is exactly what Python calls. Every function that may take long
runs without the GIL, which cffi gives up for each call.
"""

from __future__ import annotations

import platform

from cffi import FFI

SOURCES = ("bmcha_cobs", "bmcha_crc32c", "bmcha_frame", "bmcha_seqlock", "bmcha_udp")

ffibuilder = FFI()
ffibuilder.cdef("""
    uint32_t bmcha_crc32c(const void *data, size_t data_size);
    uint32_t bmcha_crc32c_table(const void *data, size_t data_size);

    ssize_t bmcha_cobs_encode(const uint8_t *data, size_t data_size, uint8_t *out,
                              size_t out_size);
    ssize_t bmcha_cobs_decode(const uint8_t *data, size_t data_size, uint8_t *out,
                              size_t out_size);

    struct bmcha_frame { int32_t status; ...; };
    ssize_t bmcha_frame_encode(uint8_t *out, size_t out_size, int is_stuffed, uint8_t type,
                               uint8_t key_id, uint32_t chassis_id, uint8_t source_slot,
                               uint8_t target_slot, uint32_t boot_id, uint32_t epoch,
                               uint32_t sequence, const uint8_t *body, size_t body_size,
                               const uint8_t *mac, size_t mac_size);
    void bmcha_frame_decode(const uint8_t *data, size_t data_size, struct bmcha_frame *frame);
    size_t bmcha_frame_decode_stream(const uint8_t *data, size_t data_size, uint8_t *scratch,
                                     size_t scratch_size, struct bmcha_frame *frames,
                                     size_t frames_max, size_t *taken);
    #define BMCHA_BAD_COUNTS ...
    struct bmcha_sieve {
        uint32_t chassis_id;
        uint8_t source_slot;
        uint8_t target_slot;
        uint8_t takes_any;
        uint8_t has_foreign;
        uint32_t foreign_chassis_id;
        uint64_t bad_counts[...];
        uint64_t noise_bytes;
        ...;
    };
    size_t bmcha_frame_sift_stream(struct bmcha_sieve *sieve, const uint8_t *data,
                                   size_t data_size, uint8_t *scratch, size_t scratch_size,
                                   struct bmcha_frame *frames, size_t frames_max, size_t *taken);
    size_t bmcha_frame_sift_datagrams(struct bmcha_sieve *sieve, const uint8_t *data,
                                      size_t data_size, const uint32_t *sizes,
                                      size_t sizes_count, struct bmcha_frame *frames,
                                      size_t frames_max, size_t *taken);

    int bmcha_udp_filter(int fd, const void *program, size_t program_size);
    size_t bmcha_udp_drain(int fd, uint8_t *out, size_t out_size, uint32_t *sizes,
                           size_t sizes_max, size_t datagram_bytes_max, int *error);

    int bmcha_image_initialise(void *map, size_t map_size);
    int bmcha_image_write(void *map, size_t map_size, const uint8_t *patches,
                          size_t patches_size);
    int bmcha_image_snapshot(const void *map, size_t map_size, void *out, size_t out_size);

    #define BMCHA_LAYOUT_ID ...
    #define BMCHA_IMAGE_SIZE ...
    #define BMCHA_IMAGE_STALE ...
    #define BMCHA_IMAGE_TORN ...
    #define BMCHA_IMAGE_OTHER_LAYOUT ...
    #define BMCHA_IMAGE_BAD_ARGUMENT ...

    int inotify_init1(int flags);
    int inotify_add_watch(int fd, const char *path, uint32_t mask);
    int inotify_rm_watch(int fd, int watch);
    #define IN_CLOEXEC ...
    #define IN_NONBLOCK ...
    #define IN_MODIFY ...
    #define IN_CLOSE_WRITE ...
    #define IN_MOVED_TO ...
    #define IN_CREATE ...
    #define IN_DELETE ...
    #define IN_DELETE_SELF ...
    #define IN_ATTRIB ...
    #define IN_IGNORED ...
    #define IN_Q_OVERFLOW ...
""")

ffibuilder.set_source(
    "bmcha._native",
    """
    #include <sys/inotify.h>
    #include <sys/types.h>
    #include "bmcha_cobs.h"
    #include "bmcha_crc32c.h"
    #include "bmcha_frame.h"
    #include "bmcha_layout.h"
    #include "bmcha_seqlock.h"
    #include "bmcha_udp.h"
    """,
    sources=[f"native/{name}.c" for name in SOURCES],
    include_dirs=["native"],
    depends=["native/bmcha_layout.h", "native/bmcha_wire.h"]
    + [f"native/{name}.h" for name in SOURCES],
    # Not -std=c11: the code that cffi generates wants POSIX. Ours is checked as C11 by its tests.
    extra_compile_args=["-O2", "-std=gnu11", "-Wall", "-Wextra"],
    py_limited_api=platform.python_implementation() == "CPython",
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
