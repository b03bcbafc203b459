/* Two engines beat to each other over real descriptors, while a node publishes, orders and posts on
 * one side of each and a reader takes its reports on the other. Run under the address and undefined-
 * behaviour sanitizers, and once more under the thread sanitizer. */
#define _GNU_SOURCE
#include "../bmcha_engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define BEAT_MS 2u
#define DEADTIME_BEATS 100u
#define RUN_NS (400 * BMCHA_NS_PER_MS)
#define NEVER_ENDS INT64_MAX

/* One module's end of one path, and what it was told. */
struct end {
    struct bmcha_engine *engine;
    struct bmcha_port port;
    struct bmcha_published drafts;
    struct bmcha_echo_board echoes;
    pthread_t thread;
    int result;
    int report_fd;
    unsigned beats, messages, summaries, overdue;
    uint64_t lost, bad, tx;
    uint32_t message_sequence;
};

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * BMCHA_NS_PER_S + now.tv_nsec;
}

static void publish(struct end *end, uint32_t urgent_count, uint8_t health)
{
    struct bmcha_draft draft;

    memset(&draft, 0, sizeof draft);
    draft.published_ns = now_ns();
    draft.urgent_count = urgent_count;
    draft.epoch = 7;
    draft.body_size = BMCHA_BEAT_HEAD_BYTES;
    draft.body[BMCHA_BEAT_ROLE] = BMCHA_ROLE_MIN;
    draft.body[BMCHA_BEAT_HEALTH] = health;
    bmcha_published_write(&end->drafts, &draft, sizeof draft);
}

static void begin(struct end *end, uint8_t slot, int fd, int kind)
{
    struct bmcha_engine *engine = bmcha_engine_new();
    struct bmcha_pulse_settings *settings;

    CHECK(engine != NULL);
    memset(end, 0, sizeof *end);
    end->engine = engine;
    end->report_fd = eventfd(0, EFD_NONBLOCK);
    end->port.kind = kind;
    end->port.fd = fd;
    end->port.queued_bytes_max = 1000000;
    engine->port = &end->port;
    engine->report_fd = end->report_fd;
    engine->pulse.draft_board = &end->drafts;
    engine->pulse.echo_board = &end->echoes;
    settings = &engine->pulse.settings;
    settings->chassis_id = 4711;
    settings->boot_id = 100u + slot;
    settings->own_slot = slot;
    settings->peer_slot = (uint8_t)(3 - slot);
    settings->echoes_count = 1;
    settings->is_stuffed = kind == BMCHA_PORT_SERIAL;
    settings->interval_ms = BEAT_MS;
    settings->deadtime_beats = DEADTIME_BEATS;
    settings->recovery_beats_min = 3;
    settings->stall_limit_ns = 10 * BMCHA_NS_PER_S;
    settings->late_after_ns[0] = settings->silent_after_ns[0] = 10 * BMCHA_NS_PER_S;
    engine->sieve.chassis_id = settings->chassis_id;
    engine->sieve.source_slot = settings->peer_slot;
    engine->sieve.target_slot = slot;
    bmcha_pulse_begin(&engine->pulse, now_ns());
    publish(end, 0, 100);
}

static void *run(void *given)
{
    struct end *end = given;

    end->result = bmcha_engine_run(end->engine, NEVER_ENDS);
    return NULL;
}

static void read_reports(struct end *end)
{
    static _Thread_local uint8_t room[BMCHA_REPORTS_BYTES];
    size_t size = bmcha_reports_take(&end->engine->reports, room, sizeof room);

    for (const uint8_t *at = room; at < room + size;) {
        struct bmcha_report report;
        struct bmcha_summary summary;
        memcpy(&report, at, sizeof report);
        switch (report.kind) {
        case BMCHA_REPORT_BEAT:
            end->beats++;
            break;
        case BMCHA_REPORT_MESSAGE:
            CHECK(report.type == BMCHA_TYPE_PROBE);
            memcpy(&end->message_sequence, at + sizeof report, 4);
            CHECK(end->message_sequence == end->messages);
            end->messages++;
            break;
        case BMCHA_REPORT_OVERDUE:
            end->overdue++;
            break;
        default:
            CHECK(report.kind == BMCHA_REPORT_SUMMARY);
            memcpy(&summary, at + sizeof report, sizeof summary);
            end->summaries++;
            end->lost = summary.counts.lost;
            end->tx = summary.counts.tx;
            end->bad = 0;
            for (unsigned i = 0; i < BMCHA_BAD_COUNTS; i++)
                end->bad += summary.bad_counts[i];
        }
        at += report.size;
    }
}

