/* What Python's socket module cannot do with a UDP socket. Linux. */
#ifndef BMCHA_UDP_H
#define BMCHA_UDP_H

#include <stddef.h>
#include <stdint.h>

#define BMCHA_MAC_ADDRESS_BYTES 6u

/* Lets the kernel drop what this classic BPF program returns 0 for. `program` is an array of
 * `struct sock_filter`, eight bytes each. 0 or a negated errno. */
int bmcha_udp_filter(int fd, const void *program, size_t program_size);

/* Takes the datagrams that wait, at most `sizes_max` of them, without waiting for more. They are
 * put one behind the other into `out`; `sizes` has their sizes. One longer than
 * `datagram_bytes_max` is cut to that size plus one, so that it is seen to be too long; a batch of
 * that size has to fit `out`. `*error` is a negated errno that came instead of a datagram, 0 if
 * none; what was read before it counts. Returns the number of datagrams. `sources`, where it is not
 * NULL, gets of each the hardware address that a packet socket saw it come from. */
size_t bmcha_udp_drain(int fd, uint8_t *out, size_t out_size, uint32_t *sizes, size_t sizes_max,
                       size_t datagram_bytes_max, uint8_t (*sources)[BMCHA_MAC_ADDRESS_BYTES],
                       int *error);

#endif
