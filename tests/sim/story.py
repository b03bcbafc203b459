"""A story: which module, which board, which faults and when. Made from a seed, or read from a file.

A story has eras. Each begins with a chassis at rest, brings a few faults close upon each other, and
ends with everything healed and at rest again. What lies between two eras is told and not lived
(`Era.quiet_ms`). A story is values only and reads as text, one deed a line, so that it can be
replayed, cut down (`tests.sim.shrink`) and kept.

    setup board=gated policy=trust-silence ...
    era lines quiet 41000
    +120 cut udp 1
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from random import Random

from bmcha.model.settings import BoardClass, IsolationPolicy

STORY_MS = 600_000
"""Ten minutes, most of them quiet."""
ERAS = 12
DEEDS_MIN, DEEDS_MAX = 2, 10
GAPS_MS = (0, 1, 2, 3, 5, 10, 20, 30, 60, 100, 100, 200, 400, 600, 900, 1500, 3000)
PATHS = ("udp", "serial", "ethernet")
LINES = ("presence", "health", "active")


@dataclass(frozen=True, slots=True)
class Setup:
    """What does not change during a story. ``tick_ms`` and ``interval_ms`` are of both modules;
    ``drift_ppm`` is how much faster slot 1's clock is, and how much slower slot 2's. ``is_single``:
    a chassis of one slot, which has no paths. ``is_signed``: both modules have the same key."""

    board: BoardClass = BoardClass.GATED
    policy: IsolationPolicy = IsolationPolicy.TRUST_SILENCE
    paths: int = 2
    tick_ms: int = 50
    deadtime_ms: int = 500
    is_lone: bool = False
    is_wire_real: bool = False
    drift_ppm: int = 0
    ahead_s: int = 0
    failovers_max: int = 0
    health_margin: int = 0
    is_failing_back: bool = False
    has_reference: bool = False
    is_single: bool = False
    is_signed: bool = True

    @property
    def slots(self) -> tuple[int, ...]:
        return (1,) if self.is_single else (1, 2)

    @property
    def path_names(self) -> tuple[str, ...]:
        return PATHS[: self.paths]


@dataclass(frozen=True, slots=True)
class Deed:
    """``after_ms`` the one before. ``slot`` 0: both, or nobody's; ``value`` and ``more`` as the
    deed's name needs them (`tests.sim.deeds`)."""

    after_ms: int
    name: str
    slot: int = 0
    what: str = "-"
    value: int = 0
    more: int = 0

    def __str__(self) -> str:
        return f"+{self.after_ms} {self.name} {self.slot} {self.what} {self.value} {self.more}"


@dataclass(frozen=True, slots=True)
class Era:
    """``may_lie``: one line may lie, and then one path (the last one) stays sound. Else every path
    may be lost, and no line lies, but for an ACTIVE line that stays up where there are gates: it
    only holds back. Two hands are only excluded with one of the two."""

    may_lie: bool
    deeds: tuple[Deed, ...]
    quiet_ms: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    seed: int
    setup: Setup
    eras: tuple[Era, ...]

    @property
    def deeds_count(self) -> int:
        return sum(len(era.deeds) for era in self.eras)


def make_story(seed: int, board: BoardClass | None = None) -> Story:
    """The same every time, in every process. ``board`` None: the seed says which."""
    random = Random(f"story {seed}")
    setup = replace(_make_setup(random), is_signed=Random(f"keys {seed}").random() < SIGNED)
    if board is not None:
        setup = replace(setup, board=board)
    eras = [_make_era(random, setup) for _ in range(ERAS)]
    _add_doubt(Random(f"doubt {seed}"), setup, eras)
    _add_replays(Random(f"replays {seed}"), setup, eras)
    shares = [random.random() for _ in eras]
    told_ms = STORY_MS - ERAS * LIVED_MS
    quiet_ms = [int(told_ms * share / sum(shares)) for share in shares]
    return Story(
        seed,
        setup,
        tuple(replace(era, quiet_ms=quiet) for era, quiet in zip(eras, quiet_ms, strict=True)),
    )


SIGNED = 0.75
"""Of the stories, by chance; in the rest no frame is signed."""
LIVED_MS = 8000
"""What an era takes to live through, about."""


def _make_setup(random: Random) -> Setup:
    return Setup(
        board=random.choice(list(BoardClass)),
        policy=random.choice((IsolationPolicy.TRUST_SILENCE,) * 3 + (IsolationPolicy.HOLD,)),
        paths=random.choice((1, 2, 2, 2, 2, 3)),
        tick_ms=random.choice((25, 50, 75, 75)),
        deadtime_ms=random.choice((400, 500, 500, 700)),
        is_lone=random.random() < 0.3,
        is_wire_real=random.random() < 0.2,
        drift_ppm=random.choice((0, 0, 20, 200, 1000)),
        ahead_s=random.choice((0, 5, 4_000_000)),
        failovers_max=random.choice((0, 0, 0, 1, 3)),
        health_margin=random.choice((0, 0, 0, 20)),
        is_failing_back=random.random() < 0.15,
        has_reference=random.random() < 0.3,
        is_single=random.random() < 0.02,
    )


