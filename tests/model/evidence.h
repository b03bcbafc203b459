/*
 * What a node of the model gathers, as bmcha/ha/peer_view.py, line_watch.py and evidence.py do: the
 * waits, the examination of the lines, and the flat record that the rules are asked with. Also what
 * the judge sees: who holds, and which invariant is broken. It reads and writes `now`, the state.
 *
 * `me` is the node that steps, `it` the other one. A counter of a wait is 0 while its condition does
 * not hold, 1 when it began, and one more a tick.
 */

#define ME now.n[me]
#define IT now.n[1 - me]
#define IS_HEARD(node) ((node).word_role != 0 && (node).age < setting[s_dead])
enum { UNKNOWN, IS_DOWN, IS_UP };
enum { KIND_LIE = 128, KIND_BLIND = 1024 };   /* as in two_nodes.pml */
enum { PRESENCE, HEALTH, ACTIVE_LINE, LINES };

extern int readtrail;   /* of the verifier: a trail is shown, not searched for */

static struct decision decided;
static int claim_step;            /* what a claim does next */
static int is_late;   /* the gap of this very step was too long */

static void
say(const char *form, ...)
{
    va_list rest;

    if (!readtrail)
        return;
    va_start(rest, form);
    vprintf(form, rest);
    va_end(rest);
    printf("\n");
}

/* ---- hardware */

static int
is_fed(int i)
{
    return !setting[s_is_gated] || now.n[i].unfed < setting[s_watchdog];
}

/* May a write of this module reach the chassis? A board without a gate relies on the process: one
 * that does not run writes nothing, and one that woke late looks at its clock before it writes. */
static int
holds(int i)
{
    if (!now.n[i].gate)
        return 0;
    if (setting[s_is_gated])
        return now.n[i].line && is_fed(i);
    return now.n[i].proc == RUNNING && now.n[i].gap <= setting[s_gap];
}

static int
level_of(int i, int line)
{
    if (now.n[i].proc == ABSENT)
        return 0;
    switch (line) {
    case PRESENCE:
        return 1;
    case HEALTH:
        return now.n[i].health && is_fed(i);
    default:
        return now.n[i].line && is_fed(i);
    }
}

/* As node `me` reads it; `now.lie` is 0, or 1 + reader * 9 + line * 3 + what it reads instead. */
static int
read_line(int me, int line)
{
    int lie = now.lie - 1;

    if (!setting[s_has_presence + line])
        return UNKNOWN;
    if (now.lie && lie / 9 == me && lie / 3 % 3 == line)
        return lie % 3;
    return level_of(1 - me, line) ? IS_UP : IS_DOWN;
}

/* ---- the examination of the lines (bmcha/ha/line_watch.py) */

static int
is_answered(int me)
{
    return IT.proc == RUNNING && !now.cut[0] && !now.cut[1];
}

static void
probe(int me, int presence, int health)
{
    ME.probed = 0;
    ME.lines = is_answered(me) ? FAULTY : SPOKEN;
    if (ME.lines == FAULTY) {
        ME.liar_p = presence == IS_DOWN;
        ME.liar_h = health == IS_DOWN;
    }
}

/* A line reads otherwise than before. */
static int
is_edge(int me)
{
    return read_line(me, PRESENCE) != ME.presence || read_line(me, HEALTH) != ME.healthy ||
           read_line(me, ACTIVE_LINE) != ME.claimed;
}

/* Two readings and a probe take less than a tick: they are one step here. An edge is told at once,
 * before any word that follows it: a claim takes longer than an edge. */
static void
examine(int me, int is_tick)
{
    int presence = read_line(me, PRESENCE), health = read_line(me, HEALTH);
    int claimed = read_line(me, ACTIVE_LINE);
    int is_new = (presence == IS_DOWN && ME.presence != IS_DOWN) ||
                 (health == IS_DOWN && ME.healthy != IS_DOWN);

    if (ME.claimed != UNKNOWN && claimed != UNKNOWN && ME.claimed != claimed)
        ME.moved = 1;
    if (presence == IS_DOWN)
        ME.absent = 1;
    if (ME.bye && ((ME.healthy == IS_DOWN && health == IS_UP) ||
                   (ME.claimed == IS_DOWN && claimed == IS_UP)))
        ME.risen = 1;
    ME.presence = presence;
    ME.healthy = health;
    ME.claimed = claimed;
    ME.liar_p = ME.liar_p && presence == IS_DOWN;
    ME.liar_h = ME.liar_h && health == IS_DOWN;
    if (presence != IS_DOWN && health != IS_DOWN) {
        ME.lines = QUIET;
        ME.probed = 0;
    } else if (ME.lines == QUIET || (is_new && ME.lines == FAULTY))
        probe(me, presence, health);
    else if (ME.lines == SPOKEN && is_tick && ++ME.probed >= setting[s_probe_again])
        probe(me, presence, health);
}

