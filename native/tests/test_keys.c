/* What a path signs and whom it believes; and which boot is of now. */
#include "../bmcha_boots.h"
#include "../bmcha_keys.h"
#include "../bmcha_port.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

/* RFC 7693 has no example with a key; this one was made with Python's hashlib:
 * blake2b(b"frame", key=bytes(range(32)), digest_size=16). */
static void the_tag_is_blake2b(void)
{
    static const uint8_t expected[16] = {0xa3, 0xd6, 0xb3, 0x32, 0x7e, 0xaa, 0x71, 0xf7,
                                         0x4d, 0xec, 0x96, 0x27, 0x60, 0xe2, 0xd2, 0x18};
    uint8_t key[BMCHA_KEY_BYTES], tag[16];

    for (uint8_t i = 0; i < sizeof key; i++)
        key[i] = i;
    CHECK(bmcha_mac(tag, sizeof tag, (const uint8_t *)"frame", 5, key) == 0);
    CHECK(bmcha_mac_is_equal(tag, expected, sizeof tag));
    tag[15] ^= 1;
    CHECK(!bmcha_mac_is_equal(tag, expected, sizeof tag));
    CHECK(bmcha_mac(tag, 0, (const uint8_t *)"frame", 5, key) != 0);
    puts("ok the tag is blake2b");
}

static struct bmcha_published board;

static int64_t pairing_until_ns;

static void publish(uint32_t number, uint32_t count, uint32_t sender_id, uint32_t accepts_unsigned)
{
    struct bmcha_key_set set;

    memset(&set, 0, sizeof set);
    set.number = number;
    set.count = count;
    set.sender_id = sender_id;
    set.accepts_unsigned = accepts_unsigned;
    set.pairing_until_ns = pairing_until_ns;
    for (uint32_t at = 0; at < BMCHA_KEYS_MAX; at++) {
        set.keys[at].id = at + 1;
        memset(set.keys[at].secret, (int)at + 1, BMCHA_KEY_BYTES);
    }
    bmcha_published_write(&board, &set, sizeof set);
}

static struct bmcha_keyring ring_of(uint8_t slot, uint8_t path)
{
    struct bmcha_keyring ring;

    memset(&ring, 0, sizeof ring);
    ring.board = &board;
    ring.place = (struct bmcha_key_place){4711, slot * 100u, slot, (uint8_t)(3 - slot), path, 3};
    bmcha_keyring_refresh(&ring);
    return ring;
}

/* Says a frame with `from`, and how `to` judges it. */
static int judged(const struct bmcha_keyring *from, struct bmcha_keyring *to, int64_t now_ns)
{
    uint8_t out[200];
    struct bmcha_frame head, found;
    uint8_t *frame;
    ssize_t size;

    memset(&head, 0, sizeof head);
    head.key_id = bmcha_keyring_sender(from);
    head.flags = head.key_id ? BMCHA_FLAG_MAC : 0;
    head.type = BMCHA_TYPE_PROBE;
    head.chassis_id = from->place.chassis_id;
    head.boot_id = from->place.boot_id;
    head.source_slot = from->place.own_slot;
    head.target_slot = from->place.peer_slot;
    head.body_length = 4;
    frame = bmcha_frame_begin(out, sizeof out, 0, &head, (const uint8_t *)"body");
    CHECK(frame != NULL);
    if (head.key_id)
        CHECK(bmcha_keyring_sign(from, frame) == 0);
    size = bmcha_frame_end(out, sizeof out, 0, frame);
    bmcha_frame_decode(out, (size_t)size, &found);
    CHECK(found.status == 0);
    return bmcha_keyring_judge(to, &found, out, now_ns);
}

static void who_is_believed(void)
{
    struct bmcha_keyring one, other, elsewhere, old;

    publish(1, 1, 1, 0);
    one = ring_of(1, 0);
    other = ring_of(2, 0);
    elsewhere = ring_of(2, 2);
    CHECK(judged(&other, &one, 0) == 0);
    CHECK(judged(&elsewhere, &one, 0) == BMCHA_BAD_OTHER_PATH);
    CHECK(judged(&one, &one, 0) == BMCHA_BAD_REFLECTED);
    publish(2, 2, 2, 0);
    old = other;
    bmcha_keyring_refresh(&other);
    CHECK(judged(&other, &one, 0) == BMCHA_BAD_KEY_UNKNOWN);
    bmcha_keyring_refresh(&one);
    CHECK(judged(&other, &one, 0) == 0);
    CHECK(judged(&old, &one, 0) == 0);
    old.set.sender_id = 0;
    CHECK(judged(&old, &one, 0) == BMCHA_BAD_MAC_MISSING);
    publish(3, 1, 1, 1);
    bmcha_keyring_refresh(&one);
    CHECK(judged(&old, &one, 0) == 0);
    publish(4, 0, 0, 1);
    bmcha_keyring_refresh(&one);
    CHECK(judged(&elsewhere, &one, 0) == 0);
    CHECK(!bmcha_keyring_vouches(&one, &(struct bmcha_frame){.flags = BMCHA_FLAG_MAC}));
    puts("ok who is believed");
}

