/*
 * Two nodes, the wire between them, their lines and their output gates, and a world that breaks them.
 *
 * What a node decides is not written here: `judge` walks the diagram that tests/model/rule_file.py made
 * by running the Python rules, and the steps of a claim, the allowed role changes and the epochs are
 * tables of the same origin. Here is what surrounds the rules: frames that are lost, late or doubled,
 * crashes and restarts, stops, lines, watchdogs, gates. docs/adr/0012-model-check.md says what is left
 * out and why.
 *
 * Time: a tick is a beat. In every tick a running node takes one tick of its own, at any moment, and
 * hears what reached it, at any moment. Faults are limited in number, their ends are free.
 * One `d_step` is one event at one node, or one deed of the world; between any two of them anything
 * else may happen. Every one ends with `watch`, the invariants.
 */

#include "numbers.h"

c_decl {
\#include "rules.h"
};

typedef Node {
    unsigned proc : 2; unsigned role : 3; unsigned why : 3; unsigned phase : 3;
    bool doubt; bool awaits; bool yielded; bool released; bool leaving; bool ticked;
    unsigned gap : 3;                                   /* ticks since its last event */
    unsigned seen : 4; unsigned held : 4; unsigned stored : 4;      /* epochs */
    unsigned boot : 4; unsigned listen : 4; unsigned wait : 4;      /* waits of its own */
    /* the peer, as it knows it */
    unsigned known : 2; unsigned age : 3; unsigned listened : 3;
    unsigned word_role : 3; unsigned word_epoch : 4;
    bool word_released; bool word_handing; bool word_will;
    bool bye; bool risen;                               /* its goodbye; a line of it rose since */
    unsigned hears_us : 2; unsigned unheard : 3;        /* its echo, and how old that makes us */
    bool fenced; bool was_active;                       /* its life was ended here; seen to hold */
    bool moved; bool absent;                            /* its line, its slot, since its last beat */
    unsigned silent_for : 4; unsigned unheld : 3; unsigned unheld_line : 3;
    unsigned unclear : 4; unsigned rival : 3;           /* counters of waits */
    unsigned lines : 2; unsigned probed : 2; bool liar_p; bool liar_h;
    unsigned presence : 2; unsigned healthy : 2; unsigned claimed : 2;
    /* its hardware */
    bool line; bool gate; bool health; unsigned unfed : 3;
    bool beside;                /* when it was stopped, the other held or claimed already */
    unsigned before_line : 2; unsigned before_health : 2    /* as it read them before its pulse */
}

typedef Frame {
    bool there; unsigned role : 3; unsigned epoch : 4;
    bool released; bool handing; bool will;
    bool is_former;                                     /* of a life of the sender that has ended */
    bool has_echo; unsigned echo : 3;                   /* of the receiver's present life; its age */
    bool is_old; unsigned ttl : 2                       /* late frames: overtaken; ticks to live */
}

Node n[2];
Frame box[2];                 /* to each node: what waits to be heard */
Frame late[2];                /* to each node: a delayed or doubled frame on its way */
bool cut[2];                  /* frames of this node are lost */
unsigned lie : 5;             /* a line that lies: 1 + reader * 9 + line * 3 + what it reads */
unsigned faults : 3;          /* still allowed */
unsigned dual : 4;            /* ticks in which two held, where that may be, since the last heal */
unsigned calm : 6;            /* ticks in which nobody held although somebody should */
unsigned claims : 3;          /* since the world last did something */
unsigned pulses : 2;          /* since the world last did something but to boot */
unsigned opened : 16;         /* a bit for every epoch that outputs were opened with */
unsigned broken : 4;          /* the invariant that is broken */

c_code {
\#include "evidence.h"
};

#define other (1 - me)
#define OF(name) c_expr { setting[s_##name] }
#define OF_CLAIM(step) c_expr { (is_step(step)) }
#define break_rule(which) c_code { now.broken = which; }

inline watch() {
    if
    :: broken == 0 && c_expr { (is_two_hands()) } -> break_rule(TWO_HANDS)
    :: else
    fi;
    c_code { if (now.broken) say("broken %s", broken_names[now.broken]); };
    assert(broken == 0)
}

