"""The same judge, that also writes down what happens: one line an event, with a legend.

    12.345678 1 r STANDBY > FENCING  PEER_SILENT  epoch 5

Seconds of the world's clock, slot, sign, words. Beats are not told unless they say something new.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from bmcha.model.effect import Answer, Effect, EnterRole
from bmcha.model.event import Event, HeartbeatHeard, LinesRead, PathOverdue, StopAsked
from bmcha.model.message import Delta, DeltaAck, Header, Heartbeat, Message
from bmcha.model.moment import NS_PER_S
from bmcha.model.reading import EventCell
from tests.sim.judge import Judge
from tests.sim.story import Deed
from tests.world import World
from tests.world.life import Interrupt, Life

LEGEND = (
    "! a deed or a broken rule   b a life begins or ends   r role   e epoch asked to be stored",
    "g gates (slots)   l lines of the peer: P presence, H health, A active, small: down",
    "> message sent (no beats, no mirror)   < beat heard with news   o path overdue   a answer",
    "c record of the chassis log",
)
LINES_KEPT = 3000


class TracingJudge(Judge):
    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._gates: tuple[int, ...] = ()
        self._levels: dict[int, str] = {}

    def told(self) -> str:
        return "\n".join([*LEGEND, "", *self.lines])

    def watch(self, world: World) -> None:
        super().watch(world)
        self._told_world = world

    def say(self, slot: int, sign: str, words: str) -> None:
        self.lines.append(f"{self._told_world.now_ns / NS_PER_S:12.6f} {slot} {sign} {words}")

    def blame(self, rule: str, text: str) -> None:
        super().blame(rule, text)
        self.say(0, "!", f"BROKEN {rule}: {text}")

    def done(self, deed: Deed) -> None:
        self.say(deed.slot, "!", str(deed))
        super().done(deed)

    def healed(self) -> None:
        self.say(0, "!", "all is healed")

    def begin_era(self) -> None:
        super().begin_era()
        self.say(0, "!", "an era begins")

    def lines_changed(self) -> None:
        super().lines_changed()
        now_ms = self._told_world.now_exact_ms
        modules = self._told_world.modules.values()
        gates = tuple(m.slot for m in modules if m.hardware.is_gate_open(now_ms))
        if gates != self._gates:
            self._gates = gates
            self.say(0, "g", f"open: {', '.join(map(str, gates)) or 'none'}")

    def booted(self, life: Life) -> None:
        super().booted(life)
        slot = "" if life.has_slot else ", its slot unreadable"
        self.say(life.slot, "b", f"life {life.boot_id} begins{slot}")

    def died(self, life: Life) -> None:
        self.say(life.slot, "b", f"life {life.boot_id} is over")

    def halted(self, life: Life, interrupt: Interrupt) -> None:
        self.say(life.slot, "!", f"between two effects: {interrupt.halt.name} {interrupt.for_ms}")

    def stepped(self, life: Life, event: Event, effects: Sequence[Effect]) -> None:
        super().stepped(life, event, effects)
        match event:
            case HeartbeatHeard():
                draft = event.heartbeat.draft
                words = f"{draft.role.name} {draft.reason.name} epoch {draft.epoch}"
                self.say(life.slot, "<", f"{event.path} {words} ({event.beats_in_row})")
            case PathOverdue():
                self.say(life.slot, "o", event.path)
            case LinesRead():
                self._say_lines(life, event)
            case StopAsked():
                self.say(life.slot, "!", "the service is asked to stop")
            case _:
                pass

    def _say_lines(self, life: Life, read: LinesRead) -> None:
        for _, levels in read.peers:
            pairs = (("P", levels.presence), ("H", levels.health), ("A", levels.active))
            shown = "".join("-" if up is None else n if up else n.lower() for n, up in pairs)
            if self._levels.get(life.slot) != shown:
                self._levels[life.slot] = shown
                self.say(life.slot, "l", shown)

    def sent(self, life: Life, path: str, header: Header, message: Message) -> None:
        super().sent(life, path, header, message)
        if not isinstance(message, Heartbeat | Delta | DeltaAck):
            self.say(life.slot, ">", f"{path} {message}")

    def claimed(self, life: Life, epoch: int) -> None:
        super().claimed(life, epoch)
        self.say(life.slot, "e", str(epoch))

    def role_entered(self, life: Life, entered: EnterRole) -> None:
        words = f"{entered.from_role.name} > {entered.role.name}  {entered.reason.name}"
        self.say(life.slot, "r", f"{words}  epoch {entered.epoch}")
        super().role_entered(life, entered)

    def answered(self, life: Life, answer: Answer) -> None:
        super().answered(life, answer)
        self.say(life.slot, "a", f"{'done' if answer.is_done else 'not done'} {answer.body}")

    def recorded(self, life: Life, record: EventCell) -> None:
        self.say(life.slot, "c", f"{record.key} {record.kind}: {record.text}")
        super().recorded(life, record)

    def reset(self, by_slot: int, slot: int) -> None:
        self.say(slot, "!", f"held in reset by slot {by_slot}")
        super().reset(by_slot, slot)
