/*
 * What the model is told at its start: the rules, as tests/model/rule_file.py wrote them.
 *
 * Not one rule is written here. The decision diagram is walked, the tables are looked up; a rule
 * that changes in Python is another file for the same verifier. The name of the file is in
 * BMCHA_MODEL_RULES. Whatever the file names and the model does not have ends the run, exit code 2.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numbers.h"

enum { PART_MAX = 8192, CHILD_MAX = 8, EPOCH_COUNT = 64, ROLE_COUNT = 8, WORD_MAX = 48 };

/* Everything that the rules may look at, in the order of the array `seen_as`. */
#define EVIDENCE(X)                                                                              \
    X(role) X(why) X(is_boot_window_over) X(must_listen) X(is_own_gap_too_long)                   \
    X(are_outputs_shut) X(has_yielded) X(is_take_back_due) X(is_last_claimant)                    \
    X(is_fence_pending) X(is_answer_overdue) X(is_active_line_doubted) X(peer_is_earlier) X(peer_is_heard) X(peer_is_silent)                     \
    X(peer_has_said_goodbye) X(peer_role) X(peer_is_released) X(peer_is_epoch_newer)              \
    X(peer_hears_us) X(peer_will_claim_on_silence) X(peer_calls_us_silent_soon)                   \
    X(peer_has_handed_over) X(peer_presence) X(peer_health) X(peer_active)                        \
    X(peer_has_line_spoken) X(peer_is_rank_delay_over) X(peer_is_claim_window_over)               \
    X(peer_is_contradiction_over) X(peer_is_deaf_rival) X(peer_was_heard)                         \
    X(peer_was_heard_active) X(peer_is_lease_over) X(peer_is_active_line_stuck)                   \
    X(peer_knows_our_epoch) X(peer_is_fenced)

/* Waits in ticks, and what kind of run this is. */
#define SETTING(X)                                                                               \
    X(dead) X(warn) X(soon) X(gap) X(watchdog) X(initdead) X(window) X(rank) X(unverified)         \
    X(deaf) X(store) X(contest) X(listen) X(lost) X(take_back) X(probe_again) X(late)              \
    X(has_presence) X(has_health) X(has_active) X(is_gated) X(is_lease) X(lease)                  \
    X(take_back_lease) X(may_be_dual)                                                             \
    X(holds_on_silence) X(is_silence_death) X(dual) X(settle) X(churn) X(faults) X(kinds) X(lies)                  \
    X(role_STARTING) X(role_STANDBY) X(role_FENCING) X(role_ACTIVE) X(role_RELINQUISHING)         \
    X(role_FAULT)

#define AS_ENUM(name) e_##name,
#define AS_TEXT(name) #name,
enum { EVIDENCE(AS_ENUM) EVIDENCE_COUNT };
#undef AS_ENUM
#define AS_ENUM(name) s_##name,
enum { SETTING(AS_ENUM) SETTING_COUNT };

/* The steps of a claim, as `bmcha.ha.claim.Step` names them. */
enum { WAIT, STORE, RAISE, LOOK, OPEN, LET_GO, LISTEN };
/* What a role change does to the outputs, as `bmcha.ha.role_machine.OutputAct` names it. */
enum { UNFORESEEN, NOTHING, CLAIM, OPENS, RELEASE, DRAIN };

struct part { int field; int child[CHILD_MAX]; };   /* field -1: a decision */
struct decision { int role, reason, why, doubt, fence, is_long, awaits; };

static int setting[SETTING_COUNT];
static int seen_as[EVIDENCE_COUNT];
static struct part parts[PART_MAX];
static struct decision decisions[PART_MAX];
static int root;
static int act_of[ROLE_COUNT][ROLE_COUNT];
static int epoch_after[2][EPOCH_COUNT];
static int will_claim[2][2];         /* was it heard to hold, did its line move since */
static int fence_seen[3][3][3][3];   /* its ACTIVE and HEALTH before the pulse, and now */
static int looked_step[2][2][2][2];  /* is_first, is_doubted, is_peer_active, is_contest_over */
static int first_step, stored_step, settled_step;