inline happened() { calm = 0; claims = 0; pulses = 0 }
inline fault() { faults = faults - 1; happened() }

/* ---- frames */

inline send() {
    if
    :: !cut[me] && (n[other].proc == RUNNING || n[other].proc == STANDING) ->
        box[other].there = 1;
        box[other].role = n[me].role;
        if
        :: n[me].held != 0 -> box[other].epoch = n[me].held
        :: else -> box[other].epoch = n[me].seen
        fi;
        box[other].released = n[me].released;
        box[other].handing = (n[me].why == ASKED || n[me].why == STOPPING);
        box[other].will = (n[me].role == STANDBY && c_expr { (is_claim_certain(Pnode->me)) });
        box[other].is_former = 0;
        box[other].has_echo = (n[me].known == PRESENT);
        box[other].echo = (n[me].known == PRESENT -> n[me].age : 0)
    :: else
    fi
}

inline clear(frame) {
    frame.there = 0; frame.role = 0; frame.epoch = 0; frame.released = 0; frame.handing = 0;
    frame.will = 0; frame.is_former = 0; frame.has_echo = 0; frame.echo = 0; frame.is_old = 0;
    frame.ttl = 0
}

inline copy(to, from) {
    to.there = 1; to.role = from.role; to.epoch = from.epoch; to.released = from.released;
    to.handing = from.handing; to.will = from.will; to.is_former = from.is_former;
    to.has_echo = from.has_echo; to.echo = from.echo; to.is_old = from.is_old; to.ttl = 0
}

inline forget_word() {
    n[me].word_role = 0; n[me].word_epoch = 0; n[me].word_released = 0; n[me].word_handing = 0;
    n[me].word_will = 0
}

inline begin_life() {
    forget_word();
    n[me].bye = 0; n[me].risen = 0; n[me].fenced = 0; n[me].hears_us = 0; n[me].unheard = 0;
    n[me].liar_p = 0; n[me].liar_h = 0; n[me].lines = QUIET
}

/* A frame is taken in: the life it is of, what it echoes, what it says (Lives, PeerView.hear). */
inline take(frame) {
    if
    :: frame.is_former && n[me].known == PRESENT -> skip
    :: (n[me].bye || n[me].fenced) && n[me].known == (frame.is_former -> FORMER : PRESENT) -> skip
    :: else ->
        if
        :: frame.role == GOODBYE ->
            if
            :: n[me].known == (frame.is_former -> FORMER : PRESENT) ->
                forget_word();
                n[me].bye = 1; n[me].risen = 0
            :: else
            fi
        :: else ->
            if
            :: n[me].known != (frame.is_former -> FORMER : PRESENT) ->
                n[me].known = (frame.is_former -> FORMER : PRESENT);
                begin_life()
            :: else
            fi;
            n[me].age = 0; n[me].moved = 0; n[me].absent = 0;
            n[me].hears_us = (frame.has_echo && frame.echo < OF(warn) -> 2 : 1);
            n[me].unheard = (frame.has_echo -> frame.echo : OF(dead));
            if
            :: !frame.is_old ->
                n[me].word_role = frame.role; n[me].word_epoch = frame.epoch;
                n[me].word_released = frame.released; n[me].word_handing = frame.handing;
                n[me].word_will = frame.will;
                n[me].was_active = (frame.role == ACTIVE -> 1 : n[me].was_active)
            :: else
            fi
        fi
    fi
}

/* A newer word of the same life makes a frame that is still on its way an old one. */
inline overtake() {
    if
    :: late[me].there && !late[me].is_former &&
       (late[me].role != box[me].role || late[me].epoch != box[me].epoch ||
        late[me].released != box[me].released) -> late[me].is_old = 1
    :: else
    fi
}

/* ---- role changes */

inline release_outputs() { n[me].gate = 0; n[me].line = 0 }

