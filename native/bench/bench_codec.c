/* What a frame costs in C, beside the textbook's way of doing the same: stuffing byte by byte and a
 * checksum from tables (Cheshire and Baker's listing; Sarwate with eight tables).
 *
 *   PROGRAM     a table of nanoseconds: the median of 15 runs, CPU time of this thread
 *
 * Content matters, since stuffing visits zeros one by one: chassis is one zero in six bytes, as a
 * picture of a chassis has them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../bmcha_bytes.h"
#include "../bmcha_cobs.h"
#include "../bmcha_crc32c.h"
#include "../bmcha_frame.h"

#define RUNS 15
#define RUN_NS 2e6
#define ROOM (BMCHA_STUFFED_BYTES_MAX + 8u)

static uint8_t body[BMCHA_BODY_BYTES_MAX], frame[ROOM], plain[ROOM], bare[ROOM];
static volatile size_t sink;

static size_t textbook_encode(const uint8_t *data, size_t data_size, uint8_t *out)
{
    size_t code_at = 0, at = 1;
    for (size_t in = 0; in < data_size; in++) {
        if (data[in] != 0)
            out[at++] = data[in];
        if (data[in] == 0 || at - code_at == 255) {
            out[code_at] = (uint8_t)(at - code_at);
            code_at = at++;
        }
    }
    out[code_at] = (uint8_t)(at - code_at);
    return at;
}

static size_t textbook_decode(const uint8_t *data, size_t data_size, uint8_t *out)
{
    size_t in = 0, at = 0;
    while (in < data_size) {
        uint8_t code = data[in++];
        for (uint8_t i = 1; i < code && in < data_size; i++)
            out[at++] = data[in++];
        if (code != 255 && in < data_size)
            out[at++] = 0;
    }
    return at;
}

static size_t frame_size, body_size;

static void ours_out(void)
{
    sink = (size_t)bmcha_frame_encode(frame, sizeof frame, 1, BMCHA_TYPE_DELTA, 0, 1, 1, 2, 3, 4, 5,
                                      body, body_size, NULL, 0);
}

static void ours_in(void)
{
    struct bmcha_frame found;
    size_t taken;
    sink = bmcha_frame_decode_stream(frame, frame_size, plain, sizeof plain, &found, 1, &taken);
    if (found.status != 0)
        abort();
}

static void textbook_out(void)
{
    memcpy(bare + BMCHA_HEADER_BYTES, body, body_size);
    bmcha_le32_write(bare + BMCHA_HEADER_BYTES + body_size,
                     bmcha_crc32c_table(bare, BMCHA_HEADER_BYTES + body_size));
    sink = textbook_encode(bare, BMCHA_HEADER_BYTES + body_size + BMCHA_CRC_BYTES, frame);
}

static void textbook_in(void)
{
    size_t size = textbook_decode(frame, frame_size - 1, plain);
    sink = bmcha_crc32c_table(plain, size - BMCHA_CRC_BYTES);
}

static double now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double median_ns(void (*work)(void))
{
    double runs[RUNS];
    double begun = now_ns();
    size_t times = 0;

    while (now_ns() - begun < RUN_NS) {
        work();
        times++;
    }
    for (int run = 0; run < RUNS; run++) {
        begun = now_ns();
        for (size_t i = 0; i < times; i++)
            work();
        runs[run] = (now_ns() - begun) / (double)times;
    }
    qsort(runs, RUNS, sizeof runs[0], by_size);
    return runs[RUNS / 2];
}

static void fill(const char *content)
{
    unsigned long long state = 7;

    for (size_t i = 0; i < sizeof body; i++) {
        unsigned int any;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        any = (unsigned int)(state >> 32);
        switch (content[0]) {
        case 'c':
            body[i] = any % 6 == 0 ? 0 : (uint8_t)(any >> 8);
            break;
        case 'r':
            body[i] = (uint8_t)any;
            break;
        case 'a':
            body[i] = i % 2;
            break;
        default:
            body[i] = content[0] == 'z' ? 0 : 0x55;
        }
    }
}

static void one_row(const char *content, size_t size)
{
    double out, in, slow_out, slow_in;

    fill(content);
    body_size = size - BMCHA_HEADER_BYTES - BMCHA_CRC_BYTES;
    ours_out();
    frame_size = sink;
    out = median_ns(ours_out);
    in = median_ns(ours_in);
    slow_in = median_ns(textbook_in);
    slow_out = median_ns(textbook_out);
    printf("%5zu B  %-12s %7.0f %7.0f    %7.0f %7.0f    %5.1f %5.1f\n", size, content, out, in,
           slow_out, slow_in, slow_out / out, slow_in / in);
}

int main(void)
{
    static const char *contents[] = {"chassis", "random", "zeros", "no zero", "alternating"};
    static const size_t sizes[] = {64, 256, 4096, BMCHA_BODY_BYTES_MAX};

    printf("checksum by %s\n\n", bmcha_crc32c_is_instruction() ? "instruction" : "tables");
    puts("frame    content        ours, ns         textbook, ns      times quicker");
    puts("                       encode  decode     encode  decode     enc.  dec.");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t j = 0; j < sizeof contents / sizeof contents[0]; j++)
            one_row(contents[j], sizes[i]);
    return 0;
}
