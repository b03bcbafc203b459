/* Noise for the tests: as much of it as told, on a descriptor that was inherited.
 *
 *   noise stream FD BYTES_PER_S SECONDS FORM
 *   noise datagrams FD HOST PORT PER_S SECONDS FORM [FRAME_HEX]
 *
 * Forms of a stream: random, no-zero, all-zero, alternating. Of datagrams: random (64 bytes), empty,
 * huge (64,000 bytes), hex (the frame that is given). What a full queue refuses is lost, as on a
 * wire. Prints how many bytes or datagrams were taken. Linux, IPv4. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STEP_NS 1000000L
#define BATCH_MAX 256
#define LATE_S_MAX 0.02
#define HUGE_BYTES 64000

static uint64_t random_state = 88172645463325252u;

static uint8_t random_byte(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint8_t)(random_state >> 24);
}

static void fill(uint8_t *out, size_t size, const char *form)
{
    size_t i;
    for (i = 0; i < size; i++) {
        if (strcmp(form, "all-zero") == 0)
            out[i] = 0;
        else if (strcmp(form, "alternating") == 0)
            out[i] = i & 1;
        else if (strcmp(form, "no-zero") == 0)
            out[i] = random_byte() | 1;
        else
            out[i] = random_byte();
    }
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void sleep_until(int64_t at_ns)
{
    struct timespec at = {at_ns / 1000000000LL, at_ns % 1000000000LL};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

static long say_bytes(int fd, long count, const char *form)
{
    uint8_t data[65536];
    ssize_t taken;
    if (count > (long)sizeof data)
        count = (long)sizeof data;
    fill(data, (size_t)count, form);
    taken = write(fd, data, (size_t)count);
    return taken < 0 ? 0 : taken;
}

static long say_datagrams(int fd, const struct sockaddr_in *to, long count, const char *form,
                          const uint8_t *frame, size_t frame_size)
{
    static uint8_t data[HUGE_BYTES];
    struct iovec piece;
    struct mmsghdr batch[BATCH_MAX];
    long sent = 0;

    piece.iov_base = data;
    piece.iov_len = strcmp(form, "empty") == 0 ? 0 : strcmp(form, "huge") == 0 ? HUGE_BYTES : 64;
    if (frame_size) {
        memcpy(data, frame, frame_size);
        piece.iov_len = frame_size;
    } else {
        fill(data, 64, "random");
    }
    memset(batch, 0, sizeof batch);
    while (sent < count) {
        int wanted = count - sent < BATCH_MAX ? (int)(count - sent) : BATCH_MAX;
        int i, done;
        for (i = 0; i < wanted; i++) {
            batch[i].msg_hdr.msg_iov = &piece;
            batch[i].msg_hdr.msg_iovlen = 1;
            batch[i].msg_hdr.msg_name = (void *)to;
            batch[i].msg_hdr.msg_namelen = sizeof *to;
        }
        done = sendmmsg(fd, batch, (unsigned)wanted, MSG_DONTWAIT);
        /* Somebody may have refused an earlier one: that datagram is spent. */
        sent += done < 1 ? 1 : done;
    }
    return sent;
}

static size_t from_hex(const char *text, uint8_t *out, size_t out_size)
{
    size_t size = 0;
    unsigned value;
    while (size < out_size && sscanf(text + 2 * size, "%2x", &value) == 1)
        out[size++] = (uint8_t)value;
    return size;
}

int main(int argc, char **argv)
{
    int is_stream = argc > 2 && strcmp(argv[1], "stream") == 0;
    int shift = is_stream ? 0 : 2;
    static uint8_t frame[4096];
    size_t frame_size = 0;
    struct sockaddr_in to;
    double per_s, seconds;
    int64_t begun_ns, end_ns, at_ns;
    long due, done = 0, taken = 0;
    int fd;

    if (argc < 6 + shift)
        return 2;
    fd = atoi(argv[2]);
    memset(&to, 0, sizeof to);
    to.sin_family = AF_INET;
    if (!is_stream) {
        if (inet_pton(AF_INET, argv[3], &to.sin_addr) != 1)
            return 2;
        to.sin_port = htons((uint16_t)atoi(argv[4]));
    }
    per_s = atof(argv[3 + shift]);
    seconds = atof(argv[4 + shift]);
    if (argc > 6 + shift)
        frame_size = from_hex(argv[6 + shift], frame, sizeof frame);
    begun_ns = at_ns = now_ns();
    end_ns = begun_ns + (int64_t)(seconds * 1e9);
    while (now_ns() < end_ns) {
        at_ns += STEP_NS;
        sleep_until(at_ns);
        due = (long)(per_s * (double)(now_ns() - begun_ns) / 1e9) - done;
        if (due <= 0)
            continue;
        done += due;
        /* What this process was too late for is not made good at once: a storm, not a wall. */
        if (due > (long)(per_s * LATE_S_MAX) + 1)
            due = (long)(per_s * LATE_S_MAX) + 1;
        taken += is_stream ? say_bytes(fd, due, argv[5])
                           : say_datagrams(fd, &to, due, argv[7], frame, frame_size);
    }
    printf("%ld\n", taken);
    return 0;
}
