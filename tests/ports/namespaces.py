"""Network namespaces for tests: a network of one's own, made and gone with one process.

An ordinary user gets one inside a user namespace; root gets one too. Where the machine gives none
the test says so. Nothing of the machine's own network is touched.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests import needs

REPOSITORY = Path(__file__).parents[2]
UNSHARE = ("unshare", "--user", "--map-root-user", "--net")
END_S = 60


def needs_namespaces() -> None:
    needs.program("ip", package="iproute2")
    unshare = needs.program("unshare", package="util-linux")
    tried = subprocess.run([unshare, *UNSHARE[1:], "true"], capture_output=True, check=False)
    allow = "sysctl -w kernel.unprivileged_userns_clone=1, or a container that may unshare"
    needs.that(tried.returncode == 0, "a user namespace with a network", allow)


def in_namespace(setup: str, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """``words`` in a network of their own, after the shell's ``setup`` there."""
    script = f'set -e; {setup}; exec "$@"'
    return subprocess.run(
        [*UNSHARE, "sh", "-c", script, "sh", *words],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=END_S,
        check=False,
    )
