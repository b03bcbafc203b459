/* The numbers that both halves of the model, Promela and C, have names for. */

#define NOBODY 0      /* which life of the peer is known: none, the present one, a former one */
#define PRESENT 1
#define FORMER 2

#define ABSENT 0      /* the slot is empty */
#define ENDED 1       /* no process */
#define RUNNING 2
#define STANDING 3    /* the process is stopped */

#define STARTING 1    /* the numbers of bmcha.model.role, compared when the rules are read */
#define STANDBY 2
#define FENCING 3
#define ACTIVE 4
#define RELINQUISHING 5
#define FAULT 6
#define GOODBYE 7     /* as a frame's role: the message, not a beat */

#define IDLE 0        /* where a claim stands */
#define STORING 1
#define SETTLING 2
#define LOOKING 3
#define OPENING 4
#define PENDING 5     /* the fence before it: the pulse is to be given, was given */
#define PULSED 6
#define LISTENING 7   /* the peer has to answer before the outputs open */

#define QUIET 0       /* what the examination of the peer's lines has found */
#define SPOKEN 1
#define FAULTY 2

#define ASKED 2       /* why it relinquishes; the numbers of tests/model/rule_file.py */
#define STOPPING 3
#define LEASE_ENDED 4
