/* The ring of reports: order, limits, its end, and one writer beside one reader. */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "../bmcha_reports.h"
#include "check.h"

#define SENT 200000u

static struct bmcha_reports ring;
static uint8_t body[5000];

static struct bmcha_report numbered(uint32_t number)
{
    struct bmcha_report report = {.kind = BMCHA_REPORT_MESSAGE, .sequence = number};

    return report;
}

/* Of any size, and known again by its number. */
static size_t size_of(uint32_t number)
{
    return (number * 2654435761u >> 7) % 4200;
}

static int put(uint32_t number)
{
    size_t size = size_of(number), first = size / 3;

    memset(body, (int)number, size);
    return bmcha_reports_put(&ring, numbered(number), body, first, body + first, size - first);
}

/* Checks one taken report; where the next one begins. */
static const uint8_t *check_one(const uint8_t *at, uint32_t number)
{
    struct bmcha_report report;

    memcpy(&report, at, sizeof report);
    CHECK(report.kind == BMCHA_REPORT_MESSAGE);
    CHECK(report.sequence == number);
    CHECK(report.body_size == size_of(number));
    CHECK(report.size >= sizeof report + report.body_size && report.size % 8 == 0);
    for (size_t i = 0; i < report.body_size; i++)
        CHECK(at[sizeof report + i] == (uint8_t)number);
    return at + report.size;
}

static void a_full_ring_takes_no_more_and_loses_nothing(void)
{
    static uint8_t out[BMCHA_REPORTS_BYTES];
    const uint8_t *at = out;
    uint32_t count = 0;
    size_t size;

    CHECK(bmcha_reports_take(&ring, out, sizeof out) == 0);
    CHECK(bmcha_reports_have_room(&ring));
    while (put(count))
        count++;
    CHECK(count > 20 && !bmcha_reports_have_room(&ring));
    size = bmcha_reports_take(&ring, out, sizeof out);
    for (uint32_t number = 0; number < count; number++)
        at = check_one(at, number);
    CHECK((size_t)(at - out) == size);
    CHECK(bmcha_reports_have_room(&ring));
}

static void room_holds_whatever_its_place_and_its_pieces(void)
{
    static uint8_t out[BMCHA_REPORTS_BYTES];

    for (uint32_t start = 0; start < 3000; start++) {
        size_t left = BMCHA_REPORTS_ROOM;
        (void)put(start);
        if (start % 3 == 0)
            (void)bmcha_reports_take(&ring, out, sizeof out);
        if (!bmcha_reports_have_room(&ring))
            continue;
        for (uint32_t number = start; left > 4300; number++) {
            size_t taken = (sizeof(struct bmcha_report) + size_of(number) + 7) / 8 * 8;
            CHECK(put(number));
            left -= taken;
        }
        (void)bmcha_reports_take(&ring, out, sizeof out);
    }
}

static void a_small_target_gets_whole_reports(void)
{
    static uint8_t out[BMCHA_REPORTS_BYTES];
    struct bmcha_report report;

    while (bmcha_reports_take(&ring, out, sizeof out))
        continue;
    for (int i = 0; i < 3; i++)
        CHECK(bmcha_reports_put(&ring, numbered((uint32_t)i), body, 60, NULL, 0));
    CHECK(bmcha_reports_take(&ring, out, 2 * 104 + 103) == 2 * 104);
    CHECK(bmcha_reports_take(&ring, out, 103) == 0);
    CHECK(bmcha_reports_take(&ring, out, 104) == 104);
    memcpy(&report, out, sizeof report);
    CHECK(report.sequence == 2);
}

static void an_empty_ring_begins_anew_so_that_little_of_it_is_touched(void)
{
    static uint8_t out[BMCHA_REPORTS_BYTES];

    memset(ring.bytes, 0xEE, sizeof ring.bytes);
    for (uint32_t i = 0; i < 5000; i++) {
        CHECK(bmcha_reports_put(&ring, numbered(i), body, 300, NULL, 0));
        CHECK(bmcha_reports_take(&ring, out, sizeof out) > 0);
    }
    for (size_t at = BMCHA_REPORTS_ROOM + 512; at < sizeof ring.bytes; at++)
        CHECK(ring.bytes[at] == 0xEE);
}

static void *write_all(void *unused)
{
    for (uint32_t number = 0; number < SENT; number++)
        while (!put(number))
            sched_yield();
    return unused;
}

static void a_writer_and_a_reader_beside_each_other(void)
{
    static uint8_t out[BMCHA_REPORTS_BYTES];
    uint32_t number = 0;
    pthread_t writer;

    CHECK(pthread_create(&writer, NULL, write_all, NULL) == 0);
    while (number < SENT) {
        size_t size = bmcha_reports_take(&ring, out, sizeof out);
        for (const uint8_t *at = out; at < out + size; number++)
            at = check_one(at, number);
        if (size == 0)
            sched_yield();
    }
    CHECK(pthread_join(writer, NULL) == 0);
}

int main(void)
{
    a_full_ring_takes_no_more_and_loses_nothing();
    puts("ok a full ring takes no more and loses nothing");
    room_holds_whatever_its_place_and_its_pieces();
    puts("ok room holds whatever its place and its pieces");
    a_small_target_gets_whole_reports();
    puts("ok a small target gets whole reports");
    an_empty_ring_begins_anew_so_that_little_of_it_is_touched();
    puts("ok an empty ring begins anew so that little of it is touched");
    a_writer_and_a_reader_beside_each_other();
    puts("ok a writer and a reader beside each other");
    return 0;
}
