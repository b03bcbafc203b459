"""The composition root: one module's service, put together from its configuration.

The only place that names devices. It builds, starts and takes apart; it decides nothing. Order
matters and is this: whatever may be refused (a bad configuration, a taken socket or image) is
found before a line is driven; the node starts last; at the end lines fall before anything closes.
Called by `bmcha.cli`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from bmcha import __version__
from bmcha.config import Config, check_own_slot, load_config
from bmcha.config.key_file import read_key_file
from bmcha.config.table import ConfigError, ConfigProblem
from bmcha.diag.log import Level, open_log
from bmcha.diag.service_manager import ServiceWatchdog, notify_service_manager
from bmcha.hal.arp_ping import ArpPing
from bmcha.hal.board_lines import WiredLines
from bmcha.hal.ethernet_link import EthernetLink
from bmcha.hal.file_watchdog import NoWatchdog
from bmcha.hal.hwmon import HwmonFans, HwmonSensors
from bmcha.hal.icmp_ping import IcmpPing
from bmcha.hal.linux_watchdog import LinuxWatchdog, open_watchdog
from bmcha.hal.mac import check_of, open_mac
from bmcha.hal.port import Link, PortError, WatchdogPort
from bmcha.hal.realtime import become_realtime
from bmcha.hal.serial_link import SerialLink
from bmcha.hal.shm_region import ShmRegion
from bmcha.hal.sqlite_store import SqliteStore
from bmcha.hal.udp_link import UdpLink
from bmcha.model.event import StoreFailed, WatchdogHasReset
from bmcha.model.key import NO_KEYS, KeySet
from bmcha.model.moment import NS_PER_MS
from bmcha.model.restart import Restart
from bmcha.model.settings import PathKind, PathSettings, Via
from bmcha.node import Node
from bmcha.runtime.audience import Audience
from bmcha.runtime.black_box import BlackBox
from bmcha.runtime.clerk import Clerk
from bmcha.runtime.control_server import ControlServer
from bmcha.runtime.control_socket import SocketTaken, listen
from bmcha.runtime.effect_runner import EffectRunner, Outlets, PathOutlet
from bmcha.runtime.engine import Engine, EngineDrafts, EngineEchoes, Engines
from bmcha.runtime.fan_worker import FanDesk, fan_workers
from bmcha.runtime.image_writer import ImageWriter
from bmcha.runtime.key_desk import KeyDesk
from bmcha.runtime.lines_worker import LinesWorker
from bmcha.runtime.mailbox import Mailbox
from bmcha.runtime.node_loop import NodeLoop
from bmcha.runtime.opinion_worker import OpinionWorker
from bmcha.runtime.out_queue import OutQueue
from bmcha.runtime.pairing_desk import PairingDesk
from bmcha.runtime.path_reports import PathReports
from bmcha.runtime.path_worker import PathWorker
from bmcha.runtime.pid_file import pid_file
from bmcha.runtime.pulse_settings import pulse_settings
from bmcha.runtime.reloader import Reloader
from bmcha.runtime.sensor_worker import sensor_workers
from bmcha.runtime.service_facts import Reporter
from bmcha.runtime.store_worker import Loaded, StoreWorker
from bmcha.runtime.supervisor import EXIT_DONE, Hooks, Supervisor
from bmcha.runtime.watchdogs import Watchdogs
from bmcha.runtime.worker import Worker
from bmcha.wire.socket_filter import frame_filter
from bmcha.wire.tables import LAYOUT_ID

FIRMWARE_LEVEL: Final = 1
"""Grows with every release; modules tell it each other, so that status can show a skew."""
STORE_WAIT_S: Final = 2.0
"""A store that does not answer by then must not keep a chassis without its module."""

clock = time.monotonic_ns


class CannotRun(Exception):
    """The service cannot be started here and now, or could not go on; the text says why."""


def run_service(config_file: str) -> int:
    """One module's service, until it ends; the exit code. Raises ConfigError and CannotRun."""
    config = _load(config_file)
    try:
        with contextlib.ExitStack() as closing:
            return _Service(config, closing).run()
    except (PortError, SocketTaken) as error:
        raise CannotRun(str(error)) from error
    except OSError as error:
        raise CannotRun(_os_sentence(error)) from error