def _make_era(random: Random, setup: Setup) -> Era:
    may_lie = setup.board is not BoardClass.BARE and random.random() < 0.5
    names = [name for name in WEIGHTS if may_lie or name not in LYING]
    weights = [WEIGHTS[name] for name in names]
    count = random.randint(DEEDS_MIN, DEEDS_MAX)
    chosen = random.choices(names, weights, k=count)
    about = random.choice((*setup.slots, None, None, None))
    return Era(may_lie, tuple(_make_deed(random, setup, name, about) for name in chosen))


DOUBTED = (BoardClass.GATED, BoardClass.RESET)
DOUBTS = 0.1
DOUBT_GAPS_MS = (600, 900, 1500, 3000)


def _add_doubt(random: Random, setup: Setup, eras: list[Era]) -> None:
    """In one story of ten on a board with gates: all paths lost, an ACTIVE line that stays up, and
    then the module that it tells of is pulled. Chance alone never brings the three together."""
    numbers = [number for number, era in enumerate(eras) if not era.may_lie]
    if setup.board not in DOUBTED or setup.is_single or not numbers or random.random() >= DOUBTS:
        return
    number, slot = random.choice(numbers), random.choice(setup.slots)
    doubt = (
        Deed(random.choice(GAPS_MS), "stick", slot, "active", 1),
        Deed(random.choice(GAPS_MS), "cut-all"),
        Deed(random.choice(DOUBT_GAPS_MS), "pull", 3 - slot),
    )
    deeds = eras[number].deeds
    at = random.randint(0, len(deeds))
    eras[number] = replace(eras[number], deeds=(*deeds[:at], *doubt, *deeds[at:]))


REPLAY = "replay"
REPLAYS = 0.5
REPLAYS_MAX = 8


def _add_replays(random: Random, setup: Setup, eras: list[Era]) -> None:
    """In every other story with keys somebody listens on the way, and says again what he heard: as
    it was, on another path, or back to who said it. Beside the deeds, so that a story without is
    the same one as before."""
    if not setup.is_signed or setup.is_single or random.random() >= REPLAYS:
        return
    for _ in range(random.randint(1, REPLAYS_MAX)):
        number = random.randrange(len(eras))
        deed = Deed(
            random.choice(GAPS_MS),
            REPLAY,
            random.choice(setup.slots),
            random.choice(setup.path_names),
            random.choice((0, 0, 0, 1, 2)),
            random.choice((1, 20, 400)),
        )
        deeds = eras[number].deeds
        at = random.randint(0, len(deeds))
        eras[number] = replace(eras[number], deeds=(*deeds[:at], deed, *deeds[at:]))


WEIGHTS = {
    "cut": 6,
    "cut-all": 4,
    "heal": 5,
    "loss": 3,
    "double": 1,
    "flip": 2,
    "short": 2,
    "jitter": 2,
    "delay": 2,
    "clog": 3,
    "unclog": 2,
    "kill": 5,
    "start": 7,
    "stop": 5,
    "hang": 2,
    "slow": 3,
    "pull": 2,
    "swizzle": 3,
    "die-at": 4,
    "pause-at": 4,
    "pause-in-write": 3,
    "store-old": 1,
    "store-lost": 1,
    "store-slow": 2,
    "store-broken": 1,
    "store-ok": 1,
    "firmware": 2,
    "gate-broken": 1,
    "gate-ok": 1,
    "start-blind": 1,
    "straps": 1,
    "start-foreign": 2,
    "switchover": 4,
    "maintenance": 2,
    "stop-service": 3,
    "lockout-clear": 1,
    "drill": 1,
    "reload": 2,
    "mute-reference": 2,
    "twin": 1,
    "stick": 5,
    "bounce": 3,
    "unstick": 4,
    "blind": 1,
    "sensors-bad": 2,
    "sensors-ok": 1,
    "nothing": 1,
}
LYING = ("stick", "bounce")
ABOUT_ONE = 0.8
PAUSES_MS = (1, 2, 5, 20, 60, 150, 250, 290, 310, 450, 520, 600, 1000, 1800, 2500, 6000, 60_000)
STEPS_MS = (2, 10, 10, 30, 30, 60, 120, 290)
"""On a processor of a few hundred MHz a step takes some; and more when it has other work."""