/* Line and outputs follow only while the watchdog is fed; a running node has just fed it. */
inline do_step() {
    if
    :: OF_CLAIM(STORE) -> n[me].phase = STORING
    :: OF_CLAIM(RAISE) -> n[me].line = 1; n[me].phase = SETTLING
    :: OF_CLAIM(LOOK) -> n[me].phase = LOOKING; n[me].wait = 0
    :: OF_CLAIM(LISTEN) -> n[me].phase = LISTENING
    :: OF_CLAIM(OPEN) ->
        n[me].phase = OPENING; n[me].role = ACTIVE; n[me].wait = 0; n[me].was_active = 0;
        n[me].yielded = (OF(is_lease) -> 1 : n[me].yielded)
    :: OF_CLAIM(LET_GO) ->
        n[me].phase = IDLE; n[me].role = STANDBY; n[me].held = 0; n[me].doubt = 0; n[me].wait = 0;
        n[me].listen = OF(lost);
        release_outputs()
    :: else
    fi
}

/* The claim, or the fence before it (`Taking.start`). */
inline take_or_fence() {
    n[me].wait = 0;
    if
    :: c_expr { decided.fence } -> n[me].phase = PENDING
    :: else ->
        n[me].doubt = c_expr { decided.doubt };
        c_code { claim_step = first_step; };
        do_step()
    fi
}

inline begin_claim() {
    if
    :: c_expr { (is_healthy_active_heard(Pnode->me)) } -> break_rule(MOVED_FROM_HEALTHY_ACTIVE)
    :: else
    fi;
    n[me].seen = c_expr { epoch_after[Pnode->me][now.n[Pnode->me].seen] };
    n[me].held = n[me].seen;
    n[me].role = FENCING; n[me].why = 0; n[me].released = 0; n[me].wait = 0;
    if
    :: n[me].seen > 13 || claims == 7 -> break_rule(MODEL_TOO_SMALL)
    :: else -> claims = claims + 1
    fi;
    take_or_fence()
}

/* Outputs that were to be opened in the same step open and close at once. */
inline relinquish() {
    n[me].role = RELINQUISHING; n[me].phase = IDLE; n[me].wait = 0; n[me].released = 0;
    n[me].yielded = (n[me].why == ASKED || n[me].why == STOPPING -> n[me].yielded : 1)
}

inline let_go() {
    n[me].phase = IDLE; n[me].held = 0; n[me].doubt = 0; n[me].why = 0; n[me].released = 0;
    n[me].wait = 0;
    if
    :: c_expr { decided.is_long } -> n[me].listen = OF(lost)
    :: else
    fi
}

/* Judges everything afresh and carries a change through (`RoleKeeper.settle`). */
#define settle(is_tick) c_code { judge(Pnode->me, is_tick); }; carry_through()

inline carry_through() {
    n[me].awaits = (c_expr { decided.role } == FENCING && n[me].role == FENCING &&
        c_expr { decided.awaits } -> 1 : 0);
    if
    :: c_expr { decided.role } == n[me].role ->
        if
        :: n[me].phase == PENDING && c_expr { !decided.fence } -> take_or_fence()
        :: n[me].phase == LISTENING && c_expr { !decided.awaits } ->
            c_code { claim_step = settled_step; };
            do_step()
        :: else
        fi
    :: else ->
        c_code { say("  %d becomes %d %d", Pnode->me, decided.role, decided.reason); };
        if
        :: c_expr { (does(Pnode->me, UNFORESEEN)) } ->
            break_rule(UNFORESEEN_CHANGE)
        :: else
        fi;
        if
        :: c_expr { (does(Pnode->me, RELEASE)) } -> release_outputs()
        :: else
        fi;
        if
        :: c_expr { decided.role } == FENCING -> begin_claim()
        :: c_expr { decided.role } == RELINQUISHING -> n[me].why = c_expr { decided.why }; relinquish()
        :: else ->
            n[me].role = c_expr { decided.role };
            let_go()
        fi;
        if
        :: n[me].role == RELINQUISHING && n[me].why != ASKED && n[me].why != STOPPING ->
            release_outputs();
            n[me].released = 1
        :: else
        fi;
        send()
    fi
}