/* ---- waits (bmcha/ha/peer_view.py, evidence.py) */

static int
counted(int count, int is_so, int is_tick, int most)
{
    if (!is_so)
        return 0;
    if (count == 0)
        return 1;
    return is_tick && count <= most ? count + 1 : count;
}

static int
is_over(int count, int wait)
{
    return count > wait;
}

static int
believed(int me, int line)
{
    if (line == PRESENCE)
        return ME.liar_p ? UNKNOWN : ME.presence;
    if (line == HEALTH)
        return ME.liar_h ? UNKNOWN : ME.healthy;
    return ME.claimed;
}

static int
is_silent(int me)
{
    return ME.age >= setting[s_dead] && ME.listened >= setting[s_dead];
}

static void
note_waits(int me, int is_tick)
{
    int heard = IS_HEARD(ME), health = believed(me, HEALTH), line = ME.claimed;
    int rank_ticks = me * setting[s_rank];
    int is_unheld = heard && (ME.word_role == STARTING || ME.word_role == STANDBY);
    int is_stuck = ME.bye && !ME.risen && line == IS_UP;
    int is_unclear = health == IS_DOWN && line != IS_DOWN && !heard;

    if (!heard && !ME.silent_for && is_silent(me) && ME.lines == FAULTY)
        ME.lines = QUIET;
    ME.silent_for = counted(ME.silent_for, !heard && (ME.silent_for || is_silent(me)), is_tick,
                            setting[s_unverified]);
    ME.unheld = counted(ME.unheld, is_unheld, is_tick, rank_ticks);
    ME.unclear = counted(ME.unclear, is_stuck || is_unclear, is_tick, setting[s_unverified]);
    ME.rival = counted(ME.rival, heard && ME.word_role == ACTIVE && ME.hears_us == IS_DOWN, is_tick,
                       setting[s_deaf]);
    ME.unheld_line = counted(ME.unheld_line,
                             ME.silent_for && line == IS_DOWN &&
                                 ME.boot >= setting[s_initdead],
                             is_tick, setting[s_window] + rank_ticks);
}

/* The word of the peer, whenever anything happens (`RoleKeeper._note_word`). */
static void
note_word(int me)
{
    if (!IS_HEARD(ME))
        return;
    if (ME.word_epoch > ME.seen)
        ME.seen = ME.word_epoch;
    if (ME.hears_us == IS_UP)
        ME.yielded = 0;
    if (ME.word_epoch <= ME.held || ME.word_role == ACTIVE || ME.word_role == FENCING)
        return;
    if (ME.role == ACTIVE || ME.awaits) {
        ME.seen = epoch_after[me][ME.seen];
        ME.held = ME.seen;
        say("  %d renews %d", me, ME.held);
    }
    if (ME.role == ACTIVE)
        ME.stored = ME.held;
    else if (ME.awaits)
        ME.phase = STORING;
}

