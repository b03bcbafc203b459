"""The rig's end of the guardian's pipe; see `bmcha.sim.guardian` for what it does and why.

Started before anything else that a rig makes. Called by `bmcha.sim.rig`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from bmcha.sim import guardian

END_WAIT_S = 15.0
"""Three processes in uninterruptible sleep, at the guardian's own limit each."""


class Guardian:
    """Everything registered here is gone soon after this process has ended, or after `close`."""

    def __init__(self, claim_fd: int) -> None:
        """``claim_fd`` stays open in the guardian too: claimed until everything is clean."""
        self.token = os.urandom(12).hex()
        reader, self._pipe = os.pipe()
        # Blocked signals stay so over exec: none can end it before it ignores them by itself.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, guardian.IGNORED_SIGNALS)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", guardian.__file__],
                stdin=reader,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                pass_fds=[claim_fd],
                start_new_session=True,
            )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(reader)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._lock = threading.Lock()
        self._say("token", self.token)

    @property
    def pid(self) -> int:
        return self._process.pid

    def watch_process(self, pid: int) -> None:
        self._say("pid", str(pid))

    def watch_shm(self, name: str) -> None:
        self._say("shm", name)

    def watch_file(self, path: Path) -> None:
        self._say("file", str(path))

    def watch_dir(self, path: Path) -> None:
        """``path`` and all below will be removed."""
        self._say("dir", str(path))

    def close(self) -> None:
        """Have everything cleaned up, and wait for it."""
        os.close(self._pipe)
        self._process.wait(END_WAIT_S)

    def _say(self, kind: str, what: str) -> None:
        with self._lock:
            os.write(self._pipe, os.fsencode(f"{kind} {what}\n"))
