"""Judges what is mirrored: the STANDBY's image and the chassis log.

The image of a module is what its node asked to be written, cell by cell. A STANDBY's must equal
the holder's as it was at the sequence that the STANDBY says; a record must never be told twice by
one life, and what the holder has must be at the STANDBY once the mirror has caught up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bmcha.chassis.picture import Key, key_of
from bmcha.model.effect import WriteImage
from bmcha.model.reading import AlarmCell, EventCell, ImageCell
from bmcha.model.role import Role
from bmcha.node import Node
from tests.world import World
from tests.world.life import Life

SEQUENCES_KEPT = 400

Image = dict[Key, ImageCell]


class PictureJudge:
    def __init__(self, blame: Callable[[str, str], None]) -> None:
        self._blame = blame
        self._images: dict[int, Image] = {}
        self._states: dict[int, dict[int, Image]] = {}
        self._holders: dict[int, Life] = {}
        self._told: dict[int, set[tuple[int, int, int]]] = {1: set(), 2: set()}
        """By the present life of each slot."""
        self.compared_count = 0

    def watch(self, world: World) -> None:
        self._world = world

    def booted(self, life: Life) -> None:
        self._images[life.slot] = {}
        self._states[life.boot_id] = {}
        self._told[life.slot] = {record.key for record in life.node.chassis.log.tail()}

    def holds(self, life: Life, epoch: int) -> None:
        self._holders[epoch] = life

    # ---- the image

    def image_written(self, life: Life, effect: WriteImage) -> None:
        image = {} if effect.is_whole else self._images[life.slot]
        image = {**image, **{key_of(cell): _bare(cell) for cell in effect.cells}}
        self._images[life.slot] = image
        if life.node.chassis.is_holding:
            self._holders[effect.epoch] = life
            states = self._states[life.boot_id]
            states[effect.sequence] = image
            if len(states) > SEQUENCES_KEPT:
                del states[next(iter(states))]
        else:
            self._compare(life, effect, image)

    def _compare(self, life: Life, effect: WriteImage, image: Image) -> None:
        holder = self._holders.get(effect.epoch)
        if holder is None or holder is life:
            return
        states = self._states[holder.boot_id]
        known = [sequence for sequence in states if sequence <= effect.sequence]
        if not known:
            return
        self.compared_count += 1
        theirs = states[max(known)]
        if _shown(image) != _shown(theirs):
            keys = image.keys() | theirs.keys()
            differing = [str(key) for key in keys if image.get(key) != theirs.get(key)]
            text = f"slot {life.slot} at sequence {effect.sequence}: {', '.join(differing)}"
            self._blame("mixture", text)

    # ---- the log

    def recorded(self, life: Life, record: EventCell) -> None:
        told = self._told[life.slot]
        if record.key in told:
            self._blame("doubled-event", f"slot {life.slot} tells {record.key} twice")
        told.add(record.key)

    def look_at_rest(self) -> None:
        for module in self._world.modules.values():
            if module.role is not Role.ACTIVE or module.node is None:
                continue
            if not has_mirrored(module.node):
                self._blame("not-mirrored", f"slot {module.slot} is at rest, its mirror is not")
                continue
            other = self._world.modules[3 - module.slot]
            theirs = {record.key for record in other.events}
            lost = [r.key for r in module.node.chassis.log.tail() if r.key not in theirs]
            if lost:
                self._blame("lost-event", f"slot {other.slot} never stored {lost[:3]}")


def has_mirrored(node: Node) -> bool:
    """Everything that it has, to its follower."""
    return node.chassis.is_drained and node.chassis.sender.is_synced


def _bare(cell: ImageCell) -> ImageCell:
    """Without its time, which travels as an age."""
    return replace(cell, stamp_ns=0)


def _shown(image: Image) -> Image:
    return {k: c for k, c in image.items() if not isinstance(c, AlarmCell) or c.is_raised}
