"""Runs the tests that lay cables, in a network that is gone with them. No root is needed."""

import re
import sys
import tempfile

from tests.ports.namespaces import in_namespace, needs_namespaces


def test_all_that_lay_cables_pass() -> None:
    needs_namespaces()
    words = [sys.executable, "-m", "pytest", "-q", "-m", "own_network"]
    # A folder of its own: two pytests that clear away the same old ones trip over each other. A
    # short name, because sockets lie in it.
    with tempfile.TemporaryDirectory(prefix="net-") as folder:
        words += [f"--basetemp={folder}/t", "tests/ports", "tests/process"]
        done = in_namespace("ip link set lo up", words)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    told = re.search(r"^(\d+) passed", done.stdout, re.MULTILINE)
    assert told and int(told[1]) > 20, done.stdout