def _make_deed(random: Random, setup: Setup, name: str, about: int | None) -> Deed:
    """``about``: the slot that most of this era happens to, because few rules need two."""
    slot = random.choice(setup.slots)
    if about is not None and random.random() < ABOUT_ONE:
        slot = about
    deed = Deed(random.choice(GAPS_MS), name, slot)
    path = random.choice(setup.path_names)
    match name:
        case "cut" | "clog":
            return replace(deed, what=path, slot=random.choice((0, 1, 2)))
        case "cut-all":
            return replace(deed, slot=random.choice((0, 0, 1, 2)))
        case "loss" | "double" | "flip" | "short":
            return replace(deed, what=path, value=random.choice((5, 30, 70, 95)))
        case "jitter":
            return replace(deed, what=path, value=random.choice((5, 50, 300)))
        case "delay":
            return replace(deed, what=path, value=random.choice((1, 5, 40, 150)))
        case "stop" | "hang":
            return replace(deed, value=random.choice(PAUSES_MS))
        case "slow":
            return replace(
                deed, value=random.choice(STEPS_MS), more=random.choice((300, 1000, 2500))
            )
        case "die-at" | "pause-at":
            pause_ms = random.choice(PAUSES_MS)
            return replace(deed, value=random.choice((0, 1, 2, 3, 5, 8, 13, 40)), more=pause_ms)
        case "pause-in-write":
            return replace(deed, value=random.choice((0, 0, 1)), more=random.choice(PAUSES_MS))
        case "swizzle":
            return replace(
                deed, value=random.choice((0, 1, 5, 30, 300)), more=random.choice((0, 2, 90, 700))
            )
        case "store-slow":
            return replace(deed, value=random.choice((20, 150, 190, 400)))
        case "store-old":
            return replace(deed, value=random.choice((1, 2, 3, 10)))
        case "firmware":
            return replace(deed, what=random.choice(("old", "new", "same")))
        case "straps":
            return replace(deed, value=random.choice((0, 1, 2, 3)))
        case "switchover":
            return replace(deed, value=random.choice((0, 1)))
        case "reload":
            return replace(deed, value=random.choice((0, 0, 1)), more=random.randrange(100))
        case "twin":
            role = random.choice(("active", "standby", "starting"))
            value, more = random.choice((700, 1500, 3000)), random.choice((0, 1))
            return replace(deed, what=role, value=value, more=more)
        case "maintenance":
            return replace(deed, value=random.choice((0, 1, 5)))
        case "drill":
            return replace(deed, what=random.choice(("all", "nowhere")))
        case "stick" | "bounce":
            line = random.choice(LINES)
            return replace(deed, what=line, value=random.choice((0, 1)))
        case "blind":
            return replace(deed, what=random.choice((*LINES, "active")))
        case _:
            return deed


# ---- as text


def story_text(story: Story) -> str:
    setup = " ".join(f"{f.name}={_word(getattr(story.setup, f.name))}" for f in fields(Setup))
    lines = [f"seed {story.seed}", f"setup {setup}"]
    for era in story.eras:
        lines.append(f"era {'lines' if era.may_lie else 'paths'} quiet {era.quiet_ms}")
        lines += [str(deed) for deed in era.deeds]
    return "\n".join(lines) + "\n"


def _word(value: object) -> str:
    return str(value.value) if isinstance(value, BoardClass | IsolationPolicy) else str(value)


def parse_story(lines: Iterable[str]) -> Story:
    """ValueError: which line makes no sense."""
    seed, setup, eras = 0, Setup(), list[Era]()
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        try:
            match words:
                case []:
                    pass
                case ["seed", text]:
                    seed = int(text)
                case ["setup", *pairs]:
                    setup = _parse_setup(pairs)
                case ["era", "lines" | "paths" as kind, "quiet", quiet]:
                    eras.append(Era(kind == "lines", (), int(quiet)))
                case [after, name, slot, what, value, more] if eras and name in (*WEIGHTS, REPLAY):
                    deed = Deed(int(after), name, int(slot), what, int(value), int(more))
                    eras[-1] = replace(eras[-1], deeds=(*eras[-1].deeds, deed))
                case _:
                    raise ValueError(
                        "write seed N, setup KEY=VALUE..., era lines|paths quiet MS, "
                        "or +MS DEED SLOT WHAT VALUE MORE"
                    )
        except (ValueError, KeyError) as error:
            raise ValueError(f"line {number}: {line.strip()!r}: {error}") from None
    return Story(seed, setup, tuple(eras))


def _parse_setup(pairs: list[str]) -> Setup:
    kinds = {"board": BoardClass, "policy": IsolationPolicy}
    found: dict[str, object] = {}
    for key, _, text in (pair.partition("=") for pair in pairs):
        default = getattr(Setup(), key)
        if key in kinds:
            found[key] = kinds[key](text)
        else:
            found[key] = text == "True" if isinstance(default, bool) else int(text)
    return Setup(**found)  # type: ignore[arg-type]
