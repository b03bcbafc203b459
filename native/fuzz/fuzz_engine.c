/* The beat engine: anything heard, in any order, with time, drafts, messages and watches between.
 *
 * Input: a byte of choices (0x80: a stream, 0x40: with a key, 0x20: unsigned frames are taken as
 * well, 0x10: pairing is open for a second), then steps of one byte that says what (its low three
 * bits) and how much (the rest), each with the bytes it needs. Frames are made with a right checksum,
 * since no fuzzer guesses one. */
#include "../bmcha_bytes.h"
#include "../bmcha_engine.h"
#include "fuzz.h"

#define IS_STREAM 0x80u
#define IS_KEYED 0x40u
#define IS_LENIENT 0x20u
#define IS_PAIRING 0x10u
#define PIECE_MAX 600u

enum step { RAW, FRAME, OFFER, WAIT, PUBLISH, WATCH, LETTER, TAKE };

static struct bmcha_engine *engine;
static struct bmcha_port port;
static struct bmcha_published drafts, keys, own_keys;
static struct bmcha_echo_board echoes;
static struct bmcha_keyring peer; /* whom the engine may believe */
static uint8_t must_be_signed;
static int64_t now_ns, pairing_until_ns;
static uint64_t datagrams, reported;
static uint32_t urgent_count, order_number, sent_sequence;

static const uint8_t *input;
static size_t left;

static uint8_t next(void)
{
    if (left == 0)
        return 0;
    left--;
    return *input++;
}

static size_t some(size_t most)
{
    size_t size = (size_t)next() * most / 255;

    return size < left ? size : left;
}

/* The engine's key, and the peer's end of it. Without a library there are no keys. */
static void give_keys(unsigned choices)
{
    struct bmcha_key_set set = {1, 1, 1, (choices & IS_LENIENT) != 0, 0, {{1, {7}}}};
    char why[200];

    memset(&peer, 0, sizeof peer);
    must_be_signed = 0;
    pairing_until_ns = choices & IS_PAIRING ? now_ns + BMCHA_NS_PER_S : 0;
    set.pairing_until_ns = pairing_until_ns;
    engine->pulse.keyring.board = choices & (IS_KEYED | IS_PAIRING) ? &own_keys : NULL;
    if (!(choices & IS_KEYED) || bmcha_mac_open(why, sizeof why))
        set.count = set.sender_id = 0;
    bmcha_published_write(&own_keys, &set, sizeof set);
    if (set.count == 0)
        return;
    bmcha_published_write(&keys, &set, sizeof set);
    peer.board = &keys;
    peer.place = (struct bmcha_key_place){1, 12, 2, 1, 1, 2};
    bmcha_keyring_refresh(&peer);
    must_be_signed = !(choices & IS_LENIENT);
}

static void begin(unsigned choices)
{
    int is_stream = (choices & IS_STREAM) != 0;
    struct bmcha_pulse_settings *settings = &engine->pulse.settings;
    int32_t wake_fd = engine->wake_fd;

    memset(engine, 0, sizeof *engine);
    memset(&drafts, 0, sizeof drafts);
    memset(&echoes, 0, sizeof echoes);
    engine->wake_fd = wake_fd;
    engine->report_fd = wake_fd;
    port.fd = -1;
    engine->port = &port;
    engine->pulse.draft_board = &drafts;
    engine->pulse.echo_board = &echoes;
    *settings = (struct bmcha_pulse_settings){
        .chassis_id = 1, .boot_id = 11, .own_slot = 1, .peer_slot = 2, .echoes_count = 2,
        .echo_index = 1, .is_stuffed = (uint8_t)is_stream, .deadtime_beats = 3, .interval_ms = 10,
        .recovery_beats_min = 3, .line_bytes_per_s = is_stream ? 11520 : 0,
        .stall_limit_ns = BMCHA_NS_PER_S,
        .late_after_ns = {20 * BMCHA_NS_PER_MS, 20 * BMCHA_NS_PER_MS},
        .silent_after_ns = {30 * BMCHA_NS_PER_MS, 30 * BMCHA_NS_PER_MS}};
    engine->sieve.chassis_id = 1;
    engine->sieve.source_slot = 2;
    engine->sieve.target_slot = 1;
    now_ns = BMCHA_NS_PER_S;
    datagrams = reported = 0;
    urgent_count = order_number = sent_sequence = 0;
    give_keys(choices);
    bmcha_pulse_begin(&engine->pulse, now_ns);
}

static uint64_t bad_count(void)
{
    uint64_t count = 0;

    for (size_t i = 0; i < BMCHA_BAD_COUNTS; i++)
        count += engine->sieve.bad_counts[i];
    for (size_t i = 0; i < engine->pulse.candidates.count; i++) /* not judged yet */
        count += engine->pulse.candidates.places[i].count;
    return count;
}

/* A pairing that is heard moves nothing else. */
static int may_pair(void)
{
    return engine->pulse.settings.is_stuffed && now_ns < pairing_until_ns;
}

