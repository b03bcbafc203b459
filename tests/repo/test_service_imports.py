"""What a running service has no use for is not in its memory: it runs where memory is short."""

import subprocess
import sys

from tests.repo.tree import ROOT

NEVER = {
    "construct": "declares the wire format; C and tables are generated from it",
    "bmcha.check": "a command's",
    "bmcha.diag.bundle": "a command's",
    "bmcha.diag.replay": "reads on a desk what the service has written",
    "bmcha.sim": "a command's",
    "bmcha.view": "a command's",
    "asyncio": "the service has threads",
    "difflib": "guesses what a mistake meant",
    "email": "nothing here sends mail; importlib.metadata and http bring it",
    "http": "nothing here speaks it",
    "ipaddress": "the kernel's own functions tell addresses apart",
    "logging": "the log is bmcha.diag.log",
    "lzma": "comes with shutil, which argparse asks for the terminal's width",
    "pathlib": "names of files are text in the service",
    "shutil": "as lzma",
    "stringprep": "names of hosts in other scripts; paths have numeric addresses",
    "subprocess": "the service starts nothing",
    "urllib": "comes with pathlib",
}
"""Module → why the service does not need it."""
PARSED = """
import sys
from bmcha.cli.parser import build_parser
build_parser(["run", "--config", "c"]).parse_args(["run", "--config", "c"])
import bmcha.app
from bmcha.hal.udp_link import UdpLink
UdpLink(("127.0.0.1", 0), ("127.0.0.1", 9), None).close()
print(*sys.modules)
"""


def test_a_service_imports_nothing_that_it_has_no_use_for() -> None:
    # -S: what a virtual environment's .pth files import is not ours.
    found = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path = {sys.path!r}\n{PARSED}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 0, found.stderr
    imported = set(found.stdout.split())
    assert "bmcha.runtime.supervisor" in imported
    assert {name: why for name, why in NEVER.items() if name in imported} == {}