/* A node that stood still lets go before it looks at the event that woke it (`Node.step`). */
inline wake() {
    if
    :: n[me].gap > OF(gap) ->
        c_code { say("  %d stood still", Pnode->me); };
        n[me].listen = (n[me].listen > OF(listen) -> n[me].listen : OF(listen));
        forget_word();
        n[me].silent_for = 0; n[me].listened = 0; n[me].moved = 0; n[me].absent = 0; n[me].hears_us = 0; n[me].unheard = 0;
        n[me].age = (n[me].age < OF(dead) -> 0 : n[me].age);
        c_code { is_late = 1; };
        settle(0);
        c_code { is_late = 0; };
        if
        :: n[me].role == ACTIVE || n[me].role == FENCING -> break_rule(HELD_AFTER_STALL)
        :: else
        fi
    :: else
    fi;
    n[me].gap = 0; n[me].unfed = 0      /* a real node ticks, and feeds, four times a beat */
}

/* ---- lives */

inline clear_node(i) {
    n[i].role = STARTING; n[i].why = 0; n[i].phase = IDLE; n[i].doubt = 0; n[i].awaits = 0; n[i].yielded = 0;
    n[i].released = 0; n[i].leaving = 0; n[i].ticked = 0; n[i].gap = 0; n[i].seen = 0;
    n[i].held = 0; n[i].boot = 0; n[i].listen = 0; n[i].wait = 0; n[i].known = NOBODY;
    n[i].age = OF(dead); n[i].listened = 0;
    n[i].word_role = 0; n[i].word_epoch = 0; n[i].word_released = 0; n[i].word_handing = 0;
    n[i].word_will = 0; n[i].bye = 0; n[i].risen = 0; n[i].fenced = 0; n[i].was_active = 0; n[i].moved = 0;
    n[i].absent = 0; n[i].hears_us = 0; n[i].unheard = 0; n[i].silent_for = 0; n[i].unheld = 0;
    n[i].unheld_line = 0; n[i].unclear = 0; n[i].rival = 0; n[i].lines = QUIET;
    n[i].probed = 0; n[i].liar_p = 0; n[i].liar_h = 0; n[i].presence = 0; n[i].healthy = 0;
    n[i].claimed = 0; n[i].beside = 0; n[i].before_line = 0; n[i].before_health = 0
}

/* What it has sent is from now on of a life that has ended; what it was sent meets nobody. */
inline end_life(i, j) {
    clear_node(i);
    if
    :: n[j].known == PRESENT -> n[j].known = FORMER
    :: else
    fi;
    box[j].is_former = box[j].there; late[j].is_former = late[j].there;
    clear(box[i]);
    late[i].has_echo = 0; late[i].echo = 0
}

/* The service ends in order: outputs and lines first, then the word, then the process. */
inline end_service() {
    c_code { say("  %d says goodbye", Pnode->me); };
    release_outputs();
    n[me].health = 0;
    if
    :: !cut[me] && (n[other].proc == RUNNING || n[other].proc == STANDING) ->
        clear(box[other]);
        box[other].there = 1; box[other].role = GOODBYE
    :: else
    fi;
    n[me].proc = ENDED;
    end_life(me, other)
}

#define count_down(what) what = (what > 0 -> what - 1 : 0)
#define count_up(what, most) what = (what < most -> what + 1 : what)

/* ---- a node */

/* It does what it has decided before it looks at anything new; only a stop or an end comes between. */
#define is_free (n[me].proc == RUNNING && n[me].phase != OPENING)