/* The node of both: publishes, orders watches, and sends numbered messages. */
static void live(struct end *ends, int64_t span_ns)
{
    int64_t end_ns = now_ns() + span_ns;
    uint32_t posted[2] = {0, 0};

    for (uint32_t turn = 1; now_ns() < end_ns; turn++) {
        struct timespec pause = {0, BMCHA_NS_PER_MS};
        for (int at = 0; at < 2; at++) {
            struct end *end = &ends[at];
            uint64_t count;
            publish(end, turn, (uint8_t)(turn % 100));
            bmcha_engine_order_watch(end->engine, BMCHA_NS_PER_S, now_ns());
            if (bmcha_letter_fill(&end->engine->pulse.role, BMCHA_TYPE_PROBE, (uint8_t)(2 - at),
                                  (uint8_t *)&posted[at], 4))
                posted[at]++;
            (void)bmcha_letter_await(&end->engine->pulse.role);
            bmcha_engine_wake(end->engine);
            if (read(end->report_fd, &count, sizeof count) > 0)
                read_reports(end);
        }
        (void)nanosleep(&pause, NULL);
    }
    for (int at = 0; at < 2; at++)
        CHECK(posted[at] > 10);
}

static void stop(struct end *end)
{
    bmcha_engine_stop(end->engine);
    CHECK(pthread_join(end->thread, NULL) == 0);
    read_reports(end);
}

static void end_it(struct end *end)
{
    bmcha_engine_free(end->engine);
    close(end->report_fd);
    close(end->port.fd);
}

static void they_beat_and_speak(int kind)
{
    static struct end ends[2];
    int fds[2];
    int type = kind == BMCHA_PORT_SERIAL ? SOCK_STREAM : SOCK_DGRAM;

    CHECK(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fds) == 0);
    for (int at = 0; at < 2; at++)
        begin(&ends[at], (uint8_t)(at + 1), fds[at], kind);
    for (int at = 0; at < 2; at++)
        CHECK(pthread_create(&ends[at].thread, NULL, run, &ends[at]) == 0);
    live(ends, RUN_NS + 2 * BMCHA_SUMMARY_NS);
    for (int at = 0; at < 2; at++)
        stop(&ends[at]);
    for (int at = 0; at < 2; at++) {
        struct end *end = &ends[at];
        CHECK(end->result == 0);
        CHECK(end->beats > 10 && end->messages > 10 && end->summaries >= 2);
        CHECK(end->overdue == 0 && end->bad == 0 && end->lost == 0);
        CHECK(end->tx > 100);
        end_it(end);
    }
}

static void connect_over_loopback(int *fds)
{
    struct sockaddr_in names[2];

    memset(names, 0, sizeof names);
    for (int at = 0; at < 2; at++) {
        socklen_t size = sizeof names[at];
        fds[at] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        names[at].sin_family = AF_INET;
        names[at].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(bind(fds[at], (struct sockaddr *)&names[at], size) == 0);
        CHECK(getsockname(fds[at], (struct sockaddr *)&names[at], &size) == 0);
    }
    for (int at = 0; at < 2; at++)
        CHECK(connect(fds[at], (struct sockaddr *)&names[1 - at], sizeof names[0]) == 0);
}