static void
gather(int me)
{
    int heard = IS_HEARD(ME);

    seen_as[e_role] = ME.role;
    seen_as[e_why] = ME.why;
    seen_as[e_is_boot_window_over] = ME.boot >= setting[s_initdead];
    seen_as[e_must_listen] = ME.listen > 0;
    seen_as[e_is_own_gap_too_long] = is_late;
    seen_as[e_are_outputs_shut] = 0;
    seen_as[e_has_yielded] = ME.yielded;
    seen_as[e_is_take_back_due] =
        ME.role == RELINQUISHING && ME.released && !ME.leaving &&
        ME.wait >= setting[ME.why == LEASE_ENDED ? s_take_back_lease : s_take_back];
    seen_as[e_is_last_claimant] = ME.seen > 0 && ME.seen % 2 == me;
    seen_as[e_is_fence_pending] = ME.phase == PENDING;
    seen_as[e_is_answer_overdue] =
        (ME.phase == STORING || ME.phase == LISTENING) && ME.wait >= setting[s_dead];
    seen_as[e_is_active_line_doubted] = ME.doubt || ME.phase == PENDING || ME.phase == PULSED;
    seen_as[e_peer_is_fenced] = ME.fenced;
    seen_as[e_peer_is_earlier] = me == 1;
    seen_as[e_peer_is_heard] = heard;
    seen_as[e_peer_is_silent] = is_silent(me);
    seen_as[e_peer_has_said_goodbye] = ME.bye && !ME.risen;
    seen_as[e_peer_role] = heard ? ME.word_role : 0;
    seen_as[e_peer_is_released] = ME.word_released;
    seen_as[e_peer_is_epoch_newer] = ME.word_role != 0 && ME.word_epoch > ME.held;
    seen_as[e_peer_hears_us] = ME.hears_us;
    seen_as[e_peer_will_claim_on_silence] = ME.word_will;
    seen_as[e_peer_calls_us_silent_soon] = ME.unheard >= setting[s_soon];
    seen_as[e_peer_has_handed_over] = ME.word_handing;
    seen_as[e_peer_presence] = believed(me, PRESENCE);
    seen_as[e_peer_health] = believed(me, HEALTH);
    seen_as[e_peer_active] = ME.claimed;
    seen_as[e_peer_has_line_spoken] = ME.lines == SPOKEN;
    seen_as[e_peer_is_rank_delay_over] = is_over(ME.unheld, me * setting[s_rank]);
    seen_as[e_peer_is_claim_window_over] =
        is_over(ME.unheld_line, setting[s_window] + me * setting[s_rank]);
    seen_as[e_peer_is_contradiction_over] = is_over(ME.unclear, setting[s_unverified]);
    seen_as[e_peer_is_deaf_rival] = is_over(ME.rival, setting[s_deaf]);
    seen_as[e_peer_was_heard] = ME.known != NOBODY;
    seen_as[e_peer_was_heard_active] = ME.was_active;
    seen_as[e_peer_is_lease_over] =
        ME.known != NOBODY && !(ME.bye && !ME.risen) && !ME.absent && !heard &&
        believed(me, PRESENCE) != IS_DOWN &&
        ME.unheard >= setting[s_lease];
    seen_as[e_peer_knows_our_epoch] =
        ME.word_role != 0 && ME.held != 0 && ME.word_epoch == ME.held;
    seen_as[e_peer_is_active_line_stuck] =
        ME.claimed == IS_UP && ME.known != NOBODY && !ME.moved &&
        is_over(ME.silent_for, setting[s_unverified]);
}

static int
is_step(int step)
{
    return claim_step == step;
}

/* What the decided change does to the outputs. */
static int
does(int me, int act)
{
    return act_of[ME.role][decided.role] == act;
}

static void
judge(int me, int is_tick)
{
    note_waits(me, is_tick);
    note_word(me);
    gather(me);
    decided = decide();
}

/* ---- the claim's look at the peer's line */

static int
look_result(int me)
{
    int is_over_now = ME.wait >= setting[s_contest];

    return looked_step[me == 0][ME.doubt][read_line(me, ACTIVE_LINE) == IS_UP][is_over_now];
}

/* The line cannot be read, and the peer has to answer instead. */
static int
is_look_unclear(int me)
{
    return ME.awaits && read_line(me, ACTIVE_LINE) == UNKNOWN;
}

/* A look that changes nothing is left out. */
static int
is_look_worth(int me)
{
    return look_result(me) != WAIT && !is_look_unclear(me);
}

/* ---- the fence (bmcha/ha/fencing.py) */

static int
is_line_up(int me)
{
    return read_line(me, ACTIVE_LINE) == IS_UP;
}

static int
is_fence_seen(int me)
{
    return ME.known == PRESENT ||   /* a new life: the pulse has ended the one that was known */
           fence_seen[ME.before_line][ME.before_health][read_line(me, ACTIVE_LINE)]
                     [read_line(me, HEALTH)];
}

/* A late word of the life that was to be reset: it held nothing any more. */
static int
is_fence_needless(int me)
{
    return IS_HEARD(ME) &&
           (ME.word_role == STARTING || ME.word_role == STANDBY || ME.word_released);
}

static int
is_fence_over(int me)
{
    return is_fence_seen(me) || is_fence_needless(me) || ME.wait >= setting[s_unverified];
}

static int
is_claim_certain(int me)
{
    return will_claim[ME.was_active][ME.moved];
}

/* ---- the invariants */

enum {
    FINE,
    TWO_HANDS,
    EPOCH_TWICE,
    MOVED_FROM_HEALTHY_ACTIVE,
    UNFORESEEN_CHANGE,
    NOT_STORED,
    HELD_AFTER_STALL,
    WRITE_LANDED_BESIDE_HOLDER,
    NOBODY_HOLDS,
    ROLES_KEEP_CHANGING,
    MODEL_TOO_SMALL
};
static const char *const broken_names[] = {
    "fine", "two-hands", "epoch-twice", "moved-from-healthy-active", "unforeseen-change",
    "not-stored", "held-after-stall", "write-landed-beside-holder", "nobody-holds",
    "roles-keep-changing", "model-too-small",
};

