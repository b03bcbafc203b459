#define _GNU_SOURCE
#include "bmcha_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bmcha_bytes.h"
#include "bmcha_clock.h"
#include "bmcha_udp.h"

#define TOLD_MAX 8 /* refusals taken in one read */
#define INTERRUPTED_MAX 8

/* ---- datagrams ---- */

/* Reported by a later call, about an earlier datagram: ICMP answers of the peer or on the way. They
 * are about the peer, and no fault of the port. */
static int is_told_by_network(int number)
{
    return number == ECONNREFUSED || number == EHOSTUNREACH || number == ENETUNREACH ||
           number == EHOSTDOWN || number == ENOPROTOOPT || number == EPROTO || number == ENONET ||
           number == EACCES;
}

static int cannot_now(int number)
{
    return number == EAGAIN || number == ENOBUFS || number == ENOMEM || number == EINTR;
}

static void note_told(struct bmcha_port *port, int number)
{
    struct bmcha_refusals refusals;

    if (number != ECONNREFUSED)
        return;
    refusals = (struct bmcha_refusals){bmcha_clock_ns(), ++port->refusals_count, 0};
    bmcha_published_write(&port->refusals, &refusals, sizeof refusals);
}

static int write_datagram(struct bmcha_port *port, const uint8_t *frame, size_t size)
{
    /* Twice: the first call may only deliver what became of an earlier datagram. */
    for (int i = 0; i < 2; i++) {
        if (send(port->fd, frame, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return 1;
        if (cannot_now(errno))
            return 0;
        if (!is_told_by_network(errno))
            return -errno;
        note_told(port, errno);
    }
    return 0;
}

static int write_ethernet(struct bmcha_port *port, const uint8_t *frame, size_t size)
{
    uint8_t length[BMCHA_LENGTH_BYTES];
    struct iovec pieces[2] = {{length, sizeof length}, {(void *)(uintptr_t)frame, size}};
    struct sockaddr_ll to;
    struct msghdr message;

    bmcha_le16_write(length, (uint16_t)size);
    memset(&to, 0, sizeof to);
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(BMCHA_ETHER_TYPE);
    to.sll_ifindex = port->interface_index;
    to.sll_halen = sizeof port->remote_mac;
    memcpy(to.sll_addr, port->remote_mac, sizeof port->remote_mac);
    memset(&message, 0, sizeof message);
    message.msg_name = &to;
    message.msg_namelen = sizeof to;
    message.msg_iov = pieces;
    message.msg_iovlen = 2;
    if (sendmsg(port->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return 1;
    return cannot_now(errno) || errno == ENETDOWN ? 0 : -errno;
}

/* Closes the gaps that taking off lengths and padding leaves. What is shorter than its own length
 * stays as it is, to be counted as damage. */
static void take_off_lengths(uint8_t *out, uint32_t *sizes, size_t count)
{
    size_t from = 0, to = 0;

    for (size_t at = 0; at < count; at++) {
        size_t size = sizes[at], skipped = 0;
        if (size >= BMCHA_LENGTH_BYTES) {
            size_t length = bmcha_le16_read(out + from);
            if (length <= size - BMCHA_LENGTH_BYTES) {
                skipped = BMCHA_LENGTH_BYTES;
                size = length;
            }
        }
        memmove(out + to, out + from + skipped, size);
        from += sizes[at];
        sizes[at] = (uint32_t)size;
        to += size;
    }
}

static size_t read_datagrams(struct bmcha_port *port, uint8_t *out, uint32_t *sizes, int *is_more,
                             int *error)
{
    size_t count = 0;
    int number = 0;

    for (int i = 0; i < TOLD_MAX && count == 0; i++) {
        count = bmcha_udp_drain(port->fd, out, BMCHA_INPUT_BYTES, sizes, BMCHA_BATCH_MAX,
                                BMCHA_DATAGRAM_BYTES_MAX, port->is_learning ? port->sources : NULL,
                                &number);
        if (number == 0)
            break;
        if (port->kind == BMCHA_PORT_ETHERNET) {
            /* Told once when the interface goes down; who is bound to it hears it when it is up. */
            *error = number == -ENETDOWN ? 0 : number;
            break;
        }
        if (!is_told_by_network(-number)) {
            *error = number;
            break;
        }
        note_told(port, -number);
    }
    *is_more = *error == 0 && (count == BMCHA_BATCH_MAX || number != 0);
    if (port->kind == BMCHA_PORT_ETHERNET)
        take_off_lengths(out, sizes, count);
    return count;
}

size_t bmcha_port_place(const uint32_t *sizes, size_t count, size_t offset)
{
    size_t at = 0, from = 0;

    /* What stands for nothing has a place here, and none among the bytes. */
    while (at < count && (from < offset || sizes[at] == 0))
        from += sizes[at++];
    return at;
}

void bmcha_port_learn(struct bmcha_port *port, size_t at)
{
    if (port->is_learning && at < BMCHA_BATCH_MAX)
        memcpy(port->remote_mac, port->sources[at], sizeof port->remote_mac);
}

void bmcha_port_unlearn(struct bmcha_port *port)
{
    if (port->is_learning)
        memset(port->remote_mac, 0xFF, sizeof port->remote_mac);
}

/* ---- a stream ---- */

/* What the driver still has to send; 0 where it cannot tell (a pseudo-terminal). */
static uint32_t queued_bytes(int fd)
{
    int count = 0;

    return ioctl(fd, TIOCOUTQ, &count) == 0 && count > 0 ? (uint32_t)count : 0;
}

static ssize_t write_some(int fd, const uint8_t *bytes, size_t size)
{
    ssize_t sent = write(fd, bytes, size);

    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

int bmcha_port_write_rest(struct bmcha_port *port)
{
    ssize_t sent;

    if (port->rest_size == 0)
        return 0;
    sent = write_some(port->fd, port->rest, port->rest_size);
    if (sent < 0)
        return (int)sent;
    port->is_stuck = sent == 0;
    port->rest_size -= (uint32_t)sent;
    memmove(port->rest, port->rest + sent, port->rest_size);
    return 0;
}

static int write_serial(struct bmcha_port *port, const uint8_t *frame, size_t size)
{
    int failed = bmcha_port_write_rest(port);
    ssize_t sent;

    if (failed)
        return failed;
    if (port->rest_size || queued_bytes(port->fd) > port->queued_bytes_max)
        return 0;
    sent = write_some(port->fd, frame, size);
    if (sent <= 0)
        return (int)sent;
    port->rest_size = (uint32_t)(size - (size_t)sent);
    memcpy(port->rest, frame + sent, port->rest_size);
    port->is_stuck = 0;
    return 1;
}

static size_t read_serial(struct bmcha_port *port, int is_ended, uint8_t *out, uint32_t *sizes,
                          int *is_more, int *error)
{
    for (int i = 0; i < INTERRUPTED_MAX; i++) {
        ssize_t size = read(port->fd, out, BMCHA_READ_BYTES_MAX);
        if (size > 0) {
            sizes[0] = (uint32_t)size;
            *is_more = 1;
            return 1;
        }
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno != EAGAIN)
            *error = -errno;
        else if (is_ended)
            *error = -EIO;
        return 0;
    }
    return 0;
}

/* ---- all of them ---- */

int bmcha_port_write(struct bmcha_port *port, const uint8_t *frame, size_t size)
{
    if (size > BMCHA_PATH_STUFFED_BYTES_MAX)
        return -EMSGSIZE;
    switch (port->kind) {
    case BMCHA_PORT_ETHERNET:
        return write_ethernet(port, frame, size);
    case BMCHA_PORT_SERIAL:
        return write_serial(port, frame, size);
    default:
        return write_datagram(port, frame, size);
    }
}

size_t bmcha_port_read(struct bmcha_port *port, int is_ended, uint8_t *out, uint32_t *sizes,
                       int *is_more, int *error)
{
    size_t count;

    *is_more = 0;
    *error = 0;
    if (port->kind == BMCHA_PORT_SERIAL)
        count = read_serial(port, is_ended, out, sizes, is_more, error);
    else
        count = read_datagrams(port, out, sizes, is_more, error);
    if (count)
        atomic_store_explicit(&port->has_heard, 1, memory_order_relaxed);
    return count;
}
