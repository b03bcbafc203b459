"""Cuts a failing story down to what is needed for the same rule to be broken.

Deterministic: eras go first, then deeds (halves, then single ones), then times and numbers, then
what is odd about the setup. Each try is a whole run; there are at most `TRIES_MAX` of them. What is
left is told as a story (to be replayed exactly) and as a scenario file for `bmcha sim`, as far as
that language can say it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bmcha.sim.backplane import WIRED
from tests.sim.storm import run_story
from tests.sim.story import LINES, Deed, Era, Setup, Story

TRIES_MAX = 400
HEAL_S = 5
"""After the last deed of an era."""


@dataclass
class Shrinking:
    story: Story
    rule: str
    tries_left: int = TRIES_MAX

    def try_story(self, story: Story) -> bool:
        """Takes it over if it still breaks the rule."""
        if self.tries_left <= 0 or story == self.story:
            return False
        self.tries_left -= 1
        if any(violation.rule == self.rule for violation in run_story(story).violations):
            self.story = story
            return True
        return False


def shrink(story: Story, rule: str) -> Story:
    """``rule``: the name of what ``story`` breaks."""
    work = Shrinking(story, rule)
    _drop_eras(work)
    _drop_deeds(work)
    _simplify(work)
    _drop_deeds(work)
    return work.story


def _drop_eras(work: Shrinking) -> None:
    for count in range(1, len(work.story.eras)):
        if work.try_story(replace(work.story, eras=work.story.eras[:count])):
            break
    at = 0
    while at < len(work.story.eras) and len(work.story.eras) > 1:
        eras = work.story.eras
        if not work.try_story(replace(work.story, eras=eras[:at] + eras[at + 1 :])):
            at += 1


def _drop_deeds(work: Shrinking) -> None:
    for era_at in range(len(work.story.eras)):
        size = max(1, len(work.story.eras[era_at].deeds) // 2)
        while size:
            at = 0
            while at < len(work.story.eras[era_at].deeds):
                deeds = work.story.eras[era_at].deeds
                kept = _waiting_as_long(deeds[:at], deeds[at : at + size], deeds[at + size :])
                if not _try_deeds(work, era_at, kept):
                    at += size
            size //= 2


def _waiting_as_long(
    before: tuple[Deed, ...], gone: tuple[Deed, ...], after: tuple[Deed, ...]
) -> tuple[Deed, ...]:
    """What came before the dropped ones is still so long ago."""
    if not after:
        return before
    late_ms = sum(deed.after_ms for deed in gone)
    return (*before, replace(after[0], after_ms=after[0].after_ms + late_ms), *after[1:])


def _try_deeds(work: Shrinking, era_at: int, deeds: tuple[Deed, ...]) -> bool:
    eras = list(work.story.eras)
    eras[era_at] = replace(eras[era_at], deeds=deeds)
    return work.try_story(replace(work.story, eras=tuple(eras)))


def _simplify(work: Shrinking) -> None:
    for era_at in range(len(work.story.eras)):
        for at in range(len(work.story.eras[era_at].deeds)):
            for simpler in _simpler_deeds(work.story.eras[era_at].deeds[at]):
                deeds = list(work.story.eras[era_at].deeds)
                deeds[at] = simpler
                _try_deeds(work, era_at, tuple(deeds))
    for changes in _simpler_setups():
        work.try_story(replace(work.story, setup=changes(work.story.setup)))
    work.try_story(replace(work.story, eras=tuple(map(_without_quiet, work.story.eras))))


def _simpler_deeds(deed: Deed) -> Iterator[Deed]:
    """Each by itself, the boldest first."""
    for after_ms in (0, deed.after_ms // 10, deed.after_ms // 2):
        yield replace(deed, after_ms=after_ms)
    if deed.name in ("stop", "hang", "slow"):
        yield replace(deed, value=deed.value // 2)
    if deed.name in ("pause-at", "pause-in-write", "slow"):
        yield replace(deed, more=deed.more // 2)
    if deed.name == "loss":
        yield replace(deed, name="cut", value=0)


def _simpler_setups() -> list[Callable[[Setup], Setup]]:
    return [
        lambda setup: replace(setup, is_wire_real=False),
        lambda setup: replace(setup, drift_ppm=0),
        lambda setup: replace(setup, ahead_s=0),
        lambda setup: replace(setup, is_lone=False),
        lambda setup: replace(setup, tick_ms=50),
    ]


def _without_quiet(era: Era) -> Era:
    return replace(era, quiet_ms=0)


# ---- as a scenario file


def scenario_text(story: Story, rule: str) -> str:
    """In the language of `bmcha.sim.scenario`. What it cannot say stands there as a comment."""
    lines = [
        f"# Cut down from seed {story.seed} of the simulator, where it broke: {rule}.",
        f"# Board {story.setup.board.value}; the times are those of its short timers.",
    ]
    for era in story.eras:
        lines.append("settle 20")
        now_ms, said = 1000, list[tuple[float, str]]()
        for deed in era.deeds:
            now_ms += deed.after_ms
            said += _scenario_lines(deed, now_ms / 1000, story.setup)
        # A standstill ends while other things happen: in order of their times.
        lines += [line for _, line in sorted(said, key=lambda each: each[0])]
        end_s = max([now_ms / 1000, *(at_s for at_s, _ in said)]) + HEAL_S
        lines.append(f"at {end_s:g} heal all")
    lines += ["settle 20", "never dual", "never stale-write"]
    return "\n".join(lines) + "\n"


def _scenario_lines(deed: Deed, at_s: float, setup: Setup) -> list[tuple[float, str]]:
    words = _scenario_words(deed, setup)
    is_known = deed.what in ("-", "udp", "serial", *LINES)
    if not words or not is_known:
        return [(at_s, f"# at {at_s:g}: cannot be said here: {deed}")]
    lines = [(at_s, f"at {at_s:g} {each}") for each in words]
    if deed.name == "stop":
        end_s = at_s + deed.value / 1000
        lines.append((end_s, f"at {end_s:g} cont {deed.slot}"))
    return lines


def _scenario_words(deed: Deed, setup: Setup) -> list[str]:
    """The actions that do the same; none where there are none."""
    slot, one_way = deed.slot, f" --one-way {deed.slot}" if deed.slot else ""
    sender = f" --from {slot}" if slot else ""
    wired = [name for name in WIRED[setup.board] if name.lower() in LINES]
    match deed.name:
        case "cut":
            return [f"cut {deed.what}{one_way}"]
        case "cut-all":
            return [f"cut all{one_way}"]
        case "heal":
            return ["heal all"]
        case "loss":
            return [f"loss {deed.what} {deed.value}{sender}"]
        case "delay":
            return [f"delay {deed.what} {deed.value}"]
        case "kill" | "start" | "pull" | "stop":
            return [f"{deed.name} {slot}"]
        case "stick" if deed.what.upper() in wired:
            level = "high" if deed.value > 0 else "low"
            return [f"line mm{3 - slot}.{deed.what.upper()} {level}"]
        case "unstick":
            return [f"line mm{each}.{name} follow" for each in (1, 2) for name in wired]
        case "switchover":
            return ["switchover" + (" --force" if deed.value else "")]
        case _:
            return []
