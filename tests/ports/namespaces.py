"""Network namespaces for tests: a network of one's own, made and gone with one process.

An ordinary user gets one inside a user namespace; root gets one too. Where the machine gives none
the test says so. Nothing of the machine's own network is touched.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests import needs

REPOSITORY = Path(__file__).parents[2]
WAYS = (("unshare", "--user", "--map-root-user", "--net"), ("unshare", "--net"))
"""A container may forbid its root the first and allow the second."""
END_S = 120
IN_OWN_NETWORK = "BMCHA_IN_OWN_NETWORK"
"""Set where a test runs in a network of its own, and may lay cables there."""


@cache
def way() -> tuple[str, ...] | None:
    """The first that this machine allows."""
    for words in WAYS:
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
            return words
    return None


def needs_namespaces() -> None:
    needs.program("ip", package="iproute2")
    needs.program("unshare", package="util-linux")
    allow = "sysctl -w kernel.unprivileged_userns_clone=1, or a container that may unshare"
    needs.that(way() is not None, "a namespace with a network of its own", allow)


def in_namespace(setup: str, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """``words`` in a network of their own, after the shell's ``setup`` there."""
    script = f'set -e; {setup}; exec "$@"'
    return subprocess.run(
        [*(way() or WAYS[0]), "sh", "-c", script, "sh", *words],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), IN_OWN_NETWORK: "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=END_S,
        check=False,
    )
