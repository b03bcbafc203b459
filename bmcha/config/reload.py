"""What a configuration that was read again changes in one that is in use, and what it cannot.

Pure: two checked configurations in, a third one and a list of changes out. `CHANGEABLE` is the
whole truth about what may change while the service runs; everything else, a key of tomorrow too,
needs a restart. Rule: one entry (a path, a sensor, the timers) changes whole or not at all, because
its keys were checked against each other. Why each key stands where it does:
docs/adr/0009-reload.md. Called by `bmcha.runtime.reloader`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, Final

from bmcha.config.module_file import Config
from bmcha.config.table import shown
from bmcha.model.event import SettingChange
from bmcha.model.key import Key, KeySet
from bmcha.model.record import dataclass

CHANGEABLE: Final[Mapping[str, frozenset[str]]] = {
    "timers": frozenset(
        {
            *("lone_start_ms", "probe_ms", "claim_window_ms", "rank_delay_ms", "line_settle_ms"),
            *("unverified_takeover_ms", "store_deadline_ms", "drain_deadline_ms"),
            *("handover_deadline_ms", "hold_off_ms", "reset_pulse_ms", "lease_margin_ms"),
        }
    ),
    "paths": frozenset({"warntime_ms", "jeopardy_deadtime_ms"}),
    "sensors": frozenset({"low_milli", "high_milli", "hysteresis_milli", "jump_milli_max"}),
    "fans": frozenset({"pwm_min", "rpm_min"}),
    "zones": frozenset({"curve", "hysteresis_milli", "pwm_step_max"}),
    "chassis": frozenset({"sensor_stale_ms"}),
    "policy": frozenset(
        {
            *("isolation_policy", "lone", "failovers_max", "failovers_window_s"),
            *("health_switchover_margin", "health_switchover_hold_s"),
            *("failback", "preferred_slot", "failback_hold_off_s"),
        }
    ),
    "log": frozenset({"level", "file_bytes_max"}),
}
"""By table, or by list of tables: the keys that change at once."""

VALUE_CHARS_MAX: Final = 250
RESTART: Final = "needs a restart"

_KEYS: Final = {
    "peer_slot": "peer",
    "is_active_low": "active_low",
    "is_memory_locked": "lock_memory",
    "chassis_id": "chassis.id",
    "succession": "chassis.succession",
    "board_class": "class",
    "board_file": "board",
    "board_name": "name",
    "watchdog_file": "watchdog.file",
    "watchdog_pretimeout_ms": "watchdog.pretimeout_ms",
}
"""Where a key has another name in the file than in the settings."""
_OF_BOARD: Final = frozenset(
    {"class", "watchdog_ms", "watchdog.file", "watchdog.pretimeout_ms", "lines", "name"}
)
_NOT_FROM_FILES: Final = frozenset(
    {"firmware_level", "version", "layout_id", "has_presence", "has_health", "has_active"}
)
_LISTS: Final = ("sensors", "fans", "zones", "supplies", "blades")
_GROUPS_OF_NODE: Final = (
    *("timers", "paths", "chassis", "moves", "keys"),
    *("isolation_policy", "is_lone_start_allowed"),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``config``: the old one with what can change."""

    config: Config
    changes: tuple[SettingChange, ...]

    @property
    def applied(self) -> tuple[SettingChange, ...]:
        return tuple(change for change in self.changes if not change.refusal)

    @property
    def refused(self) -> tuple[SettingChange, ...]:
        return tuple(change for change in self.changes if change.refusal)


def compare(old: Config, new: Config) -> Comparison:
    """Order of the changes: as the settings stand, those of the service last."""
    found = _Found(old.service.config_file, old.service.board_file)
    node, service = old.node, old.service
    chassis = node.chassis
    timers = found.table("timers", node.timers, new.node.timers, found.config_file)
    paths = found.tables("paths", node.paths, new.node.paths, found.config_file)
    lists = {
        name: found.tables(name, getattr(chassis, name), getattr(new.node.chassis, name))
        for name in _LISTS
    }
    chassis = replace(found.chassis(chassis, new.node.chassis), **lists)
    policy = found.policy(old, new)
    log = found.table("log", service.log, new.service.log, found.config_file)
    found.fixed(node, new.node, _GROUPS_OF_NODE)
    found.fixed(service, new.service, ("log",))
    config = Config(
        replace(node, timers=timers, paths=paths, chassis=chassis, **policy),
        replace(service, log=log),
    )
    return Comparison(config, tuple(found.changes))


def key_changes(file: str, old: KeySet, new: KeySet) -> tuple[SettingChange, ...]:
    """What the key file says otherwise than what is in use. All of it can change, and a secret is
    told by its check alone. That the service has another key *file* is for `compare`."""
    ids = dict.fromkeys(key.id for key in (*old.keys, *new.keys))
    told = [
        (f"keys, id {each}", _key_shown(old.of(each)), _key_shown(new.of(each))) for each in ids
    ]
    told.append(("accept_unsigned", _shown(old.accepts_unsigned), _shown(new.accepts_unsigned)))
    before, after = ([key.id for key in keys.keys] for keys in (old, new))
    if sorted(before) == sorted(after):
        # The last one is the newest.
        told.append(("keys, their order", shown(before), shown(after)))
    return tuple(SettingChange(file, *each) for each in told if each[1] != each[2])