static void a_search_for_reasons_is_bounded(void)
{
    struct bmcha_keyring one, elsewhere;

    publish(1, 1, 1, 0);
    one = ring_of(1, 0);
    elsewhere = ring_of(2, 1);
    for (int i = 0; i < 16; i++)
        CHECK(judged(&elsewhere, &one, 1000) == BMCHA_BAD_OTHER_PATH);
    CHECK(judged(&elsewhere, &one, 1000) == BMCHA_BAD_MAC_WRONG);
    CHECK(judged(&elsewhere, &one, 500001000) == BMCHA_BAD_OTHER_PATH);
    puts("ok a search for reasons is bounded");
}

static void pairing_is_open_for_a_time(void)
{
    struct bmcha_keyring ring;

    publish(1, 0, 0, 1);
    ring = ring_of(1, 0);
    CHECK(!bmcha_keyring_takes_pairing(&ring, 0));
    pairing_until_ns = 500;
    publish(2, 1, 1, 0);
    bmcha_keyring_refresh(&ring);
    CHECK(bmcha_keyring_takes_pairing(&ring, 499) && !bmcha_keyring_takes_pairing(&ring, 500));
    pairing_until_ns = 0;
    publish(3, 1, 1, 0);
    bmcha_keyring_refresh(&ring);
    CHECK(!bmcha_keyring_takes_pairing(&ring, 499));
    puts("ok pairing is open for a time");
}

static void boots(void)
{
    static struct bmcha_boots boots;

    CHECK(!bmcha_boots_is_past(&boots, 0));
    bmcha_boots_succeed(&boots, 5, 0);
    bmcha_boots_succeed(&boots, 5, 0);
    CHECK(boots.in_force == 5 && !bmcha_boots_is_past(&boots, 5));
    for (uint32_t id = 6; id < 6 + BMCHA_PAST_BOOTS_MAX; id++)
        bmcha_boots_succeed(&boots, id, 0);
    CHECK(bmcha_boots_is_past(&boots, 5));
    bmcha_boots_succeed(&boots, 1000, 0);
    CHECK(!bmcha_boots_is_past(&boots, 5) && bmcha_boots_is_past(&boots, 6));
    bmcha_boots_succeed(&boots, 1001, INT64_C(100) << 26);
    CHECK(!bmcha_boots_is_newer(&boots, INT64_C(100) << 26));
    CHECK(bmcha_boots_is_newer(&boots, INT64_C(101) << 26));
    bmcha_boots_prove(&boots, INT64_C(103) << 26);
    bmcha_boots_prove(&boots, INT64_C(102) << 26);
    CHECK(!bmcha_boots_is_newer(&boots, INT64_C(103) << 26));
    /* A machine that has run for five years, and a peer that comes first then. */
    bmcha_boots_succeed(&boots, 1002, INT64_C(3000000000) << 26);
    CHECK(bmcha_boots_is_newer(&boots, INT64_C(3000000001) << 26));
    puts("ok boots");
}

static void candidates(void)
{
    struct bmcha_candidates some;

    memset(&some, 0, sizeof some);
    CHECK(bmcha_candidates_turn(&some, 0, 0) == NULL);
    CHECK(bmcha_candidates_note(&some, 7, 0, 10) == 0);
    CHECK(bmcha_candidates_turn(&some, 0, 0) == NULL); /* no heartbeat */
    for (uint32_t id = 8; id < 11; id++)
        CHECK(bmcha_candidates_note(&some, id, 1, 10 + id) == 0);
    CHECK(bmcha_candidates_turn(&some, 4, 0)->boot_id == 9);
    CHECK(bmcha_candidates_forgive(&some, 8) == 1 && bmcha_candidates_forgive(&some, 8) == 0);
    CHECK(bmcha_candidates_note(&some, 8, 1, 18) == 0);
    CHECK(bmcha_candidates_note(&some, 7, 3, 30) == 0);
    CHECK(bmcha_candidates_note(&some, 11, 1, 31) == 1); /* 8 makes room */
    CHECK(bmcha_candidates_drop(&some, 8) == 0);
    CHECK(bmcha_candidates_condemn(&some, 11) == 2);
    CHECK(bmcha_candidates_condemn(&some, 11) == 0);
    CHECK(bmcha_candidates_drop(&some, 9) == 1 && some.count == 3);
    CHECK(bmcha_candidates_turn(&some, 0, 31)->boot_id == 11);
    puts("ok candidates");
}

static void an_address_is_that_of_its_datagram(void)
{
    static const uint32_t sizes[4] = {0, 70, 0, 60};
    struct bmcha_port port;

    CHECK(bmcha_port_place(sizes, 4, 0) == 1 && bmcha_port_place(sizes, 4, 70) == 3);
    memset(&port, 0, sizeof port);
    port.sources[3][5] = 9;
    bmcha_port_learn(&port, 3);
    CHECK(port.remote_mac[5] == 0); /* it is configured */
    port.is_learning = 1;
    bmcha_port_learn(&port, 4);
    CHECK(port.remote_mac[5] == 0);
    bmcha_port_learn(&port, 3);
    CHECK(port.remote_mac[5] == 9);
    bmcha_port_unlearn(&port);
    CHECK(port.remote_mac[0] == 0xFF && port.remote_mac[5] == 0xFF);
    puts("ok an address is that of its datagram");
}

int main(void)
{
    char why[200];

    if (bmcha_mac_open(why, sizeof why)) {
        (void)fprintf(stderr, "%s; install it with: apt install libsodium23\n", why);
        return 1;
    }
    the_tag_is_blake2b();
    who_is_believed();
    a_search_for_reasons_is_bounded();
    pairing_is_open_for_a_time();
    an_address_is_that_of_its_datagram();
    boots();
    candidates();
    return 0;
}
