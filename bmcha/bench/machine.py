"""What the figures of `bmcha bench` were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from bmcha import __version__


def machine() -> dict[str, str]:
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    return {
        "bmcha": __version__,
        "processor": f"{len(os.sched_getaffinity(0))} × {_processor()}",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_version()}, {platform.python_compiler()}",
        "load before": load,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
