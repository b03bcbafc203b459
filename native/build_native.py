"""Builds `bmcha._native`: the C of this folder behind cffi, API mode, stable ABI.

setup.py names `ffibuilder`; for an experiment run `python native/build_native.py` in the
repository's root. Declared here is exactly what Python calls. Every function that may take long
runs without the GIL, which cffi gives up for each call.
"""

from __future__ import annotations

import platform
from pathlib import Path

from cffi import FFI

SOURCES = (
    *("bmcha_cobs", "bmcha_crc32c", "bmcha_frame", "bmcha_seqlock", "bmcha_udp"),
    *("bmcha_mac", "bmcha_keys", "bmcha_boots", "bmcha_published", "bmcha_proof"),
    *("bmcha_pulse", "bmcha_pulse_sender", "bmcha_reports", "bmcha_port"),
    *("bmcha_hearing", "bmcha_engine"),
)

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

    int bmcha_mac_open(char *why, size_t why_size);
    int bmcha_mac(uint8_t *out, size_t out_size, const uint8_t *data, size_t data_size,
                  const uint8_t *key);

    int bmcha_udp_filter(int fd, const void *program, size_t program_size);

    struct bmcha_published { ...; };
    void bmcha_published_write(struct bmcha_published *to, const void *record, size_t size);
    int bmcha_published_read(const struct bmcha_published *from, void *record, size_t size);

    #define BMCHA_PORT_DATAGRAMS ...
    #define BMCHA_PORT_ETHERNET ...
    #define BMCHA_PORT_SERIAL ...
    #define BMCHA_INPUT_BYTES ...
    #define BMCHA_BATCH_MAX ...
    struct bmcha_port {
        int32_t kind;
        int32_t fd;
        int32_t interface_index;
        uint8_t remote_mac[6];
        uint8_t is_learning;
        uint8_t has_heard;
        uint32_t queued_bytes_max;
        struct bmcha_published refusals;
        uint32_t rest_size;
        ...;
    };
    int bmcha_port_write(struct bmcha_port *port, const uint8_t *frame, size_t size);
    int bmcha_port_write_rest(struct bmcha_port *port);
    size_t bmcha_port_read(struct bmcha_port *port, int is_ended, uint8_t *out, uint32_t *sizes,
                           int *is_more, int *error);

    struct bmcha_echo_board { struct bmcha_published places[...]; ...; };
    struct bmcha_letter { uint32_t is_full; uint32_t is_asked; ...; };
    int bmcha_letter_fill(struct bmcha_letter *letter, uint8_t type, uint8_t target_slot,
                          const uint8_t *body, size_t body_size);
    int bmcha_letter_await(struct bmcha_letter *letter);

    struct bmcha_pulse_settings {
        uint32_t chassis_id;
        uint32_t boot_id;
        uint8_t own_slot;
        uint8_t peer_slot;
        uint8_t echo_index;
        uint8_t echoes_count;
        uint8_t is_stuffed;
        uint8_t deadtime_beats;
        uint16_t interval_ms;
        uint32_t recovery_beats_min;
        uint32_t line_bytes_per_s;
        int64_t stall_limit_ns;
        int64_t late_after_ns[...];
        int64_t silent_after_ns[...];
        ...;
    };
    struct bmcha_keyring { const struct bmcha_published *board; ...; };
    struct bmcha_counts {
        uint64_t rx;
        uint64_t tx;
        uint64_t lost;
        uint64_t ignored;
        uint64_t repeated;
        uint64_t refused;
        uint64_t withheld;
    };
    struct bmcha_pulse {
        struct bmcha_pulse_settings settings;
        struct bmcha_counts counts;
        struct bmcha_published beat_times_board;
        const struct bmcha_published *draft_board;
        struct bmcha_echo_board *echo_board;
        struct bmcha_letter role;
        struct bmcha_letter mirror;
        struct bmcha_keyring keyring;
        int64_t expected_ns;
        int64_t line_free_ns;
        uint32_t sequence;
        uint32_t beats_in_row;
        uint8_t has_said_goodbye;
        ...;
    };
    void bmcha_pulse_begin(struct bmcha_pulse *pulse, int64_t now_ns);

    #define BMCHA_REPORTS_BYTES ...
    struct bmcha_reports { ...; };
    size_t bmcha_reports_take(struct bmcha_reports *reports, uint8_t *out, size_t out_size);

    #define BMCHA_STAGE_WRITE ...
    struct bmcha_engine {
        struct bmcha_pulse pulse;
        struct bmcha_sieve sieve;
        struct bmcha_reports reports;
        struct bmcha_port *port;
        int32_t report_fd;
        int32_t priority;
        int32_t priority_refused;
        uint32_t turns;
        uint32_t openings;
        uint32_t held_size;
        uint8_t is_overlong;
        uint8_t is_working;
        uint8_t has_heard_sound;
        uint8_t stage;
        ...;
    };
    struct bmcha_engine *bmcha_engine_new(void);
    void bmcha_engine_free(struct bmcha_engine *engine);
    int bmcha_engine_run(struct bmcha_engine *engine, int64_t until_ns);
    void bmcha_engine_stop(struct bmcha_engine *engine);
    void bmcha_engine_wake(const struct bmcha_engine *engine);
    void bmcha_engine_order_watch(struct bmcha_engine *engine, int64_t silent_after_ns,
                                  int64_t armed_ns);

    int64_t bmcha_pulse_due(struct bmcha_pulse *pulse, int64_t now_ns, int can_send,
                            int can_judge);
    void bmcha_pulse_woke(struct bmcha_pulse *pulse, int64_t now_ns);
    size_t bmcha_pulse_offer(struct bmcha_pulse *pulse, int64_t now_ns, uint8_t *out,
                             size_t out_size);
    void bmcha_pulse_note_sent(struct bmcha_pulse *pulse, size_t size, int64_t now_ns);
    void bmcha_pulse_note_refused(struct bmcha_pulse *pulse, int64_t now_ns);
    int64_t bmcha_sender_due(struct bmcha_pulse *pulse, int64_t now_ns);
    int bmcha_pulse_wants_letter(struct bmcha_pulse *pulse, int64_t now_ns);
    int bmcha_pulse_is_watch_due(struct bmcha_pulse *pulse, int64_t now_ns);
    int bmcha_engine_judge(struct bmcha_engine *engine, int64_t looked_ns);
    int bmcha_engine_summarise(struct bmcha_engine *engine, int64_t now_ns);
    void bmcha_engine_hear_stream(struct bmcha_engine *engine, const uint8_t *data,
                                  size_t data_size, int64_t heard_ns);
    void bmcha_engine_hear_datagrams(struct bmcha_engine *engine, const uint8_t *data,
                                     size_t data_size, const uint32_t *sizes, size_t count,
                                     int64_t heard_ns);

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

    int mlockall(int flags);
    #define MCL_CURRENT ...
    #define MCL_FUTURE ...
    #define MCL_ONFAULT ...

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
    #include <sys/mman.h>
    #include <sys/types.h>
    #include "bmcha_cobs.h"
    #include "bmcha_crc32c.h"
    #include "bmcha_engine.h"
    #include "bmcha_frame.h"
    #include "bmcha_layout.h"
    #include "bmcha_mac.h"
    #include "bmcha_seqlock.h"
    #include "bmcha_udp.h"
    """,
    sources=[f"native/{name}.c" for name in SOURCES],
    include_dirs=["native"],
    libraries=["dl"],
    depends=sorted(map(str, Path("native").glob("*.h"))),
    # Not -std=c11: the code that cffi generates wants POSIX. Ours is checked as C11 by its tests.
    extra_compile_args=["-O2", "-std=gnu11", "-Wall", "-Wextra"],
    py_limited_api=platform.python_implementation() == "CPython",
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
