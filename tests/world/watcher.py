"""Who watches the small world: told of everything that happens in it. This one is not interested.

The simulator's judge overrides what it needs; nobody who watches may change anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bmcha.model.effect import Answer, Effect, EnterRole, WriteImage
from bmcha.model.event import Event
from bmcha.model.message import Header, Message
from bmcha.model.reading import EventCell

if TYPE_CHECKING:
    from tests.world.life import Interrupt, Life
    from tests.world.module import Module


class Watcher:
    def booted(self, life: Life) -> None: ...

    def died(self, life: Life) -> None: ...

    def stepped(self, life: Life, event: Event, effects: Sequence[Effect]) -> None:
        """The node has decided; of ``effects`` none has been carried out."""

    def halted(self, life: Life, interrupt: Interrupt) -> None:
        """It dies or stands still between two effects."""

    def sent(self, life: Life, path: str, header: Header, message: Message) -> None: ...

    def heard(self, life: Life, path: str, header: Header, message: Message) -> None: ...

    def claimed(self, life: Life, epoch: int) -> None:
        """It asked for the epoch to be stored."""

    def role_entered(self, life: Life, entered: EnterRole) -> None: ...

    def answered(self, life: Life, answer: Answer) -> None: ...

    def recorded(self, life: Life, record: EventCell) -> None: ...

    def image_written(self, life: Life, effect: WriteImage) -> None: ...

    def wrote(self, module: Module, pwm: int, is_open: bool) -> None:
        """A fan, and whether the gate let it through."""

    def lines_changed(self) -> None:
        """A latch, a gate or a power supply is otherwise than before."""

    def reset(self, by_slot: int, slot: int) -> None:
        """One module holds the other in reset."""
