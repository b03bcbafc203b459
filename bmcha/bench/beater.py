"""One end of a path with the service's own beat engine, and next to nothing else: a process of
`bmcha bench`.

    python -m bmcha.bench.beater '{"local": ["127.0.0.1", 4000], "remote": …, "slot": 1, …}'

Beats for so long as it was told, then prints one line of JSON: what it sent and heard, how often
Python was woken, and what processor time the engine's thread took.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from typing import Any

from bmcha.hal.udp_link import UdpLink
from bmcha.model.event import Event, PathSummarised
from bmcha.model.message import HeartbeatDraft, Progress
from bmcha.model.moment import NS_PER_MS
from bmcha.model.role import Reason, Role
from bmcha.runtime.engine import Engine, EngineDrafts, EngineEchoes
from bmcha.runtime.out_queue import OutQueue
from bmcha.runtime.path_reports import PathReports
from bmcha.runtime.path_worker import PathWorker
from bmcha.runtime.pulse_settings import EchoLimits, PulseSettings

PUBLISH_S = 0.025
"""As the node does, at every tick."""
SETTLE_S = 0.5
"""Until both ends know each other; what comes then is no news."""
BOOT_IDS = {1: 1001, 2: 1002}


def draft(slot: int) -> HeartbeatDraft:
    return HeartbeatDraft(
        revision=1,
        epoch=1,
        role=Role.STANDBY,
        reason=Reason.PEER_IS_ACTIVE,
        is_holding=False,
        is_released=False,
        will_claim_on_silence=True,
        health=100,
        echo_boot_id=BOOT_IDS[3 - slot],
        mirror_sequence=0,
        settings_sequence=0,
        progress=Progress(0, 0, 0),
        firmware_level=0,
    )


class Beater:
    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        slot, interval_ms = told["slot"], told["interval_ms"]
        self._drafts = EngineDrafts()
        self._summary: PathSummarised | None = None
        self.reports = PathReports(self._heard, time.monotonic_ns, _say)
        link = UdpLink(tuple(told["local"]), tuple(told["remote"]))
        # So late that no pause of a busy machine makes news of its own.
        limits = (EchoLimits(60_000 * NS_PER_MS, 60_000 * NS_PER_MS),)
        settings = PulseSettings(
            path="bench",
            chassis_id=4711,
            own_slot=slot,
            peer_slot=3 - slot,
            boot_id=BOOT_IDS[slot],
            interval_ms=interval_ms,
            deadtime_ms=3 * interval_ms,
            recovery_beats_min=3,
            stall_limit_ms=10_000,
            echo_index=0,
            echo_limits=limits,
            line_bytes_per_s=None,
        )
        engine = Engine(
            *(settings, self._drafts, EngineEchoes(), OutQueue(), link, self.reports.fd),
            *(time.monotonic_ns, _say, told["priority"]),
        )
        self._worker = PathWorker(engine, link, time.monotonic_ns, _say)
        self.reports.watch([self._worker])
        self._engine_cpu_s = 0.0

    def run(self) -> dict[str, float]:
        self._publish()
        threads = [threading.Thread(target=each) for each in (self._turn, self.reports.run)]
        for _ in range(self._told["busy_threads"]):
            threading.Thread(target=_burn, daemon=True).start()
        for thread in threads:
            thread.start()
        self._live(SETTLE_S)
        wakes_count, begun_s = self.reports.wakes_count, time.monotonic()
        self._live(self._told["seconds"])
        wakes_count, lasted_s = self.reports.wakes_count - wakes_count, time.monotonic() - begun_s
        self._worker.stop()
        self.reports.stop()
        for thread in threads:
            thread.join()
        counts = self._summary.counts if self._summary else None
        return {
            "wakes_per_s": wakes_count / lasted_s,
            "engine_cpu_percent": 100 * self._engine_cpu_s / (lasted_s + SETTLE_S),
            "sent": counts.tx_count if counts else 0,
            "heard": counts.rx_count if counts else 0,
        }

    def _turn(self) -> None:
        self._worker.run()
        used = resource.getrusage(resource.RUSAGE_THREAD)
        self._engine_cpu_s = used.ru_utime + used.ru_stime

    def _live(self, span_s: float) -> None:
        end_s = time.monotonic() + span_s
        while time.monotonic() < end_s:
            self._publish()
            time.sleep(PUBLISH_S)

    def _publish(self) -> None:
        self._drafts.publish(draft(self._told["slot"]), False, time.monotonic_ns())

    def _heard(self, event: Event) -> bool:
        if isinstance(event, PathSummarised):
            self._summary = event
        return True


def _burn() -> None:
    while True:
        pass


def _say(text: str, *_: object) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    print(json.dumps(Beater(json.loads(sys.argv[1])).run()))
