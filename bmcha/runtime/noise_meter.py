"""Says when what comes over a path and is no frame is more than a path may have.

Sans-I/O: fed with a count that only grows, once a summary. Slow to say so and slower to take it
back, so that one burst raises no alarm and a noisy line raises one. Used by `Pulse`.
"""

from __future__ import annotations

from collections import deque

from bmcha.model.moment import NS_PER_S

WINDOW_NS = 2 * NS_PER_S
"""A burst shorter than this may reach the limit only if it is that much louder."""
STREAM_BYTES_PER_S = 200
"""Two damaged beats a second. A peer at another baud rate comes as 400 and more."""
DATAGRAMS_PER_S = 20
"""Nobody but the peer can send any, and the kernel has checked each."""
QUIET_FRACTION = 4
"""Below a quarter of the limit it counts as over."""
QUIET_NS = 5 * NS_PER_S


class NoiseMeter:
    """``limit_per_s``: from there on it is noise."""

    def __init__(self, limit_per_s: int) -> None:
        self._limit_per_s = limit_per_s
        self._samples: deque[tuple[int, int]] = deque()
        self._loud_ns: int | None = None
        self.per_s = 0
        self.is_noisy = False

    def sample(self, count: int, now_ns: int) -> None:
        """``count``: bytes or datagrams since the start."""
        samples = self._samples
        samples.append((now_ns, count))
        while len(samples) > 2 and now_ns - samples[1][0] >= WINDOW_NS:
            samples.popleft()
        then_ns, before = samples[0]
        # Divided by the whole window at least: two samples close together tell no rate.
        self.per_s = (count - before) * NS_PER_S // max(WINDOW_NS, now_ns - then_ns)
        if self.per_s * QUIET_FRACTION >= self._limit_per_s:
            self._loud_ns = now_ns
        if self.per_s >= self._limit_per_s:
            self.is_noisy = True
        elif self._loud_ns is not None and now_ns - self._loud_ns >= QUIET_NS:
            self.is_noisy = False