proctype node(byte me) {
end:do
    :: d_step { is_free && !n[me].ticked ->
        c_code { say("tick %d", Pnode->me); };
        wake();
        n[me].ticked = 1;
        count_up(n[me].age, OF(dead));
        count_up(n[me].listened, OF(dead));
        count_up(n[me].boot, OF(initdead));
        count_down(n[me].listen);
        count_up(n[me].unheard, OF(lease));
        if
        :: n[me].phase != IDLE || n[me].role == RELINQUISHING -> count_up(n[me].wait, 15)
        :: else
        fi;
        c_code { examine(Pnode->me, 1); };
        settle(1);
        if
        :: n[me].proc == RUNNING -> send()
        :: else
        fi;
        if
        :: n[me].leaving && (n[me].role == STANDBY || (n[me].released && n[me].wait >= OF(take_back))) ->
            end_service()
        :: else
        fi;
        watch() }

    :: d_step { is_free && box[me].there ->
        c_code { say("hear %d", Pnode->me); };
        wake();
        if
        :: n[me].proc == RUNNING ->
            c_code { examine(Pnode->me, 0); };
            take(box[me]); overtake(); clear(box[me]); settle(0)
        :: else -> clear(box[me])
        fi;
        watch() }

    :: d_step { is_free && late[me].there ->
        c_code { say("late %d", Pnode->me); };
        wake();
        if
        :: n[me].proc == RUNNING ->
            c_code { examine(Pnode->me, 0); };
            take(late[me]); clear(late[me]); settle(0)
        :: else -> clear(late[me])
        fi;
        watch() }

    :: d_step { is_free && c_expr { (is_edge(Pnode->me)) } ->
        c_code { say("see %d", Pnode->me); };
        wake();
        c_code { examine(Pnode->me, 0); };
        settle(0);
        watch() }

    :: d_step { n[me].proc == RUNNING && n[me].phase == PENDING ->
        c_code { say("pulse %d", Pnode->me); };
        wake();
        c_code { examine(Pnode->me, 0); };
        settle(0);
        if
        :: n[me].phase == PENDING ->
            n[me].phase = PULSED; n[me].wait = 0;
            n[me].before_line = n[me].claimed; n[me].before_health = n[me].healthy;
            if
            :: n[other].proc == RUNNING || n[other].proc == STANDING ->
                n[other].proc = ENDED;
                end_life(other, me)
            :: else
            fi;
            n[other].line = 0; n[other].gate = 0; n[other].health = 0;
            c_code { say("  %d gave the pulse", Pnode->me); };
            pulses = (pulses < 3 -> pulses + 1 : pulses)
        :: else
        fi;
        watch() }

    :: d_step { n[me].proc == RUNNING && n[me].phase == PULSED &&
                c_expr { (is_fence_over(Pnode->me)) } ->
        c_code { say("verify %d", Pnode->me); };
        wake();
        if
        :: n[me].phase == PULSED ->
            if
            :: c_expr { (is_fence_seen(Pnode->me)) } ->
                c_code { say("  %d saw the reset", Pnode->me); };
                if
                :: n[me].known != PRESENT -> n[me].fenced = 1; forget_word()
                :: else
                fi;
                n[me].doubt = c_expr { (is_line_up(Pnode->me)) }
            :: else -> n[me].doubt = c_expr { (!is_fence_needless(Pnode->me)) }
            fi;
            n[me].wait = 0;
            c_code { examine(Pnode->me, 0); claim_step = first_step; };
            do_step();
            settle(0)
        :: else
        fi;
        watch() }

    :: d_step { n[me].proc == RUNNING && n[me].phase == STORING ->
        c_code { say("stored %d", Pnode->me); };
        wake();
        if
        :: n[me].phase == STORING ->
            n[me].stored = n[me].held;
            c_code { claim_step = stored_step; };
            do_step();
            settle(0)
        :: else
        fi;
        watch() }

    :: d_step { n[me].proc == RUNNING && n[me].phase == SETTLING ->
        c_code { say("settled %d", Pnode->me); };
        wake();
        if
        :: n[me].phase == SETTLING -> c_code { claim_step = settled_step; }; do_step(); settle(0)
        :: else
        fi;
        watch() }

    :: d_step { n[me].proc == RUNNING && n[me].phase == LOOKING && c_expr { (is_look_worth(Pnode->me)) } ->
        c_code { say("look %d", Pnode->me); };
        wake();
        if
        :: n[me].phase == LOOKING -> c_code { examine(Pnode->me, 0); }; settle(0)
        :: else
        fi;
        if
        :: n[me].phase == LOOKING && c_expr { (is_look_worth(Pnode->me)) } ->
            c_code { claim_step = look_result(Pnode->me); };
            do_step();
            c_code { say("  %d looked: %d", Pnode->me, now.n[Pnode->me].role); };
            send();
            settle(0)
        :: else
        fi;
        watch() }

    :: d_step { n[me].proc == RUNNING && n[me].phase == OPENING ->
        c_code { say("open %d", Pnode->me); };
        wake();
        if
        :: n[me].phase == OPENING ->
            n[me].phase = IDLE; n[me].gate = 1;
            if
            :: n[me].stored != n[me].held -> break_rule(NOT_STORED)
            :: (opened >> n[me].held) & 1 -> break_rule(EPOCH_TWICE)
            :: else -> opened = opened | (1 << n[me].held)
            fi;
            send();
            settle(0)
        :: else
        fi;
        watch() }

    :: d_step { n[me].proc == RUNNING && n[me].role == RELINQUISHING && !n[me].released ->
        c_code { say("drained %d", Pnode->me); };
        wake();
        if
        :: n[me].role == RELINQUISHING ->
            release_outputs();
            n[me].released = 1; n[me].wait = 0;
            send();
            settle(0)
        :: else
        fi;
        watch() }
    od
}

