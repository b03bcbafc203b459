"""What a run of ``bmcha sim`` shows: a scenario, the story, the live view, or nothing.

Sets the rig up, has it run one of them, and takes it apart whatever happened. A signal ends a run
in order: the rig is taken down and the exit code is 0, as the user asked for it. Main thread only.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bmcha.model.record import dataclass
from bmcha.sim import journal
from bmcha.sim.board_plan import BOARD_FILES, board_vocabulary
from bmcha.sim.report import Report
from bmcha.sim.rig import SLOTS, Rig, RigOptions
from bmcha.sim.runner import Runner
from bmcha.sim.scenario import Scenario, find_scenario, parse_scenario
from bmcha.sim.stage import NS_PER_S, Stage
from bmcha.sim.story import STORY, STORY_NAME, Narrator, closing, table
from bmcha.view.terminal import canvas_for_terminal, has_curses

PASSED, FAILED = 0, 1
END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class ShowOptions:
    """``root`` None: a temporary directory. ``duration_s`` None: until it ends by itself."""

    board: str
    root: Path | None
    scenario: str | None
    is_headless: bool
    is_json: bool
    duration_s: float | None
    is_respawning: bool
    seed: int | None


class Ended(Exception):
    """A signal, or the end of --duration. Raised wherever the main thread is just then."""

    def __init__(self, what: str, is_signal: bool) -> None:
        super().__init__(what)
        self.is_signal = is_signal


def show(options: ShowOptions) -> int:
    """The exit code. ScenarioError, RigRefused: nothing was started, and why."""
    scenario = _choose_scenario(options)
    try:
        with _ending_by_signal(), _rig(options, scenario) as rig:
            if options.duration_s is not None:
                signal.setitimer(signal.ITIMER_REAL, options.duration_s)
            if scenario is None:
                return _run_on(rig, options)
            return _run_scenario(rig, scenario, options)
    except Ended as ended:
        # Who asked for a scenario did not get its verdict; otherwise this is how a run ends.
        return FAILED if options.scenario is not None and not ended.is_signal else PASSED


def _choose_scenario(options: ShowOptions) -> Scenario | None:
    """None: run on until somebody ends it."""
    if options.scenario is not None:
        file, text = find_scenario(options.scenario)
    elif not options.is_headless and not sys.stdout.isatty():
        file, text = STORY_NAME, STORY
    else:
        return None
    known = {board: board_vocabulary(board) for board in BOARD_FILES}
    return parse_scenario(file, text, options.board, known)


@contextmanager
def _rig(options: ShowOptions, scenario: Scenario | None) -> Iterator[Rig]:
    """While it is taken down no signal disturbs: that is bounded, and the guardian is there."""
    rig_options = RigOptions(
        *(options.board, options.root, options.is_respawning, options.seed),
        policy=() if scenario is None else scenario.policy,
    )
    with Rig(rig_options) as rig:
        try:
            yield rig
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number in (*END_SIGNALS, signal.SIGALRM):
                signal.signal(number, signal.SIG_IGN)


@contextmanager
def _ending_by_signal() -> Iterator[None]:
    def end(number: int, _frame: object) -> None:
        if number == signal.SIGALRM:
            raise Ended("--duration", is_signal=False)
        raise Ended(signal.Signals(number).name, is_signal=True)

    numbers = (*END_SIGNALS, signal.SIGALRM)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_scenario(rig: Rig, scenario: Scenario, options: ShowOptions) -> int:
    is_story = options.scenario is None
    say = _silent if options.is_json or options.is_headless else _print
    narrator = Narrator(say, is_strict=not is_story)
    with Stage(rig, narrator.hear) as stage:
        narrator.since_start_ms = stage.since_start_ms
        if is_story:
            _introduce(rig, say, "The story ends by itself in half a minute; Ctrl-C ends it now.")
        runner = Runner(rig, stage, scenario, options.board, narrator.act)
        try:
            report = runner.run()
        except Ended as ended:
            why = f"ended by {ended} before the last step"
            if options.is_json:
                _print_json(runner.report(why))
            else:
                _print(f"{scenario.name} on {options.board}: no verdict, {why}")
            raise
    if options.is_json:
        _print_json(report)
    elif is_story:
        print("\n".join(table(journal.read_journal(rig.layout.journal), report)))
        print("\n".join(closing(report)))
    else:
        print("\n".join(report.lines()))
    return PASSED if report.is_pass else FAILED


def _run_on(rig: Rig, options: ShowOptions) -> int:
    """Until a signal or --duration raises `Ended`; returns only if the simulator itself fails."""
    if not options.is_headless and not options.is_json:
        if has_curses():
            return _run_live(rig)
        narrator = Narrator(_print)
        with Stage(rig, narrator.hear) as stage:
            narrator.since_start_ms = stage.since_start_ms
            _introduce(rig, _print, _ending(options))
            stage.start(SLOTS)
            while True:
                stage.hear(time.monotonic_ns() + NS_PER_S)
    rig.start()
    if options.is_json:
        print(json.dumps(_places(rig, options.board)), flush=True)
    else:
        for name, value in _places(rig, options.board).items():
            _print(f"{name}: {value}")
        _print(_ending(options))
    rig.wait()
    return FAILED


def _run_live(rig: Rig) -> int:
    """On the terminal, until q or a signal."""
    from bmcha.sim.live import run_live

    with canvas_for_terminal() as canvas:
        run_live(rig.layout, canvas, rig.start, lambda: rig.failure is not None)
    if rig.failure is None:
        return PASSED
    print(f"bmcha sim: the virtual chassis has failed: {rig.failure!r}", file=sys.stderr)
    return FAILED


def _ending(options: ShowOptions) -> str:
    if options.duration_s is None:
        return "Runs until Ctrl-C."
    return f"Ends by itself after {options.duration_s:g} s; Ctrl-C ends it now."


def _introduce(rig: Rig, say: Callable[[str], None], ending: str) -> None:
    folder = shlex.quote(str(rig.layout.root))
    bmcha = _program()
    say(f"Two modules share a virtual chassis, board {rig.known.board}. In a second terminal:")
    say(f"  {bmcha} sim-ctl --dir {folder} kill active      (or cut udp, stop 1, state, ...)")
    say(f"  {bmcha} --socket {folder}/mm1/control.sock status")
    say(ending)


def _program() -> str:
    """How this bmcha is called from another terminal, in another directory."""
    if shutil.which("bmcha"):
        return "bmcha"
    if Path(sys.argv[0]).name == "bmcha":
        return shlex.quote(os.path.abspath(sys.argv[0]))
    return f"{shlex.quote(sys.executable)} -m bmcha"


def _places(rig: Rig, board: str) -> dict[str, str]:
    layout = rig.layout
    places = {"board": board, "dir": str(layout.root), "chassis": str(layout.chassis_socket)}
    places.update({f"mm{slot}": str(layout.module_socket(slot)) for slot in layout.slots})
    places["journal"] = str(layout.journal)
    return places


def _print(text: str) -> None:
    print(text, flush=True)


def _silent(_text: str) -> None:
    pass


def _print_json(report: Report) -> None:
    print(json.dumps(report.as_json()), flush=True)
