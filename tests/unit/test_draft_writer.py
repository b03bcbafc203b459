"""Every beat's word: what makes it urgent, and the revision that orders the words of one life."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bmcha.ha.draft_writer import DraftWriter
from bmcha.ha.revision import REVISION_SPAN, is_older
from bmcha.model.message import Progress
from bmcha.model.role import Reason, Role
from tests.speech import draft

SAID = draft(Role.STANDBY, Reason.PEER_IS_ACTIVE)


def test_the_first_word_is_urgent() -> None:
    made = DraftWriter().publish(SAID)
    assert made.is_urgent and made.draft == replace(SAID, revision=1)


def test_the_same_word_again_is_neither_urgent_nor_newer() -> None:
    writer = DraftWriter()
    first = writer.publish(SAID)
    again = writer.publish(SAID)
    assert not again.is_urgent and again.draft == first.draft


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 9},
        {"role": Role.FENCING},
        {"reason": Reason.ISOLATED},
        {"is_holding": True},
        {"is_released": True},
        {"will_claim_on_silence": True},
    ],
)
def test_what_decides_roles_must_be_heard_at_once(change: dict[str, object]) -> None:
    writer = DraftWriter()
    before = writer.publish(SAID).draft
    made = writer.publish(replace(SAID, **change))  # type: ignore[arg-type]
    assert made.is_urgent and is_older(before.revision, made.draft.revision)


@pytest.mark.parametrize(
    "change",
    [
        {"health": 50},
        {"mirror_sequence": 7},
        {"progress": Progress(1, 2, 3)},
        {"echo_boot_id": 5},
        {"revision": 77},
    ],
)
def test_everything_else_waits_for_the_next_beat(change: dict[str, object]) -> None:
    writer = DraftWriter()
    writer.publish(SAID)
    made = writer.publish(replace(SAID, **change))  # type: ignore[arg-type]
    assert not made.is_urgent and made.draft.revision == 1


def test_the_revision_wraps_and_stays_newer() -> None:
    writer = DraftWriter()
    writer.revision = REVISION_SPAN - 1
    made = writer.publish(SAID)
    assert made.draft.revision == 0 and is_older(REVISION_SPAN - 1, 0)
