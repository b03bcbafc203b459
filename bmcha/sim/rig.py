"""Puts a virtual chassis together and takes it apart: directory, guardian, wires, modules.

It decides nothing that happens in between; who uses it talks to the chassis and the modules over
their sockets, as anybody could. Rules: the guardian is there before anything that it must clean
up; nothing of another living rig is touched. Called by `bmcha.sim.entry` and by tests.
"""

from __future__ import annotations

import os
import tempfile
import threading
import traceback
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from bmcha.model.record import dataclass
from bmcha.sim.board_plan import BoardPlan, board_vocabulary, read_plan
from bmcha.sim.chassis import Chassis
from bmcha.sim.claim import RigRefused, claim_names
from bmcha.sim.deeds import Deeds
from bmcha.sim.estate import Guardian
from bmcha.sim.layout import SLOTS, RigLayout
from bmcha.sim.mirror_check import MirrorCheck
from bmcha.sim.module_config import CHASSIS_ID, write_config, write_keys
from bmcha.sim.modules import Module, ModuleCommand, run_command
from bmcha.sim.rpc import RpcClient
from bmcha.sim.wires import Wire, make_wires

__all__ = ["SLOTS", "Rig", "RigOptions", "RigRefused"]

WAIT_S = 1.0
END_WAIT_S = 20.0
"""Two modules that end only by SIGKILL, and some."""


@dataclass(frozen=True, slots=True)
class RigOptions:
    board: str
    root: Path | None = None
    """None: a temporary directory that is removed at the end."""
    is_respawning: bool = False
    seed: int | None = None
    """Of everything random, as loss and noise are. None: one is drawn."""
    command: ModuleCommand = run_command
    policy: tuple[tuple[str, str], ...] = ()
    """Keys of every module's [policy], with their values as in TOML."""


class Rig:
    """A running virtual chassis, modules not yet started: a context manager."""

    def __init__(self, options: RigOptions) -> None:
        self._options = options
        self._stack = ExitStack()
        self._failure: BaseException | None = None
        self._has_ended = threading.Event()

    def __enter__(self) -> Rig:
        try:
            self._set_up()
        except OSError as error:
            self._stack.close()
            raise RigRefused(f"the virtual chassis cannot be set up: {error}") from error
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def failure(self) -> BaseException | None:
        """What ended the chassis's thread, if anything did. It is a defect of the simulator."""
        return self._failure

    def start(self, slots: tuple[int, ...] = SLOTS) -> int:
        """Powers the chassis on with modules in these slots. Returns t = 0 in nanoseconds."""
        return self.chassis.call(lambda: self._deeds.start_all(slots))

    def wait(self) -> None:
        """As long as the chassis lives; it ends by itself only through a defect."""
        # Not Thread.join: interrupted by a signal's exception it takes the thread for ended
        # (Python 3.11), and what the chassis works with would be closed under its hands.
        while not self._has_ended.wait(WAIT_S):
            continue

    def client(self) -> RpcClient:
        """A connection to the chassis, like anybody's."""
        return RpcClient(self.layout.chassis_socket)

    def freeze_journal(self) -> None:
        """What comes from now on is not judged any more."""
        self.chassis.call(self.chassis.journal.close)

    # ------------------------------------------------------------ how

    def _set_up(self) -> None:
        self.layout = self._choose_dir()
        claim = claim_names(self.layout)
        self._stack.callback(claim.close)
        # Before anything that would have to be cleaned up, so that it is the last to go.
        guardian = Guardian(claim.fileno())
        self._stack.callback(guardian.close)
        self._make_dir(guardian)
        self._make_module_dirs(guardian)
        seed = self._options.seed
        self.seed = int.from_bytes(os.urandom(4)) if seed is None else seed
        wires = make_wires(SLOTS, self.seed)
        for wire in wires:
            self._stack.callback(wire.close)
        plans = self._write_configs(wires)
        self.known = board_vocabulary(self._options.board)
        modules = {
            slot: Module(self.layout, slot, guardian, self._options.command) for slot in SLOTS
        }
        self.mirror_check = MirrorCheck(self.layout)
        self.chassis = Chassis(
            self.layout, plans, modules, wires, self.mirror_check.take_gate_opening
        )
        self.chassis.seed = self.seed
        self._stack.callback(self.chassis.close)
        self._deeds = Deeds(self.chassis, self.known, self._configure, self._options.is_respawning)
        self._thread = threading.Thread(target=self._run_chassis, name="chassis", daemon=True)
        self._thread.start()
        self._stack.callback(self._end_chassis)

    def _run_chassis(self) -> None:
        try:
            self.chassis.run()
        except BaseException as error:
            self._failure = error
            traceback.print_exc()
            self.chassis.abandon()
        finally:
            self._has_ended.set()

    def _end_chassis(self) -> None:
        if self._failure is None:
            self.chassis.post(self._deeds.shut_down)
        if not self._has_ended.wait(END_WAIT_S):
            raise RuntimeError(f"the chassis did not end within {END_WAIT_S:g} s")
        self._thread.join()

    def _choose_dir(self) -> RigLayout:
        """A name only: nothing is made yet."""
        root = self._options.root
        if root is None:
            root = Path(tempfile.gettempdir()) / f"bmcha-sim-{os.urandom(6).hex()}"
        layout = RigLayout(Path(os.path.abspath(root)), SLOTS)
        complaint = layout.complaint()
        if complaint is not None:
            raise RigRefused(complaint)
        return layout

    def _make_dir(self, guardian: Guardian) -> None:
        root = self.layout.root
        try:
            if self._options.root is None:
                guardian.watch_dir(root)
                root.mkdir(mode=0o700)
            else:
                root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RigRefused(f"--dir {root}: {error.strerror}") from None

    def _make_module_dirs(self, guardian: Guardian) -> None:
        layout = self.layout
        try:
            layout.chassis.mkdir(exist_ok=True)
            guardian.watch_file(layout.chassis_socket)
            for slot in SLOTS:
                (layout.module(slot) / "store").mkdir(parents=True, exist_ok=True)
                (layout.module(slot) / "shm").write_text(layout.shm_name(slot) + "\n")
                guardian.watch_shm(layout.shm_name(slot))
                guardian.watch_file(layout.module_socket(slot))
                guardian.watch_file(layout.pid_file(slot))
        except OSError as error:
            raise RigRefused(f"{error.filename}: {error.strerror}") from None

    def _configure(self, slot: int, chassis_id: int | None) -> None:
        """In the chassis thread: the module that is put there now belongs to that chassis."""
        chassis = self.chassis
        chassis.foreign.pop(slot, None)
        if chassis_id is not None and chassis_id != CHASSIS_ID:
            chassis.foreign[slot] = chassis_id
        wires = list(chassis.wires.values())
        self._write_config(slot, wires, chassis_id or CHASSIS_ID)

    def _write_configs(self, wires: list[Wire]) -> dict[int, BoardPlan]:
        write_keys(self.layout)
        for slot in SLOTS:
            self._write_config(slot, wires, CHASSIS_ID)
        return {slot: read_plan(self.layout, slot) for slot in SLOTS}

    def _write_config(self, slot: int, wires: list[Wire], chassis_id: int) -> None:
        options = self._options
        write_config(self.layout, slot, options.board, wires, chassis_id, options.policy)