/* The far end is gone: silence is told once, and so is a port that broke. */
static void silence_and_a_broken_port_are_told(void)
{
    static struct end end;
    int fds[2];

    connect_over_loopback(fds);
    begin(&end, 1, fds[0], BMCHA_PORT_DATAGRAMS);
    bmcha_engine_order_watch(end.engine, 5 * BMCHA_NS_PER_MS, now_ns());
    CHECK(bmcha_engine_run(end.engine, now_ns() + 100 * BMCHA_NS_PER_MS) == 0);
    read_reports(&end);
    CHECK(end.overdue == 1 && end.beats == 0);
    close(fds[1]);
    /* Refused by the far end's system: no fault of the port. */
    CHECK(bmcha_engine_run(end.engine, now_ns() + 50 * BMCHA_NS_PER_MS) == 0);
    CHECK(end.port.refusals_count > 0);
    fds[1] = eventfd(0, EFD_NONBLOCK);
    CHECK(dup2(fds[1], fds[0]) == fds[0]);
    close(fds[1]);
    CHECK(bmcha_engine_run(end.engine, now_ns() + BMCHA_NS_PER_S) == -ENOTSOCK);
    CHECK(end.engine->stage == BMCHA_STAGE_WRITE);
    end_it(&end);
}

/* A node that stops deciding is silent by itself, whatever the engine does. */
static void a_stalled_node_is_silent(void)
{
    static struct end end;
    uint8_t datagram[200];
    int fds[2];
    unsigned heard = 0;

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds) == 0);
    begin(&end, 1, fds[0], BMCHA_PORT_DATAGRAMS);
    end.engine->pulse.settings.stall_limit_ns = 20 * BMCHA_NS_PER_MS;
    publish(&end, 0, 100);
    CHECK(bmcha_engine_run(end.engine, now_ns() + 100 * BMCHA_NS_PER_MS) == 0);
    while (recv(fds[1], datagram, sizeof datagram, 0) > 0)
        heard++;
    CHECK(heard >= 1 && heard <= 11);
    CHECK(bmcha_engine_run(end.engine, now_ns() + 20 * BMCHA_NS_PER_MS) == 0);
    CHECK(recv(fds[1], datagram, sizeof datagram, 0) < 0);
    CHECK(end.engine->pulse.counts.withheld > 10);
    close(fds[1]);
    end_it(&end);
}

/* Nobody takes the reports: what comes waits unread, beats go on, and nothing is lost. */
static void a_full_ring_stops_the_reading_and_not_the_sending(void)
{
    static struct end ends[2];
    int fds[2];
    uint64_t before;
    uint32_t turns;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    for (int at = 0; at < 2; at++)
        begin(&ends[at], (uint8_t)(at + 1), fds[at], BMCHA_PORT_SERIAL);
    /* Every beat is news: its health changes. */
    for (uint32_t turn = 1; turn < 3000; turn++) {
        publish(&ends[1], turn, (uint8_t)(turn % 100));
        CHECK(bmcha_engine_run(ends[1].engine, 0) == 0);
        if (turn % 10 == 0)
            CHECK(bmcha_engine_run(ends[0].engine, 0) == 0);
    }
    CHECK(!bmcha_reports_have_room(&ends[0].engine->reports));
    before = ends[0].engine->pulse.counts.tx;
    /* Nor does a watch that has run out, and cannot be judged, make it spin. */
    bmcha_engine_order_watch(ends[0].engine, 0, now_ns());
    turns = ends[0].engine->turns;
    CHECK(bmcha_engine_run(ends[0].engine, now_ns() + 20 * BMCHA_NS_PER_MS) == 0);
    CHECK(ends[0].engine->turns - turns < 200);
    CHECK(ends[0].overdue == 0);
    CHECK(ends[0].engine->pulse.counts.tx > before);
    for (int i = 0; i < 200; i++) {
        read_reports(&ends[0]);
        CHECK(bmcha_engine_run(ends[0].engine, 0) == 0);
    }
    CHECK(ends[0].engine->pulse.counts.lost == 0);
    CHECK(ends[0].engine->pulse.counts.rx == ends[1].engine->pulse.counts.tx);
    for (int at = 0; at < 2; at++)
        end_it(&ends[at]);
}

int main(void)
{
    they_beat_and_speak(BMCHA_PORT_DATAGRAMS);
    puts("ok they beat and speak, datagrams");
    they_beat_and_speak(BMCHA_PORT_SERIAL);
    puts("ok they beat and speak, serial");
    silence_and_a_broken_port_are_told();
    puts("ok silence and a broken port are told");
    a_stalled_node_is_silent();
    puts("ok a stalled node is silent");
    a_full_ring_stops_the_reading_and_not_the_sending();
    puts("ok a full ring stops the reading and not the sending");
    return 0;
}
