"""The rivals by name."""

from __future__ import annotations

from typing import Final

from bmcha.bench.bird import BirdPair
from bmcha.bench.keepalived import KeepalivedPair
from bmcha.bench.rival import Rival

RIVALS: Final = {
    "keepalived": Rival("keepalived", "keepalived", KeepalivedPair),
    "bird": Rival("bird", "bird2", BirdPair),
}