static void hear(const uint8_t *data, size_t size, int is_signed)
{
    const struct bmcha_counts *counts = &engine->pulse.counts;
    int64_t before_ns = engine->pulse.last_heard_ns;
    uint64_t rx = counts->rx;
    uint32_t sizes[1] = {(uint32_t)size};
    uint8_t *copy = exactly(data, size);

    if (!bmcha_reports_have_room(&engine->reports)) {
        free(copy);
        return; /* as the loop does */
    }
    if (engine->pulse.settings.is_stuffed) {
        bmcha_engine_hear_stream(engine, copy, size, now_ns);
        HOLDS(1, engine->held_size < BMCHA_PATH_STUFFED_BYTES_MAX);
    } else {
        bmcha_engine_hear_datagrams(engine, copy, size, sizes, 1, now_ns);
        datagrams++;
        HOLDS(12, counts->rx + counts->ignored + counts->repeated + bad_count() == datagrams);
    }
    HOLDS(12, engine->pulse.last_heard_ns == before_ns || counts->rx > rx);
    HOLDS(16, !must_be_signed || is_signed || may_pair() || counts->rx == rx);
    HOLDS(16, !must_be_signed || is_signed || engine->pulse.last_heard_ns == before_ns);
    HOLDS(16, engine->pulse.candidates.count <= BMCHA_CANDIDATES_MAX);
    free(copy);
}

/* With a right checksum, and if it is the peer's and there are keys, a right MAC. */
static ssize_t build(uint8_t *out, size_t out_size, const struct bmcha_frame *head, int is_signed)
{
    int is_stuffed = engine->pulse.settings.is_stuffed;
    uint8_t *frame = bmcha_frame_begin(out, out_size, is_stuffed, head, input);

    HOLDS(2, frame != NULL);
    if (head->flags) {
        memset(frame + BMCHA_HEADER_BYTES + head->body_length, 7, BMCHA_MAC_BYTES);
        if (is_signed)
            HOLDS(16, bmcha_keyring_sign(&peer, frame) == 0);
    }
    return bmcha_frame_end(out, out_size, is_stuffed, frame);
}

/* A frame of anybody's, mostly the peer's. */
static void hear_frame(void)
{
    uint8_t out[BMCHA_PATH_STUFFED_BYTES_MAX];
    uint8_t who = next(), type = next(), boot = next();
    uint32_t guard = engine->pulse.guard_sequence, in_force = engine->pulse.in_force;
    uint64_t lost = engine->pulse.counts.lost, rx = engine->pulse.counts.rx;
    uint32_t sequence = engine->pulse.guard_sequence + next() - 128u;
    uint8_t source = who & 1 ? (uint8_t)(who >> 4) : 2, target = who & 2 ? 3 : 1;
    size_t size = some(PIECE_MAX);
    int is_signed = who & 8 && peer.board && !(boot & 0x80);
    struct bmcha_frame head;
    ssize_t framed;

    memset(&head, 0, sizeof head);
    head.type = type & 0x80 ? BMCHA_TYPE_PAIRING : type;
    head.flags = who & 8 ? BMCHA_FLAG_MAC : 0;
    head.key_id = who & 8 ? 1 + (boot & 0x40) : 0;
    head.chassis_id = who & 4 ? 9 : 1;
    head.source_slot = source;
    head.target_slot = target;
    head.boot_id = boot % 4 + 10u;
    head.epoch = who;
    head.sequence = sequence;
    head.body_length = (uint16_t)size;
    is_signed = is_signed && head.key_id == 1;
    framed = build(out, sizeof out, &head, is_signed);
    HOLDS(2, framed > 0);
    hear(out, (size_t)framed, is_signed);
    if (head.type == BMCHA_TYPE_PAIRING) {
        HOLDS(16, may_pair() || engine->pulse.counts.rx == rx);
        HOLDS(16, engine->pulse.guard_sequence == guard && engine->pulse.in_force == in_force);
        HOLDS(16, engine->pulse.counts.lost == lost);
    }
    input += size;
    left -= size;
}

/* What is offered, the peer would take. */
static void offer(int is_taken)
{
    uint8_t out[BMCHA_PATH_STUFFED_BYTES_MAX], scratch[BMCHA_PATH_STUFFED_BYTES_MAX];
    struct bmcha_frame frame;
    size_t size = bmcha_pulse_offer(&engine->pulse, now_ns, out, sizeof out), taken = size;
    int is_pairing;

    if (size == 0)
        return;
    HOLDS(14, !engine->pulse.has_said_goodbye);
    if (engine->pulse.settings.is_stuffed)
        HOLDS(14, bmcha_frame_decode_stream(out, size, scratch, sizeof scratch, &frame, 1,
                                            &taken) == 1);
    else
        bmcha_frame_decode(out, size, &frame);
    HOLDS(14, frame.status == 0 && taken == size);
    HOLDS(14, frame.source_slot == 1 && frame.boot_id == 11 && frame.chassis_id == 1);
    is_pairing = frame.type == BMCHA_TYPE_PAIRING;
    HOLDS(14, frame.sequence == (is_pairing ? 0 : sent_sequence + 1));
    HOLDS(16, !must_be_signed || is_pairing == !(frame.flags & BMCHA_FLAG_MAC));
    if (is_taken) {
        bmcha_pulse_note_sent(&engine->pulse, size, now_ns);
        sent_sequence += !is_pairing;
    } else {
        bmcha_pulse_note_refused(&engine->pulse, now_ns);
    }
}

