"""Letting go of the chassis on purpose: a switchover, a stop, a release for who hears nothing.

What is asked for is checked (`bmcha.ha.switchover`), the handover made step by step, and whoever
asked is told how it ended, however it ended. Decides no role: `bmcha.ha.role_keeper` calls this
and enters what the rules say.
"""

from __future__ import annotations

from dataclasses import replace

from bmcha.ha import switchover
from bmcha.ha.chassis_word import ChassisWord
from bmcha.ha.flap_limiter import FlapLimiter
from bmcha.ha.peer_view import PeerView
from bmcha.ha.seat import Seat
from bmcha.ha.switchover import Act, Relinquishing
from bmcha.model.effect import DriveLine, EndService, OwnLine, SendMessage
from bmcha.model.event import SwitchoverAsked
from bmcha.model.message import Goodbye, Handover
from bmcha.model.role import Reason, Refusal


class LettingGo:
    """``has_ended``: goodbye was said; nothing is said after it."""

    def __init__(self, seat: Seat, flaps: FlapLimiter) -> None:
        self._seat = seat
        self._flaps = flaps
        self.relinquishing: Relinquishing | None = None
        self.is_stopping = False
        self.has_ended = False

    def refusals(
        self, target: int | None, is_forced: bool, word: ChassisWord, now_ns: int
    ) -> frozenset[Refusal]:
        seat = self._seat
        peer = seat.peers.successor(target)
        slots = seat.settings.succession.slots
        inputs = switchover.inputs_of(
            seat.machine, seat.own_slot, slots, target, peer, word, now_ns
        )
        is_locked_out = self._flaps.is_locked
        inputs = replace(inputs, is_stopping=self.is_stopping, is_locked_out=is_locked_out)
        return switchover.refusals(inputs, is_forced)

    def refuse(self, asked: SwitchoverAsked, found: frozenset[Refusal]) -> None:
        active_slot = self._seat.peers.active_slot()
        self._seat.emit(switchover.refused(asked.request_id, found, active_slot))

    def begin(
        self, reason: Reason, peer: PeerView | None, now_ns: int, request_id: int | None = None
    ) -> None:
        """Before RELINQUISHING is entered."""
        seat = self._seat
        self.relinquishing = switchover.begin(reason, peer, seat.settings, request_id, now_ns)
        seat.own.has_yielded = seat.own.has_yielded or reason in switchover.YIELDS

    def is_take_back_due(self, now_ns: int) -> bool:
        return self.relinquishing is not None and self.relinquishing.is_take_back_due(now_ns)

    def release_if_due(self, word: ChassisWord, now_ns: int) -> bool:
        """True: the outputs fall now, which the peer must hear before anything else."""
        relinquishing = self.relinquishing
        if relinquishing is None or relinquishing.due(word.is_mirror_drained, now_ns) is not (
            Act.RELEASE
        ):
            return False
        relinquishing.released_ns = now_ns
        self._seat.release_outputs()
        return True

    def carry_on(self, word: ChassisWord, revision: int, now_ns: int) -> None:
        """The Handover, again and again; for who stops, in the end the goodbye."""
        relinquishing = self.relinquishing
        if relinquishing is None:
            return
        if relinquishing.due(word.is_mirror_drained, now_ns) is Act.SEND:
            self._send_handover(relinquishing, word, revision)
        if relinquishing.is_goodbye_time(now_ns):
            self.say_goodbye(now_ns)

    def end(self, is_done: bool, now_ns: int) -> None:
        """Whoever asked for the switchover is told how it ended."""
        ended, self.relinquishing = self.relinquishing, None
        if ended is not None and ended.request_id is not None:
            epoch = self._seat.own.seen_epoch
            self._seat.emit(switchover.ended(ended, is_done, epoch, now_ns))

    def say_goodbye(self, now_ns: int) -> None:
        """Release first; nothing is said after it."""
        seat = self._seat
        seat.release_outputs()
        seat.emit(DriveLine(OwnLine.HEALTH, False))
        goodbye = Goodbye(Reason.STOP_ASKED)
        for peer in seat.peers:
            seat.emit(*(SendMessage(m.name, peer.slot, goodbye) for m in peer.monitors))
        self.end(False, now_ns)
        seat.emit(EndService())
        self.has_ended = True

    def _send_handover(
        self, relinquishing: Relinquishing, word: ChassisWord, revision: int
    ) -> None:
        seat, slot = self._seat, relinquishing.target_slot
        peer = seat.peers.get(slot)
        message = Handover(relinquishing.nonce, word.mirror_sequence, revision)
        monitors = peer.usable_paths() if peer is not None else []
        seat.emit(*(SendMessage(m.name, slot, message) for m in monitors))
