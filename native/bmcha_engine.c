/* The loop of one path. Allocates nothing after bmcha_engine_new. */
#define _GNU_SOURCE
#include "bmcha_engine.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bmcha_clock.h"

/* Then it reads again: a snapshot on the way out must not delay a beat on the way in. */
#define WRITES_PER_TURN_MAX 32
/* Reads of one turn: more than any receive buffer holds, so that nothing stays unread, and yet a
 * flood cannot hold the loop. */
#define READS_PER_TURN_MAX 256
/* After a turn that brought noise: then a turn finds much of it at once, and a flood costs a
 * bounded part of one processor. The kernel's buffers hold more than comes in that time (550
 * datagrams, 68 KB of a line), and a beat that is due or a wake ends the rest. */
#define REST_NS (3 * BMCHA_NS_PER_MS)
/* More datagrams in one turn than a peer sends, even if each of them is sound. */
#define CALM_DATAGRAMS_MAX 8u
/* A ring that Python does not empty: looked at again so often. */
#define FULL_NS (5 * BMCHA_NS_PER_MS)

enum readiness { READY_NOTHING, READY_INPUT = 1, READY_ENDED = 2 };

static int is_open(const struct bmcha_engine *engine)
{
    return engine->port->fd >= 0;
}

static int is_stopped(const struct bmcha_engine *engine)
{
    return atomic_load_explicit(&engine->is_stopped, memory_order_acquire) != 0;
}

static void add_one(int fd)
{
    uint64_t one = 1;

    /* Refused only by a counter that is full, which is a wake already. */
    if (write(fd, &one, sizeof one) < 0)
        return;
}

/* For everything that one read can bring, and what else a turn says. */
static int have_room(struct bmcha_engine *engine)
{
    return bmcha_reports_have_room(&engine->reports);
}

/* ---- what came ---- */

/* Reads until nothing is left, or there is no more room to report it. 1: nothing was left. */
static int drain(struct bmcha_engine *engine, enum readiness ready, int64_t heard_ns, int *failed)
{
    size_t datagrams_count = 0;

    for (int i = 0; i < READS_PER_TURN_MAX; i++) {
        int is_more, error;
        size_t count, size = 0;
        if (!have_room(engine))
            return 0;
        count = bmcha_port_read(engine->port, ready & READY_ENDED, engine->input, engine->sizes,
                                &is_more, &error);
        for (size_t at = 0; at < count; at++)
            size += engine->sizes[at];
        if (count)
            engine->is_working = 1;
        if (engine->pulse.settings.is_stuffed) {
            bmcha_engine_hear_stream(engine, engine->input, size, heard_ns);
        } else {
            bmcha_engine_hear_datagrams(engine, engine->input, size, engine->sizes, count,
                                        heard_ns);
            datagrams_count += count;
        }
        if (datagrams_count > CALM_DATAGRAMS_MAX)
            engine->is_noisy = 1;
        if (error) {
            engine->stage = BMCHA_STAGE_READ;
            *failed = error;
            return 0;
        }
        if (!is_more)
            return 1;
    }
    return 1;
}

/* ---- what goes ---- */

static int send_all(struct bmcha_engine *engine)
{
    struct bmcha_pulse *pulse = &engine->pulse;

    for (int i = 0; i < WRITES_PER_TURN_MAX; i++) {
        size_t size = bmcha_pulse_offer(pulse, bmcha_clock_ns(), engine->output,
                                        sizeof engine->output);
        int taken;
        if (size == 0)
            return 0;
        taken = bmcha_port_write(engine->port, engine->output, size);
        if (taken <= 0) {
            bmcha_pulse_note_refused(pulse, bmcha_clock_ns());
            engine->stage = BMCHA_STAGE_WRITE;
            return taken;
        }
        bmcha_pulse_note_sent(pulse, size, bmcha_clock_ns());
        engine->is_working = 1;
    }
    return 0;
}

/* ---- waiting ---- */

static struct timespec span_of(int64_t ns)
{
    struct timespec span = {0, 0};

    if (ns > 0) {
        span.tv_sec = (time_t)(ns / BMCHA_NS_PER_S);
        span.tv_nsec = (long)(ns % BMCHA_NS_PER_S);
    }
    return span;
}

static void take_wake(const struct bmcha_engine *engine)
{
    uint64_t count;

    if (read(engine->wake_fd, &count, sizeof count) < 0)
        return;
}

static short wanted_events(const struct bmcha_engine *engine, int may_read)
{
    const struct bmcha_port *port = engine->port;

    return (short)((may_read ? POLLIN : 0) | (port->rest_size && !port->is_stuck ? POLLOUT : 0));
}

/* Until the port has something, somebody wakes it, or the time is over. `*failed`: a rest could not
 * be sent. */
static enum readiness wait_for_port(struct bmcha_engine *engine, int64_t wait_ns, int *failed)
{
    int may_read = have_room(engine);
    struct pollfd polled[2] = {
        {engine->wake_fd, POLLIN, 0},
        {engine->port->fd, 0, 0}, /* poll looks away from a descriptor below 0 */
    };
    struct timespec span;