class _Found:
    """Collects the changes while it goes through."""

    def __init__(self, config_file: str, board_file: str) -> None:
        self.config_file = config_file
        self.board_file = board_file
        self.changes: list[SettingChange] = []

    def table(self, name: str, old: Any, new: Any, file: str, prefix: str | None = None) -> Any:
        """The entry to use from now on: ``new``, or ``old`` if anything in it cannot change."""
        prefix = f"{name}." if prefix is None else prefix
        differing = list(_differences(old, new, ()))
        changeable = CHANGEABLE.get(name, frozenset())
        fixed = [path for path, _, _ in differing if _key(path) not in changeable]
        for path, before, after in differing:
            refusal = ""
            if path in fixed:
                refusal = RESTART
            elif fixed:
                refusal = f"waits for {prefix}{_key(fixed[0])}, which {RESTART}"
            self._note(file, prefix + _key(path), before, after, refusal)
        return old if fixed else new

    def tables(
        self, name: str, old: Sequence[Any], new: Sequence[Any], file: str = ""
    ) -> tuple[Any, ...]:
        """Entries are known by their place: it is their number in the image and on the wire."""
        file = file or self.board_file
        if len(old) != len(new):
            self._note(file, name, f"{len(old)} entries", f"{len(new)} entries", RESTART)
            return tuple(old)
        return tuple(
            self.table(name, before, after, file, f"{name}[{number}].")
            for number, (before, after) in enumerate(zip(old, new, strict=True))
        )

    def chassis(self, old: Any, new: Any) -> Any:
        """The board's own keys of the chassis, beside its lists."""
        lists = {name: getattr(old, name) for name in _LISTS}
        return self.table("chassis", old, replace(new, **lists), self.board_file, "")

    def policy(self, old: Config, new: Config) -> dict[str, Any]:
        for key, name in (
            ("isolation_policy", "isolation_policy"),
            ("lone", "is_lone_start_allowed"),
        ):
            before, after = getattr(old.node, name), getattr(new.node, name)
            if before != after:
                self._note(self.config_file, f"policy.{key}", before, after, "")
        return {
            "isolation_policy": new.node.isolation_policy,
            "is_lone_start_allowed": new.node.is_lone_start_allowed,
            "moves": self.table("policy", old.node.moves, new.node.moves, self.config_file),
        }

    def fixed(self, old: Any, new: Any, without: Sequence[str]) -> None:
        """What never changes while the service runs."""
        for path, before, after in _differences(old, new, ()):
            top = path[0].partition("[")[0]
            if top in without or top in _NOT_FROM_FILES:
                continue
            key = _key(path)
            is_of_board = key in _OF_BOARD or top in _OF_BOARD
            file = self.board_file if is_of_board else self.config_file
            self._note(file, key, before, after, RESTART)

    def _note(self, file: str, key: str, old: Any, new: Any, refusal: str) -> None:
        self.changes.append(SettingChange(file, key, _shown(old), _shown(new), refusal))


Difference = tuple[tuple[str, ...], Any, Any]


def _differences(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[Difference]:
    """Down to the first value that is no record, or not the same kind of record, in both."""
    if old == new:
        return
    if is_dataclass(old) and type(old) is type(new):
        for each in fields(old):
            here = (*path, each.name)
            yield from _differences(getattr(old, each.name), getattr(new, each.name), here)
    elif _are_records(old) and _are_records(new) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            here = (*path[:-1], f"{path[-1]}[{number}]")
            yield from _differences(before, after, here)
    else:
        yield path, old, new


def _key_shown(key: Key | None) -> str:
    return "missing" if key is None else f"{key.state.value}, check {key.check:08x}"


def _are_records(value: Any) -> bool:
    return isinstance(value, tuple) and any(is_dataclass(item) for item in value)


def _key(path: Sequence[str]) -> str:
    if path[0] == "succession":
        return _KEYS["succession"]
    return ".".join(_KEYS.get(name, name) for name in path)


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, Enum):
        # The log's levels are numbers, the file has their names.
        return shown(value.value if isinstance(value.value, str) else value.name.lower())
    if is_dataclass(value):
        items = {each.name: getattr(value, each.name) for each in fields(value)}
        return "{ " + ", ".join(f"{name} = {_shown(item)}" for name, item in items.items()) + " }"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if not isinstance(value, str):
        return shown(value)
    # Longer than in a problem: of two long file names it is the end that differs.
    return value if value.endswith(" entries") else f'"{value[-VALUE_CHARS_MAX:]}"'