def _load(config_file: str) -> Config:
    return load_config(
        config_file, version=__version__, firmware_level=FIRMWARE_LEVEL, layout_id=LAYOUT_ID
    )


class _Service:
    """Opens what the service needs; ``closing`` closes it again, last opened first."""

    def __init__(self, config: Config, closing: contextlib.ExitStack) -> None:
        service, realtime = config.service, config.service.realtime
        self._keys = KeyDesk(lambda: _keys(service.key_file), _keys(service.key_file))
        config = replace(config, node=replace(config.node, keys=self._keys.in_use.view))
        self._config = config
        wanted = realtime.cpus, realtime.is_memory_locked, realtime.priority
        self._refusals = become_realtime(*wanted)  # before the first thread, which stays as it is
        self._lines = WiredLines(service.lines, config.node.succession)
        closing.callback(self._lines.close)
        self._own_slot, self._slot_fault = self._read_slot()
        listener = listen(service.control_socket)
        closing.callback(listener.close)
        image = ShmRegion(service.image_name)
        closing.callback(image.close, is_unlinked=True)
        closing.enter_context(pid_file(service.pid_file))
        log = service.log
        self._log = open_log(
            service.log_file, log.stderr, log.level, log.file_bytes_max, faulthandler.enable
        )
        closing.callback(self._log.close)
        self._watchdog = self._open_watchdog()
        closing.callback(self._close_watchdog, is_disarmed=True)
        self._boot_id = int.from_bytes(os.urandom(4), "little") or 1
        self._mailbox = Mailbox()
        self._drafts = EngineDrafts()
        self._queues = {path.name: OutQueue() for path in config.node.paths}
        self._path_reports = PathReports(
            self._mailbox.post, clock, self._log.say, lambda *heard: self._pairing.hear(*heard)
        )
        self._paths = self._path_workers()
        self._path_reports.watch(list(self._paths.values()))
        self._store = StoreWorker(lambda: SqliteStore(service.state_dir), self._mailbox.post, clock)
        self._clerk = Clerk(clock, self._log.say)
        self._box = BlackBox(config, self._own_slot, self._boot_id, clock, self._log.say)
        self._control = ControlServer(
            listener,
            service.control_socket,
            self._own_slot,
            self._mailbox.post,
            clock,
            {"reload": self._reload_asked, "report": self._report_asked, "pair": self._pair_asked},
        )
        self._pairing = PairingDesk(
            config.node,
            self._own_slot,
            self._keys,
            self._path_outlets(),
            self._control.answered,
            clock,
            self._log.say,
        )
        self._reloader = Reloader(
            config,
            lambda: _load(service.config_file),
            self._keys,
            self._apply,
            self._mailbox.post,
            self._control.answered,
            self._log.say,
            notify_service_manager,
        )
        self._audience = Audience(
            self._control,
            self._log.say,
            notify_service_manager,
            self._own_slot,
            lambda entered: self._box.on_role(self._clerk.ask, entered),
            self._settings_adopted,
        )
        self._image = ImageWriter(image, self._boot_id, self._own_slot, clock)
        chassis, post = config.node.chassis, self._mailbox.post
        self._fans = fan_workers(
            chassis, lambda device: HwmonFans(chassis.hwmon_root, device), post, clock
        )
        self._sensors = sensor_workers(
            chassis, lambda device: HwmonSensors(chassis.hwmon_root, device), post, clock
        )
        self._fan_desk = FanDesk(self._fans)
        self._all_workers = self._workers()
        self._reporter = Reporter(
            lambda: self._reloader.config,
            lambda: [self._store, *self._all_workers],
            self._mailbox,
            self._box,
            lambda: self._log.fault,
            self._control.answered,
        )

    def run(self) -> int:
        log = self._log.say
        log(f"bmcha {__version__} starts, configuration {self._config.service.config_file}")
        if self._slot_fault:
            log(self._slot_fault, Level.ERROR)
        for refusal in self._refusals:
            log(refusal, Level.WARNING)
        self._tell_watchdog()
        supervisor = Supervisor(self._lines, log, self._mailbox.post, self._hooks())
        supervisor.start(self._store)
        loaded = self._store.wait_loaded(STORE_WAIT_S)
        # Late: whoever stops a service that waits for its disk has not made it crash.
        node = self._node(loaded, self._box.begin_life())
        engines = [path.engine for path in self._paths.values()]
        went_on = Engines(engines, node.paths_to_trust).beats_went_on
        post = self._mailbox.post
        runner = EffectRunner(
            self._outlets(), lambda: node.output_gap_limit_ns, post, clock, went_on
        )
        tick_ms = self._config.node.timers.tick_ms
        listen_to = self._audience.event_happened
        recorder = self._box.recorder
        loop = NodeLoop(node, self._mailbox, runner, tick_ms, clock, listen_to, recorder, went_on)
        code = supervisor.run(loop, self._all_workers, self._on_ready)
        # A watchdog that nobody feeds any more must fire, unless the service ended in order.
        self._close_watchdog(is_disarmed=code == EXIT_DONE)
        log(f"bmcha ended with exit {code}")
        if supervisor.failure:
            # The log has all of it; whoever started the service sees the sentence.
            raise CannotRun(supervisor.failure)
        self._box.ended()
        return code

    def _hooks(self) -> Hooks:
        return Hooks(
            before_lowering=self._fan_desk.leave,
            on_stopping=lambda: notify_service_manager("STOPPING=1"),
            on_failure=self._box.failed,
            on_hard_end=self._log.close,
            on_hangup=lambda: self._ask_reload(None, "SIGHUP", False),
        )

    def _reload_asked(self, request_id: int, params: Mapping[str, Any]) -> bool:
        return self._ask_reload(request_id, "control", params["force"])

    def _ask_reload(self, request_id: int | None, asked_by: str, is_forced: bool) -> bool:
        return self._clerk.ask(lambda: self._reloader.reload(request_id, asked_by, is_forced))

    def _settings_adopted(self, number: int) -> None:
        self._reloader.adopted(number)
        self._clerk.ask(self._reloader.catch_up)

    def _report_asked(self, request_id: int, _params: Mapping[str, Any]) -> bool:
        return self._clerk.ask(lambda: self._reporter.report(request_id))

    def _pair_asked(self, request_id: int, params: Mapping[str, Any]) -> bool:
        return self._clerk.ask(lambda: self._pairing.asked(request_id, params))

    def _apply(self, config: Config) -> None:
        """What of a configuration that was read again is not the node's."""
        self._log.level = config.service.log.level
        self._log.set_file_bytes_max(config.service.log.file_bytes_max)

    def _open_watchdog(self) -> WatchdogPort:
        service, watchdog_ms = self._config.service, self._config.node.watchdog_ms
        if service.watchdog_file is None or watchdog_ms is None:
            return NoWatchdog()
        return open_watchdog(service.watchdog_file, watchdog_ms, service.watchdog_pretimeout_ms)

    def _close_watchdog(self, is_disarmed: bool) -> None:
        """Disarmed when the service ends in order or never began; else it must fire."""
        try:
            self._watchdog.close(is_disarmed)
        except PortError as error:
            self._log.say(str(error), Level.ERROR)

    def _tell_watchdog(self) -> None:
        if not isinstance(self._watchdog, LinuxWatchdog):
            return
        is_calm = self._watchdog.is_stoppable
        self._log.say(self._watchdog.description, Level.INFO if is_calm else Level.WARNING)
        if self._watchdog.has_reset:
            self._mailbox.post(WatchdogHasReset(self._watchdog.identity))

    def _read_slot(self) -> tuple[int | None, str]:
        """The own slot, or None and why. Without a slot the node runs on, in FAULT and silent."""
        try:
            own_slot = self._lines.read_slot()
        except PortError as error:
            return None, str(error)
        check_own_slot(self._config, own_slot)
        return own_slot, ""

    def _path_workers(self) -> dict[str, PathWorker]:
        """None without a slot: a frame that cannot say who speaks is not sent."""
        own_slot = self._own_slot
        if own_slot is None:
            return {}
        node = self._config.node
        echoes = {peer: EngineEchoes() for peer in node.succession.peers_of(own_slot)}
        workers = {}
        for path in node.paths:
            link = _link(path)
            engine = Engine(
                pulse_settings(node, path, own_slot, self._boot_id),
                self._drafts,
                echoes[path.peer_slot],
                self._queues[path.name],
                link,
                self._path_reports.fd,
                clock,
                self._log.say,
                self._config.service.realtime.priority or 0,
                self._keys.board,
            )
            workers[path.name] = PathWorker(engine, link, clock, self._log.say)
        return workers

    def _workers(self) -> list[Worker]:
        """All threads but the store's, which runs already."""
        return [
            *self._paths.values(),
            self._path_reports,
            *self._opinion_workers(),
            LinesWorker(self._lines, self._mailbox.post, clock, self._own_slot),
            *self._sensors,
            *self._fans,
            self._control,
            self._clerk,
        ]

    def _opinion_workers(self) -> list[Worker]:
        node = self._config.node
        asked = node.third_opinion
        if asked is None:
            return []
        addresses, log = asked.asked(node.paths), self._log.say
        ping = ArpPing(addresses, asked.interface) if asked.via is Via.ARP else IcmpPing(addresses)
        return [OpinionWorker(ping, addresses, asked, self._mailbox.post, clock, log)]

    def _outlets(self) -> Outlets:
        return Outlets(
            drafts=self._drafts,
            paths=self._path_outlets(),
            store=self._store,
            lines=self._lines,
            watchdog=Watchdogs(self._watchdog, ServiceWatchdog()),
            fans=self._fan_desk,
            image=self._image,
            audience=self._audience,
        )

    def _path_outlets(self) -> dict[str, PathOutlet]:
        return {
            name: PathOutlet(queue, self._paths[name].wake if name in self._paths else _nobody)
            for name, queue in self._queues.items()
        }

    def _node(self, loaded: Loaded, restart: Restart) -> Node:
        if loaded.why:
            self._mailbox.post(StoreFailed("state at the start", loaded.why))
        who = self._config.node, self._own_slot, self._boot_id
        wall_ms = time.time_ns() // NS_PER_MS
        node = Node(*who, loaded.epoch, loaded.records, wall_ms, clock(), restart)
        self._box.watch(node, loaded.epoch)
        return node

    def _on_ready(self) -> None:
        notify_service_manager("READY=1")


def _keys(file: str | None) -> KeySet:
    """What stands in the key file now. Raises ConfigError."""
    if file is None:
        return NO_KEYS
    try:
        return read_key_file(file, _check_of)
    except PortError as error:
        remedy = "install it, or take the file away"
        raise ConfigError([ConfigProblem(file, "keys", str(error), "libsodium", remedy)]) from error


def _check_of(secret: bytes) -> int:
    """Who has no keys needs no library."""
    open_mac()
    return check_of(secret)


def _nobody() -> None:
    """Nobody sends on this path: the own slot is not known."""


def _link(path: PathSettings) -> Link:
    match path.kind:
        case PathKind.UDP:
            return UdpLink(path.local, path.remote, frame_filter())
        case PathKind.SERIAL:
            return SerialLink(path.device, path.line)
        case PathKind.ETHERNET:
            return EthernetLink(path.interface, path.remote_mac)


def _os_sentence(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