/* ---- the world */

#define CUT 1
#define LOSE 2
#define DELAY 4
#define DOUBLE 8
#define KILL 16
#define STOP 32
#define PULL 64
#define LIE 128
#define SWITCH 256
#define LEAVE 512
#define BLIND 1024
#define may(kind) (faults > 0 && (OF(kinds) & kind))


#define told(text) c_code { say("world " text " %d", Pfate->me); }
#define is_standby_ready (n[other].proc == RUNNING && n[me].word_role == STANDBY && \
    n[me].age < OF(warn) && n[me].hears_us == 2)

/* What befalls one node, its lines and its frames, and how that ends. */
proctype fate(byte me) {
end:do
    :: d_step { n[me].proc == ENDED ->
        told("boots");
        n[me].proc = RUNNING; n[me].seen = n[me].stored; n[me].health = 1; n[me].unfed = 0;
        n[me].line = 0; n[me].gate = 0;
        calm = 0; claims = 0; watch() }
    :: d_step { may(KILL) && n[me].proc == RUNNING ->
        told("kills");
        n[me].proc = ENDED; n[me].line = 0; n[me].gate = 0; n[me].health = 0;
        end_life(me, other); fault(); watch() }
    :: d_step { may(KILL) && n[me].proc == RUNNING && n[me].line ->
        told("kills, and its lines stay up as long as the board lets them,");
        n[me].proc = ENDED; n[me].gate = (OF(is_gated) -> n[me].gate : 0);
        end_life(me, other); fault(); watch() }
    :: d_step { may(STOP) && n[me].proc == RUNNING ->
        told("stops"); n[me].proc = STANDING;
        n[me].beside = (n[other].role == FENCING || n[other].role == ACTIVE);
        fault(); watch() }
    :: d_step { n[me].proc == STANDING ->
        told("continues");
        n[me].proc = RUNNING;
        if
        :: c_expr { (does_write_land(Pfate->me)) } -> break_rule(WRITE_LANDED_BESIDE_HOLDER)
        :: else
        fi;
        n[me].beside = 0;
        happened(); watch() }
    :: d_step { may(PULL) && n[me].proc != ABSENT ->
        told("pulls");
        n[me].proc = ABSENT; n[me].line = 0; n[me].gate = 0; n[me].health = 0;
        end_life(me, other); fault(); watch() }
    :: d_step { n[me].proc == ABSENT ->
        told("inserts"); n[me].proc = ENDED; happened(); watch() }

    :: d_step { may(CUT) && !cut[me] && c_expr { (is_no_lie()) } ->
        told("cuts off"); cut[me] = 1; fault(); watch() }
    :: d_step { may(CUT) && me == 0 && !cut[0] && !cut[1] && c_expr { (is_no_lie()) } ->
        told("cuts both off, and"); cut[0] = 1; cut[1] = 1; fault(); watch() }
    :: d_step { cut[me] -> told("heals"); cut[me] = 0; dual = 0; happened(); watch() }
    :: d_step { me == 0 && cut[0] && cut[1] ->
        told("heals both, and"); cut[0] = 0; cut[1] = 0; dual = 0; happened(); watch() }

    :: d_step { may(LOSE) && box[me].there ->
        told("loses a frame to"); clear(box[me]); fault(); watch() }
    :: d_step { may(DELAY) && box[me].there && !late[me].there ->
        told("delays a frame to");
        copy(late[me], box[me]); late[me].ttl = OF(late); clear(box[me]); fault(); watch() }
    :: d_step { may(DOUBLE) && box[me].there && !late[me].there ->
        told("doubles a frame to");
        copy(late[me], box[me]); late[me].ttl = OF(late); fault(); watch() }

    :: d_step { may(SWITCH) && n[me].proc == RUNNING && n[me].role == ACTIVE &&
                n[me].phase == IDLE && is_standby_ready ->
        told("asks for a switchover"); n[me].why = ASKED; relinquish(); fault(); watch() }
    :: d_step { may(LEAVE) && n[me].proc == RUNNING && n[me].role == ACTIVE &&
                n[me].phase == IDLE && is_standby_ready ->
        told("asks to stop after a handover"); n[me].why = STOPPING; relinquish(); n[me].leaving = 1;
        fault(); watch() }
    :: d_step { may(LEAVE) && n[me].proc == RUNNING && n[me].role != RELINQUISHING &&
                !(n[me].role == ACTIVE && is_standby_ready) ->
        told("asks to stop"); end_service(); fault(); watch() }
    od
}