static void publish(void)
{
    struct bmcha_draft draft;
    size_t tail = next() % 2 ? BMCHA_BEAT_TAIL_MAX : 0;

    memset(&draft, 0, sizeof draft);
    draft.published_ns = now_ns;
    draft.urgent_count = urgent_count += next() % 2;
    draft.body_size = (uint32_t)(BMCHA_BEAT_HEAD_BYTES + tail);
    for (size_t i = 0; i < BMCHA_BEAT_HEAD_BYTES; i++)
        draft.body[i] = next();
    bmcha_published_write(&drafts, &draft, sizeof draft);
}

static void order_watch(void)
{
    struct bmcha_watch_order order = {now_ns, next() * BMCHA_NS_PER_MS, ++order_number, 0};

    bmcha_published_write(&engine->pulse.watch_board, &order, sizeof order);
}

static void put_letter(uint8_t choices)
{
    struct bmcha_letter *letter = choices & 1 ? &engine->pulse.role : &engine->pulse.mirror;
    uint8_t role = (choices & 9) == 9 ? BMCHA_TYPE_PAIRING : BMCHA_TYPE_GOODBYE;
    size_t size = some(PIECE_MAX);

    if (choices & 2)
        (void)bmcha_letter_await(letter);
    else
        (void)bmcha_letter_fill(letter, choices & 4 ? role : BMCHA_TYPE_DELTA, 2, input, size);
    input += size;
    left -= size;
}

static void wait_some(void)
{
    int64_t due_ns = bmcha_pulse_due(&engine->pulse, now_ns, 1, 1);
    int64_t late_ns = (int64_t)next() * next() * 100000;

    HOLDS(4, due_ns <= now_ns + BMCHA_SUMMARY_NS + BMCHA_NS_PER_S);
    now_ns = (due_ns > now_ns ? due_ns : now_ns) + late_ns;
    bmcha_pulse_woke(&engine->pulse, now_ns);
    if (bmcha_pulse_is_watch_due(&engine->pulse, now_ns))
        (void)bmcha_engine_judge(engine, now_ns);
    HOLDS(12, bmcha_watch_due(&engine->pulse) > now_ns);
    (void)bmcha_engine_summarise(engine, now_ns);
    (void)bmcha_pulse_wants_letter(&engine->pulse, now_ns);
}

static void take(size_t room)
{
    static uint8_t out[BMCHA_REPORTS_BYTES];
    size_t size = bmcha_reports_take(&engine->reports, out, room);

    for (size_t at = 0; at < size;) {
        struct bmcha_report report;
        HOLDS(13, size - at >= sizeof report);
        memcpy(&report, out + at, sizeof report);
        HOLDS(13, report.size >= sizeof report + report.body_size && report.size <= size - at);
        HOLDS(13, report.kind >= BMCHA_REPORT_BEAT && report.kind <= BMCHA_REPORT_SUMMARY);
        if (report.kind <= BMCHA_REPORT_MESSAGE) {
            HOLDS(12, ++reported <= engine->pulse.counts.rx);
            HOLDS(12, report.source_slot == 2 && report.target_slot == 1);
            HOLDS(16, report.type != BMCHA_TYPE_PAIRING ||
                          (report.kind == BMCHA_REPORT_MESSAGE && engine->pulse.settings.is_stuffed &&
                           pairing_until_ns && report.heard_ns < pairing_until_ns &&
                           report.body_size > 0 && report.body_size <= BMCHA_PAIRING_BYTES_MAX));
        }
        at += report.size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 16384)
        return 0;
    if (engine == NULL && (engine = bmcha_engine_new()) == NULL)
        abort();
    begin(data[0]);
    input = data + 1;
    left = size - 1;
    while (left) {
        uint8_t what = next();
        size_t piece;
        switch (what & 7) {
        case RAW:
            piece = some(PIECE_MAX);
            hear(input, piece, 0);
            input += piece;
            left -= piece;
            break;
        case FRAME:
            hear_frame();
            break;
        case OFFER:
            offer(what & 8);
            break;
        case WAIT:
            wait_some();
            break;
        case PUBLISH:
            publish();
            break;
        case WATCH:
            order_watch();
            break;
        case LETTER:
            put_letter(what >> 3);
            break;
        default:
            take(what & 8 ? BMCHA_REPORTS_BYTES : (size_t)next() * 16);
        }
    }
    take(BMCHA_REPORTS_BYTES);
    return 0;
}
