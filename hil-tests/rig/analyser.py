"""What a network analyser at the cable tells: when each slot sent its heartbeats.

Layout of a datagram's frame: docs/protocol.md; bare in UDP over IPv4 without options.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rig.wires import Seen

IPV4 = b"\x08\x00"
UDP = 17
PAYLOAD = 14 + 20 + 8
"""Behind the Ethernet, IPv4 and UDP headers."""
HEARTBEAT = 1


def is_heartbeat(frame: bytes) -> bool:
    is_udp = frame[12:14] == IPV4 and len(frame) > PAYLOAD + 1 and frame[23] == UDP
    return is_udp and frame[PAYLOAD + 1] == HEARTBEAT


def gaps_ms(seen: Sequence[Seen], slot: int) -> list[float]:
    """Between each heartbeat of ``slot`` and the next, the shortest first."""
    at_s = [each.at_s for each in seen if each.slot == slot and is_heartbeat(each.frame)]
    return sorted(1000 * (later - earlier) for earlier, later in pairwise(at_s))