#define is_done(i) (n[i].proc != RUNNING || (n[i].ticked && !box[i].there && \
    !(late[i].there && late[i].ttl == 0) && n[i].phase != SETTLING && n[i].phase != OPENING && \
    !(n[i].phase == LOOKING && c_expr { (is_look_worth(i)) }) && \
    n[i].phase != PENDING && !(n[i].phase == PULSED && c_expr { (is_fence_over(i)) }) && \
    !(n[i].phase == STORING && n[i].wait >= OF(store)) && \
    !(n[i].role == RELINQUISHING && !n[i].released)))

#define pass(i) \
    n[i].ticked = 0; \
    n[i].gap = (n[i].proc == RUNNING || n[i].proc == STANDING -> \
        (n[i].gap <= OF(gap) -> n[i].gap + 1 : n[i].gap) : 0); \
    n[i].unfed = (n[i].unfed < OF(watchdog) -> n[i].unfed + 1 : n[i].unfed); \
    if \
    :: OF(is_gated) && n[i].unfed >= OF(watchdog) -> n[i].line = 0; n[i].gate = 0 \
    :: else \
    fi; \
    if \
    :: late[i].there && (n[i].proc == ENDED || n[i].proc == ABSENT) -> clear(late[i]) \
    :: late[i].there && n[i].proc == RUNNING -> late[i].ttl = late[i].ttl - 1 \
    :: else \
    fi

/* Lines that lie or cannot be read, one at a time, and the passing of time. */
proctype world() {
    byte which;
end:do
    :: d_step { is_done(0) && is_done(1) ->
        c_code { say("clock"); };
        pass(0);
        pass(1);
        dual = (c_expr { (is_dual_counted()) } -> dual + 1 : 0);
        calm = (c_expr { (is_settled()) } -> 0 : (calm < 63 -> calm + 1 : calm));
        if
        :: broken == 0 && calm > OF(settle) -> break_rule(NOBODY_HOLDS)
        :: broken == 0 && (claims > OF(churn) || pulses > 2) -> break_rule(ROLES_KEEP_CHANGING)
        :: else
        fi;
        c_code { forget_epochs(); lower_epochs(); };
        watch() }
    :: atomic {
            (may(LIE) && lie == 0 && !cut[0] && !cut[1]) || (may(BLIND) && lie == 0) ->
            select (which : 1 .. 18);
            if
            :: c_expr { (is_worth_lying(Pworld->which)) } ->
                d_step {
                    lie = which; which = 0;
                    c_code { say("world lies %d", now.lie); };
                    fault(); watch()
                }
            :: else -> which = 0
            fi
        }
    :: d_step { lie != 0 -> c_code { say("world lies no more"); }; lie = 0; happened(); watch() }
    od
}

init {
    c_code { read_rules(); };
    d_step {
        n[0].proc = ENDED; n[1].proc = ENDED;
        n[0].role = STARTING; n[1].role = STARTING;
        n[0].age = OF(dead); n[1].age = OF(dead);
        n[0].unfed = OF(watchdog); n[1].unfed = OF(watchdog);
        faults = OF(faults)
    };
    atomic { run node(0); run node(1); run fate(0); run fate(1); run world() }
}