static int
number_of(const char *name, const char *const *names, int count, const char *what)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    fprintf(stderr, "two_nodes: the rules name the %s %s, which the model does not have\n", what,
            name);
    exit(2);
}

static const char *const evidence_names[] = {EVIDENCE(AS_TEXT)};
static const char *const setting_names[] = {SETTING(AS_TEXT)};

static void
read_question(const char *line)
{
    char name[WORD_MAX];
    int number, used;

    if (sscanf(line, "%d %47s%n", &number, name, &used) != 2 || number >= PART_MAX)
        exit(2);
    parts[number].field = number_of(name, evidence_names, EVIDENCE_COUNT, "evidence");
    line += used;
    for (int i = 0; i < CHILD_MAX && sscanf(line, "%d%n", &parts[number].child[i], &used) == 1; i++)
        line += used;
    root = number;
}

static void
read_decision(const char *line)
{
    int number;
    struct decision d;

    if (sscanf(line, "%d %d %d %d %d %d %d %d", &number, &d.role, &d.reason, &d.why, &d.doubt,
               &d.fence, &d.is_long, &d.awaits) != 8 || number >= PART_MAX)
        exit(2);
    parts[number].field = -1;
    decisions[number] = d;
    root = number;
}

static void
read_record(const char *word, const char *line)
{
    char name[WORD_MAX];
    int a, b, c, d, e;

    if (strcmp(word, "question") == 0)
        read_question(line);
    else if (strcmp(word, "decision") == 0)
        read_decision(line);
    else if (strcmp(word, "setting") == 0 && sscanf(line, "%47s %d", name, &a) == 2)
        setting[number_of(name, setting_names, SETTING_COUNT, "setting")] = a;
    else if (strcmp(word, "change") == 0 && sscanf(line, "%d %d %d", &a, &b, &c) == 3)
        act_of[a][b] = c;
    else if (strcmp(word, "epoch") == 0 && sscanf(line, "%d %d %d", &a, &b, &c) == 3)
        epoch_after[a][b] = c;
    else if (strcmp(word, "will") == 0 && sscanf(line, "%d %d %d", &a, &b, &c) == 3)
        will_claim[a][b] = c;
    else if (strcmp(word, "fence") == 0 &&
             sscanf(line, "%d %d %d %d %d", &a, &b, &c, &d, &e) == 5)
        fence_seen[a][b][c][d] = e;
    else if (strcmp(word, "claim") == 0 && sscanf(line, "%d %d %d", &a, &b, &c) == 3) {
        first_step = a;
        stored_step = b;
        settled_step = c;
    } else if (strcmp(word, "looked") == 0 &&
               sscanf(line, "%d %d %d %d %d", &a, &b, &c, &d, &e) == 5)
        looked_step[a][b][c][d] = e;
    else {
        fprintf(stderr, "two_nodes: not understood: %s %s\n", word, line);
        exit(2);
    }
}

static void
read_rules(void)
{
    static int is_read;
    char text[256], word[WORD_MAX];
    int used;
    FILE *file;

    if (is_read)
        return;
    file = fopen(getenv("BMCHA_MODEL_RULES") ? getenv("BMCHA_MODEL_RULES") : "", "r");
    if (file == NULL) {
        fprintf(stderr, "two_nodes: BMCHA_MODEL_RULES names no file that can be read\n");
        exit(2);
    }
    while (fgets(text, sizeof text, file))
        if (text[0] != '#' && sscanf(text, "%47s%n", word, &used) == 1)
            read_record(word, text + used);
    fclose(file);
    is_read = 1;
}

/* Walks the diagram with what is in `seen_as`. */
static struct decision
decide(void)
{
    int at = root;

    while (parts[at].field >= 0)
        at = parts[at].child[seen_as[parts[at].field]];
    return decisions[at];
}
