"""Writes ``DIR/mmN/config.toml``: what this slot's ``bmcha run --config`` is given.

Nothing in it is special to the simulator but the files that it names. Called by `bmcha.sim.rig`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from bmcha.config import shipped_schema
from bmcha.config.key_file import write_key_file
from bmcha.hal.mac import check_of, open_mac
from bmcha.hal.port import PortError
from bmcha.model.key import KEY_BYTES, Key, KeySet, KeyState
from bmcha.sim.board_plan import BOARD_FILES
from bmcha.sim.layout import RigLayout
from bmcha.sim.wires import Wire

CHASSIS_ID = 4711
HEARTBEAT_INTERVAL_MS = 100
WARNTIME_MS = 500
DEADTIME_MS = 1500
RESET_PULSE_MS = 500
"""Long enough to be in the middle of one, as real reset circuits are."""
KEY_FILE = "keys"
POLICY = {"isolation_policy": '"trust-silence"'}

_HEAD = """\
# Module {slot} of a virtual chassis, made by `bmcha sim`: written anew at each start.
board = "{board}"
hw_root = "hw"
state_dir = "{store}"
control_socket = "control.sock"
key_file = "{keys}"
image_name = "{image}"

[chassis]
id = {chassis_id}
succession = [{succession}]

[policy]
# Only asked where no line tells about the other module: silence on every path means dead.
{policy}
[timers]
# Only used on a board that has a reset line to the other module.
reset_pulse_ms = {pulse}

# Dead times of 1500 ms: here every byte passes through the virtual chassis, which is in Python and
# which a busy machine may hold up for several hundred milliseconds. On a board 500 are enough.
"""

_PATH = """
[[paths]]
name = "{name}"
kind = "{kind}"
peer = {peer}
{medium}
heartbeat_interval_ms = {interval}
warntime_ms = {warn}
deadtime_ms = {dead}
"""


def write_config(
    layout: RigLayout,
    slot: int,
    board: str,
    wires: Sequence[Wire],
    chassis_id: int = CHASSIS_ID,
    policy: Sequence[tuple[str, str]] = (),
) -> None:
    """The file is replaced at once, never seen half written. A module of another chassis brings
    its own store."""
    peer = next(other for other in layout.slots if other != slot)
    schema = shipped_schema("module")
    text = f"#:schema {schema}\n\n" if schema is not None else ""
    text += _HEAD.format(
        slot=slot,
        board=BOARD_FILES[board],
        image=layout.shm_name(slot),
        chassis_id=chassis_id,
        pulse=RESET_PULSE_MS,
        store="store" if chassis_id == CHASSIS_ID else f"store-{chassis_id}",
        keys=KEY_FILE,
        succession=", ".join(str(each) for each in layout.slots),
        policy="".join(f"{key} = {value}\n" for key, value in (POLICY | dict(policy)).items()),
    )
    for wire in wires:
        text += _PATH.format(
            name=wire.name,
            kind=wire.kind,
            peer=peer,
            medium=_medium(wire, slot),
            interval=HEARTBEAT_INTERVAL_MS,
            warn=WARNTIME_MS,
            dead=DEADTIME_MS,
        )
    draft = layout.config(slot).with_suffix(".new")
    draft.write_text(text)
    draft.replace(layout.config(slot))


def write_keys(layout: RigLayout) -> None:
    """The same new key for all modules. Without libsodium there is none, and their alarms say so:
    a demonstration must run on any machine."""
    try:
        open_mac()
    except PortError:
        return
    secret = os.urandom(KEY_BYTES)
    keys = KeySet((Key(1, KeyState.SEND, secret, check_of(secret)),), accepts_unsigned=False)
    for slot in layout.slots:
        write_key_file(str(layout.module(slot) / KEY_FILE), keys)


def _medium(wire: Wire, slot: int) -> str:
    end = wire.end(slot)
    if end.device:
        return f'device = "{end.device}"\nbaud = 115200'
    local, remote = (f"{host}:{port}" for host, port in (end.local, end.remote))
    return f'local = "{local}"\nremote = "{remote}"'
