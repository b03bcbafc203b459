/* The media of the paths: bytes in and out of a descriptor that a link of bmcha/hal has opened and
 * set up. Nothing here waits. Linux. */
#ifndef BMCHA_PORT_H
#define BMCHA_PORT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "bmcha_published.h"
#include "bmcha_udp.h"
#include "bmcha_wire.h"

enum bmcha_port_kind {
    BMCHA_PORT_DATAGRAMS, /* a connected socket */
    BMCHA_PORT_ETHERNET,  /* a packet socket; a length stands before each frame (adr/0022) */
    BMCHA_PORT_SERIAL     /* a stream */
};

/* Datagrams of one read. A longer datagram than a frame is cut to one byte more: no frame either. */
#define BMCHA_BATCH_MAX 4u
#define BMCHA_DATAGRAM_BYTES_MAX (BMCHA_PATH_FRAME_BYTES_MAX + 64u)
#define BMCHA_INPUT_BYTES (BMCHA_BATCH_MAX * (BMCHA_DATAGRAM_BYTES_MAX + 1u))
/* What a tty holds and hands out at once. */
#define BMCHA_READ_BYTES_MAX 4096u

/* How often the peer's port was refused, its module being there, and when last. */
struct bmcha_refusals {
    int64_t last_ns;
    uint32_t count;
    uint32_t reserved;
};

/* `fd` -1: not open. `refusals` and `has_heard` may be read by any thread. */
struct bmcha_port {
    int32_t kind;
    int32_t fd;
    int32_t interface_index; /* ETHERNET: out of which interface, and to whom */
    uint8_t remote_mac[BMCHA_MAC_ADDRESS_BYTES];
    uint8_t is_learning; /* ETHERNET: from signed beats, to whom; until then to everybody */
    uint8_t sources[BMCHA_BATCH_MAX][BMCHA_MAC_ADDRESS_BYTES]; /* of what was read last */
    uint8_t is_stuck; /* SERIAL: it said there was room and took nothing */
    _Atomic uint8_t has_heard; /* bytes came since this was set to 0 */
    uint32_t queued_bytes_max; /* SERIAL: no new frame while the driver holds more */
    uint32_t refusals_count;
    struct bmcha_published refusals;
    uint32_t rest_size; /* SERIAL: of a frame that was begun */
    uint8_t rest[BMCHA_PATH_STUFFED_BYTES_MAX];
};

/* 1: taken, whole or with a rest that goes first next time. 0: it cannot now, and nothing of it was
 * sent. Less: a negated errno, the port is broken. */
int bmcha_port_write(struct bmcha_port *port, const uint8_t *frame, size_t size);

/* SERIAL, when there is room: sends of the rest what goes. 0 or a negated errno. */
int bmcha_port_write_rest(struct bmcha_port *port);

/* Takes what has come, one behind the other into `out` of BMCHA_INPUT_BYTES: frames of datagrams
 * with their sizes, of a stream one piece. Returns how many; `*is_more`: call again, there may be
 * more. `*error` is a negated errno, 0 if none; what was read before it counts. `is_ended`: poll
 * says that the far end hung up. */
size_t bmcha_port_read(struct bmcha_port *port, int is_ended, uint8_t *out, uint32_t *sizes,
                       int *is_more, int *error);

/* Which of `count` datagrams that lie one behind the other begins at `offset`. */
size_t bmcha_port_place(const uint32_t *sizes, size_t count, size_t offset);

/* ETHERNET that learns: the peer is whoever sent the datagram at this place of what was read last.
 * And: nobody is known any more, so all are spoken to. */
void bmcha_port_learn(struct bmcha_port *port, size_t at);
void bmcha_port_unlearn(struct bmcha_port *port);

#endif
