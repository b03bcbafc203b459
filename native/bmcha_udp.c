/* Many datagrams for one entry into the kernel. Allocates nothing. */
#define _GNU_SOURCE
#include "bmcha_udp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH_MAX 16
/* A call that a signal interrupted is made again, and not for ever. */
#define INTERRUPTED_MAX 8

int bmcha_udp_filter(int fd, const void *program, size_t program_size)
{
    struct sock_filter filter[BPF_MAXINSNS > 256 ? 256 : BPF_MAXINSNS];
    struct sock_fprog wanted;

    if (program_size == 0 || program_size % sizeof filter[0] || program_size > sizeof filter)
        return -EINVAL;
    memcpy(filter, program, program_size);
    wanted.len = (unsigned short)(program_size / sizeof filter[0]);
    wanted.filter = filter;
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &wanted, sizeof wanted) ? -errno : 0;
}

/* Reads up to `count` datagrams into rooms of `room` bytes each. */
static int read_batch(int fd, uint8_t *out, size_t room, unsigned count, struct mmsghdr *batch,
                      struct sockaddr_ll *from)
{
    struct iovec pieces[BATCH_MAX];
    unsigned at;

    memset(batch, 0, count * sizeof batch[0]);
    for (at = 0; at < count; at++) {
        pieces[at].iov_base = out + at * room;
        pieces[at].iov_len = room;
        batch[at].msg_hdr.msg_iov = &pieces[at];
        batch[at].msg_hdr.msg_iovlen = 1;
        if (from) {
            batch[at].msg_hdr.msg_name = &from[at];
            batch[at].msg_hdr.msg_namelen = sizeof from[at];
        }
    }
    return recvmmsg(fd, batch, count, MSG_DONTWAIT, NULL);
}

size_t bmcha_udp_drain(int fd, uint8_t *out, size_t out_size, uint32_t *sizes, size_t sizes_max,
                       size_t datagram_bytes_max, uint8_t (*sources)[BMCHA_MAC_ADDRESS_BYTES],
                       int *error)
{
    struct mmsghdr batch[BATCH_MAX];
    struct sockaddr_ll from_whom[BATCH_MAX];
    size_t room = datagram_bytes_max + 1;
    size_t filled = 0, count = 0;
    unsigned interrupted = 0;

    *error = 0;
    while (count < sizes_max) {
        size_t fitting = (out_size - filled) / room;
        size_t left = sizes_max - count;
        size_t wanted = left < BATCH_MAX ? left : BATCH_MAX;
        size_t from = filled;
        int found, at;
        wanted = fitting < wanted ? fitting : wanted;
        if (wanted == 0)
            return count;
        found = read_batch(fd, out + from, room, (unsigned)wanted, batch,
                           sources ? from_whom : NULL);
        if (found < 0 && errno == EINTR && interrupted++ < INTERRUPTED_MAX)
            continue;
        if (found <= 0) {
            *error = found == 0 || errno == EAGAIN ? 0 : -errno;
            return count;
        }
        /* Close the gaps: each was read into a room of its own. */
        for (at = 0; at < found; at++) {
            uint32_t size = batch[at].msg_len;
            memmove(out + filled, out + from + (size_t)at * room, size);
            filled += size;
            if (sources)
                memcpy(sources[count], from_whom[at].sll_addr, BMCHA_MAC_ADDRESS_BYTES);
            sizes[count++] = size;
        }
    }
    return count;
}