    if (!may_read && wait_ns > FULL_NS)
        wait_ns = FULL_NS;
    span = span_of(wait_ns);
    polled[1].events = wanted_events(engine, may_read);
    if (!may_read && polled[1].events == 0)
        polled[1].fd = -1; /* else it would say at once that the far end hung up */
    if (ppoll(polled, 2, &span, NULL) <= 0)
        return READY_NOTHING;
    if (polled[0].revents)
        take_wake(engine);
    if (polled[1].revents & POLLOUT) {
        engine->stage = BMCHA_STAGE_WRITE;
        *failed = bmcha_port_write_rest(engine->port);
    }
    if (polled[1].revents & (POLLHUP | POLLERR | POLLNVAL))
        return READY_INPUT | READY_ENDED;
    return polled[1].revents & POLLIN ? READY_INPUT : READY_NOTHING;
}

/* After noise. A wake stays for the next turn, so that what it is about is done first. */
static void rest(struct bmcha_engine *engine)
{
    struct pollfd polled = {engine->wake_fd, POLLIN, 0};
    int64_t now_ns = bmcha_clock_ns();
    int64_t rest_ns =
        bmcha_pulse_due(&engine->pulse, now_ns, is_open(engine), have_room(engine)) - now_ns;
    struct timespec span;

    if (rest_ns <= 0)
        return;
    span = span_of(rest_ns < REST_NS ? rest_ns : REST_NS);
    (void)ppoll(&polled, 1, &span, NULL);
}

/* ---- a turn ---- */

/* Drain before declare: what came while this thread was busy is heard first. */
static void judge(struct bmcha_engine *engine, int *failed)
{
    int64_t looked_ns = bmcha_clock_ns();

    if (!bmcha_pulse_is_watch_due(&engine->pulse, looked_ns) || !have_room(engine))
        return;
    if (is_open(engine) && !drain(engine, READY_NOTHING, bmcha_clock_ns(), failed) && !*failed)
        return;
    (void)bmcha_engine_judge(engine, looked_ns);
}

static int turn(struct bmcha_engine *engine, int64_t until_ns)
{
    int64_t now_ns = bmcha_clock_ns();
    int64_t due_ns =
        bmcha_pulse_due(&engine->pulse, now_ns, is_open(engine), have_room(engine));
    enum readiness ready;
    int failed = 0;

    engine->turns++;
    engine->is_noisy = 0;
    ready = wait_for_port(engine, (due_ns < until_ns ? due_ns : until_ns) - now_ns, &failed);
    now_ns = bmcha_clock_ns();
    bmcha_pulse_woke(&engine->pulse, now_ns);
    if (ready && !failed)
        (void)drain(engine, ready, now_ns, &failed);
    if (is_open(engine) && !failed)
        failed = send_all(engine);
    judge(engine, &failed);
    (void)bmcha_engine_summarise(engine, bmcha_clock_ns());
    if ((is_open(engine) && bmcha_pulse_wants_letter(&engine->pulse, bmcha_clock_ns())) ||
        engine->has_news) {
        engine->has_news = 0;
        add_one(engine->report_fd);
    }
    return failed;
}

/* ---- from outside ---- */

struct bmcha_engine *bmcha_engine_new(void)
{
    struct bmcha_engine *made = calloc(1, sizeof *made);

    if (made == NULL)
        return NULL;
    made->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (made->wake_fd >= 0)
        return made;
    free(made);
    return NULL;
}

void bmcha_engine_free(struct bmcha_engine *engine)
{
    if (engine == NULL)
        return;
    (void)close(engine->wake_fd);
    free(engine);
}

/* Only here: with it, a thread that waits for the interpreter's lock would be the worst of both. */
static void take_priority(struct bmcha_engine *engine)
{
    struct sched_param wanted = {engine->priority};

    if (engine->priority == 0)
        return;
    engine->priority_refused =
        pthread_getschedparam(pthread_self(), &engine->former_policy, &engine->former);
    if (engine->priority_refused == 0)
        engine->priority_refused = pthread_setschedparam(pthread_self(), SCHED_FIFO, &wanted);
}

static void give_priority_back(const struct bmcha_engine *engine)
{
    if (engine->priority && !engine->priority_refused)
        (void)pthread_setschedparam(pthread_self(), engine->former_policy, &engine->former);
}

int bmcha_engine_run(struct bmcha_engine *engine, int64_t until_ns)
{
    int failed = 0;

    take_priority(engine);
    do {
        failed = turn(engine, until_ns);
        if (!failed && engine->is_noisy)
            rest(engine);
    } while (!failed && !is_stopped(engine) && bmcha_clock_ns() < until_ns);
    give_priority_back(engine);
    return failed;
}

void bmcha_engine_stop(struct bmcha_engine *engine)
{
    atomic_store_explicit(&engine->is_stopped, 1, memory_order_release);
    bmcha_engine_wake(engine);
}

void bmcha_engine_wake(const struct bmcha_engine *engine)
{
    add_one(engine->wake_fd);
}

void bmcha_engine_order_watch(struct bmcha_engine *engine, int64_t silent_after_ns,
                              int64_t armed_ns)
{
    struct bmcha_watch_order order;

    (void)bmcha_published_read(&engine->pulse.watch_board, &order, sizeof order);
    /* 0 is no order. */
    order = (struct bmcha_watch_order){armed_ns, silent_after_ns,
                                       order.number + 1 ? order.number + 1 : 1, 0};
    bmcha_published_write(&engine->pulse.watch_board, &order, sizeof order);
    bmcha_engine_wake(engine);
}
