/* Datagrams in one go: order, sizes, limits, refusals. On loopback, without waiting. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../bmcha_udp.h"
#include "check.h"

#define MOST 100

struct pair {
    int near;
    int far;
};

static struct pair make(void)
{
    struct pair ends = {socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET, SOCK_DGRAM, 0)};
    struct sockaddr_in near, far;
    socklen_t size = sizeof near;

    memset(&near, 0, sizeof near);
    near.sin_family = AF_INET;
    near.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    far = near;
    CHECK(bind(ends.near, (struct sockaddr *)&near, sizeof near) == 0);
    CHECK(bind(ends.far, (struct sockaddr *)&far, sizeof far) == 0);
    CHECK(getsockname(ends.near, (struct sockaddr *)&near, &size) == 0);
    CHECK(getsockname(ends.far, (struct sockaddr *)&far, &size) == 0);
    CHECK(connect(ends.near, (struct sockaddr *)&far, sizeof far) == 0);
    CHECK(connect(ends.far, (struct sockaddr *)&near, sizeof near) == 0);
    return ends;
}

static void everything_comes_in_order(void)
{
    struct pair ends = make();
    static uint8_t out[40 * (MOST + 1)];
    uint32_t sizes[200];
    uint8_t data[2 * MOST];
    size_t count, found = 0;
    int error;

    for (unsigned i = 0; i < 100; i++) {
        memset(data, (int)i, sizeof data);
        CHECK(send(ends.far, data, i, 0) == (ssize_t)i);
    }
    /* The buffer holds less than all of them: called again, it goes on. */
    while ((count = bmcha_udp_drain(ends.near, out, sizeof out, sizes, 200, MOST, NULL, &error)) > 0) {
        size_t start = 0;
        CHECK(error == 0);
        for (size_t at = 0; at < count; at++, found++) {
            CHECK(sizes[at] == found);
            for (size_t i = 0; i < sizes[at]; i++)
                CHECK(out[start + i] == found);
            start += sizes[at];
        }
    }
    CHECK(found == 100 && error == 0);
    close(ends.near);
    close(ends.far);
    puts("ok everything comes in order");
}

static void limits_hold(void)
{
    struct pair ends = make();
    uint8_t *out = malloc(MOST + 1);
    uint32_t sizes[3];
    uint8_t data[2 * MOST] = {0};
    int error;

    CHECK(out != NULL);
    for (int i = 0; i < 4; i++)
        CHECK(send(ends.far, data, sizeof data, 0) == sizeof data);
    /* Too long is seen to be too long; and never more than there is room for. */
    CHECK(bmcha_udp_drain(ends.near, out, MOST + 1, sizes, 3, MOST, NULL, &error) == 1);
    CHECK(sizes[0] == MOST + 1);
    CHECK(bmcha_udp_drain(ends.near, out, MOST, sizes, 3, MOST, NULL, &error) == 0);
    CHECK(bmcha_udp_drain(ends.near, out, MOST + 1, sizes, 0, MOST, NULL, &error) == 0);
    free(out);
    close(ends.near);
    close(ends.far);
    puts("ok limits hold");
}

static void a_refusal_is_told_and_hides_nothing(void)
{
    struct pair ends = make();
    static uint8_t out[40 * (MOST + 1)];
    uint32_t sizes[8];
    int error;

    CHECK(send(ends.far, "last", 4, 0) == 4);
    close(ends.far);
    CHECK(send(ends.near, "x", 1, 0) == 1);
    CHECK(bmcha_udp_drain(ends.near, out, sizeof out, sizes, 8, MOST, NULL, &error) == 0);
    CHECK(error == -ECONNREFUSED);
    CHECK(bmcha_udp_drain(ends.near, out, sizeof out, sizes, 8, MOST, NULL, &error) == 1);
    CHECK(error == 0 && sizes[0] == 4 && memcmp(out, "last", 4) == 0);
    CHECK(bmcha_udp_drain(-1, out, sizeof out, sizes, 8, MOST, NULL, &error) == 0 && error == -EBADF);
    close(ends.near);
    puts("ok a refusal is told and hides nothing");
}

int main(void)
{
    everything_comes_in_order();
    limits_hold();
    a_refusal_is_told_and_hides_nothing();
    return 0;
}