/* Without lines two may hold for a beat or two, until one hears the other; where silence is trusted
 * (`may_be_dual` 2) also for as long as every path is silent, and with one direction dead until the
 * one that hears has seen that it is not heard. Never where the world silences nobody who lives. */
static int
is_dual_counted(void)
{
    return holds(0) && holds(1) && !(setting[s_may_be_dual] == 2 && now.cut[0] && now.cut[1]);
}

static int
is_two_hands(void)
{
    int is_one_way = setting[s_may_be_dual] == 2 && (now.cut[0] || now.cut[1]);
    int most = setting[s_dual] + (is_one_way ? setting[s_warn] : 0);

    return holds(0) && holds(1) &&
           (!setting[s_may_be_dual] || setting[s_is_silence_death] || now.dual > most);
}

/* A healthy holder that is heard is not taken over from, unless it handed over. */
static int
is_healthy_active_heard(int me)
{
    return IS_HEARD(ME) && ME.word_role == ACTIVE && IT.proc == RUNNING && holds(1 - me) &&
           !now.cut[1 - me];
}

/* A process that was stopped in a write finishes it when it goes on. Where no hardware gate stands
 * before the chassis, that write is counted and said (DESIGN section 4), unless the policy is that
 * nobody claims on silence: then nobody may be there to be disturbed. */
static int
does_write_land(int i)
{
    int is_let_through = !setting[s_is_gated] || (now.n[i].line && is_fed(i));

    if (setting[s_may_be_dual] && (now.n[i].beside || now.n[i].gap <= setting[s_gap]))
        return 0;   /* both claimed in the same beat; judged as two hands */
    return now.n[i].gate && is_let_through && holds(1 - i) && setting[s_may_be_dual] < 2;
}

/* What cannot be read does not lie: it may fail beside paths that are cut. */
static int
is_no_lie(void)
{
    return now.lie == 0 || (now.lie - 1) % 3 == UNKNOWN;
}

static int
is_worth_lying(int which)
{
    int reader = (which - 1) / 9, line = (which - 1) / 3 % 3;
    int is_blind = (which - 1) % 3 == UNKNOWN;

    if (!(setting[s_kinds] & (is_blind ? KIND_BLIND | KIND_LIE : KIND_LIE)))
        return 0;
    if (!is_blind && (now.cut[0] || now.cut[1]))
        return 0;
    return reader < 2 && setting[s_has_presence + line] && (setting[s_lies] >> (which - 1) % 3 & 1);
}

/* A gap of lease boards that is known: the line of one that died or hangs reads up, and it was not
 * heard since the line rose; or it cannot be read. It looks like one that lives, and nothing but the
 * line could tell (docs/adr/0012-model-check.md). */
static int
is_stranded(int me)
{
    int is_unheard = ME.known == NOBODY || ME.moved;

    return setting[s_is_lease] && IT.proc != RUNNING && ME.presence != IS_DOWN &&
           (ME.claimed == UNKNOWN || (ME.claimed == IS_UP && is_unheard));
}

/* Must somebody hold by now, if nothing more happens? */
static int
is_holder_due(void)
{
    int first = now.n[0].proc == RUNNING, second = now.n[1].proc == RUNNING;

    if (setting[s_holds_on_silence])
        return first && second && !now.cut[0] && !now.cut[1];
    return (first && !is_stranded(0)) || (second && !is_stranded(1));
}

static int
is_settled(void)
{
    return holds(0) || holds(1) || !is_holder_due();
}

/* Epochs only grow; what is far below all that anybody knows makes no difference. Their residue and
 * order are kept. */
static void
lower_epochs(void)
{
    int least = 99;

#define LEAST(e) if ((e) != 0 && (e) < least) least = (e)
#define LOWER(e) if ((e) != 0) (e) -= 2
#define EVERY(act) \
    for (int i = 0; i < 2; i++) { \
        act(now.n[i].seen); act(now.n[i].held); act(now.n[i].stored); \
        act(now.n[i].word_epoch); act(now.box[i].epoch); act(now.late[i].epoch); \
    }
    for (;;) {
        least = 99;
        EVERY(LEAST)
        if (least < 5 || least == 99)
            return;
        EVERY(LOWER)
        now.opened >>= 2;
    }
}

/* An epoch below all that its claimant ever stored cannot be claimed again: forget it. */
static void
forget_epochs(void)
{
    int low = now.n[0].stored < now.n[1].stored ? now.n[0].stored : now.n[1].stored;

    for (int epoch = 0; epoch <= low; epoch++)
        now.opened &= ~(1 << epoch);
}
