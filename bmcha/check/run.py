"""Puts a check together: reads the files, then looks at the machine for what they name.

Knows which checks there are; each is its own file. Called by the command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from bmcha.check.addresses import addresses
from bmcha.check.ethernet_checks import check_ethernet
from bmcha.check.finding import Finding, from_problems
from bmcha.check.key_checks import NOT_LOOKED_AT, read_keys
from bmcha.check.line_checks import check_hw_root, check_lines, lines_of
from bmcha.check.machine import Machine
from bmcha.check.misplaced import with_better_remedies
from bmcha.check.opinion_checks import check_third_opinion
from bmcha.check.path_checks import check_paths
from bmcha.check.realtime_checks import check_realtime
from bmcha.check.report import Report, near_name
from bmcha.check.right_checks import check_rights
from bmcha.check.sensor_checks import check_sensors
from bmcha.check.serial_checks import check_serial
from bmcha.check.silent_peer import check_fences, silent_peer_rule
from bmcha.check.slot_checks import check_slot, own_slot
from bmcha.check.subject import Subject
from bmcha.check.summary import summary
from bmcha.check.timing import check_timing
from bmcha.check.watchdog_checks import check_watchdog
from bmcha.config.board_file import read_board, read_toml
from bmcha.config.board_tables import read_board_table
from bmcha.config.module_file import read_config
from bmcha.config.outlines import outline
from bmcha.config.table import ConfigError, ConfigProblem, Source, Table
from bmcha.model.board import LineFile
from bmcha.model.record import dataclass

BOARD_ALONE: Final = (
    "A board file alone: paths, timers, the succession and the rights of the service stand in a"
    " module's file and were not looked at."
)
BASE: Final = (
    "It has neither name nor class: if it is a base that boards inherit, check one of those."
)
NO_ROOT: Final = (
    "Relative file names start at hw_root, which stands in a module's file; give --hw-root to have"
    " them looked at."
)
ROOT_UNUSED: Final = "--hw-root was not used: this file says by itself where relative names start."
OFFLINE: Final = "The machine was not looked at (--offline)."


@dataclass(frozen=True, slots=True)
class Options:
    is_offline: bool = False
    hw_root: str | None = None
    """For a board file alone: where its relative names start."""


def check_file(file: str, options: Options, machine: Machine | None = None) -> Report:
    """Everything that is wrong with a module's file or a board file."""
    try:
        values = read_toml(file)
    except ConfigError as error:
        return _unreadable(file, error)
    kind = kind_of(values)
    problems: tuple[ConfigProblem, ...]
    try:
        if kind == "module":
            subject, problems = _module_subject(file)
        else:
            subject, problems = _board_subject(file, options.hw_root)
    except ConfigError as error:
        return _unreadable(file, error)
    findings = with_better_remedies(from_problems(problems), kind)
    slot, keys = None, NOT_LOOKED_AT
    if not options.is_offline:
        slot, on_machine = _device_findings(subject, machine or Machine())
        # It is made on the module, and on no workstation.
        keys = read_keys(subject)
        findings += [*on_machine, *keys.findings]
    findings += check_timing(subject)
    findings += check_fences(subject)
    return Report(
        file=file,
        kind=kind,
        title=_title(subject, kind, file, options, machine or Machine()),
        problems=_unique(each for each in findings if not each.is_advice),
        advice=_unique(each for each in findings if each.is_advice),
        rule=silent_peer_rule(subject),
        rows=[] if problems else summary(subject, slot, keys.keys),
        notes=list(_notes(subject, kind, options)),
    )


def kind_of(values: Mapping[str, Any]) -> str:
    """ "module" or "board": whose keys are more; a module's file in doubt."""
    counts = {kind: sum(key in outline(kind) for key in values) for kind in ("module", "board")}
    return "board" if counts["board"] > counts["module"] else "module"


def _module_subject(file: str) -> tuple[Subject, tuple[ConfigProblem, ...]]:
    reading = read_config(file, version="", firmware_level=0, layout_id=0)
    subject = Subject(
        board=reading.board,
        board_source=reading.board_source,
        wrong_keys=frozenset((each.file, each.key) for each in reading.problems),
        module_file=file,
        node=reading.config.node,
        service=reading.config.service,
    )
    return subject, reading.problems


def _board_subject(file: str, hw_root: str | None) -> tuple[Subject, tuple[ConfigProblem, ...]]:
    values, origins = read_board(file)
    problems: list[ConfigProblem] = []
    source = Source(file, origins, os.path.abspath(hw_root) if hw_root is not None else "")
    board = read_board_table(Table(values, source, problems))
    wrong = frozenset((each.file, each.key) for each in problems)
    return Subject(board, source, wrong), tuple(problems)


def _device_findings(subject: Subject, machine: Machine) -> tuple[int | str | None, list[Finding]]:
    """What the straps say (see `own_slot`), and all that is wrong."""
    pid = machine.listener(subject.service.control_socket) if subject.service else None
    root = list(check_hw_root(subject, machine))
    subject = replace(subject, is_hw_root_missing=bool(root))
    lines = list(check_lines(subject, machine, pid))
    # Straps that cannot be read are told by then.
    has_bad_straps = any(each.key.startswith("straps") for each in lines)
    slot = None if has_bad_straps else own_slot(subject)
    known = addresses()
    return slot, [
        *root,
        *lines,
        *check_slot(subject, slot),
        *check_watchdog(subject, machine, pid),
        *check_sensors(subject, machine),
        *check_serial(subject, machine, pid),
        *check_ethernet(subject, machine, pid),
        *check_paths(subject, machine, known, pid),
        *check_third_opinion(subject, machine, known),
        *check_rights(subject, machine, pid),
        *check_realtime(subject),
    ]


def _title(subject: Subject, kind: str, file: str, options: Options, machine: Machine) -> str:
    parts = [near_name(file)]
    if kind == "module" and subject.service is not None:
        parts.append(f"board {near_name(subject.service.board_file)}")
    if not options.is_offline:
        parts.append(f"looked at as user {machine.user()}")
    return " · ".join(parts)


def _notes(subject: Subject, kind: str, options: Options) -> Iterator[str]:
    if kind == "module" and options.hw_root is not None:
        yield ROOT_UNUSED
    if kind == "board":
        yield BOARD_ALONE
        wrong = {key for _, key in subject.wrong_keys}
        if {"name", "class"} <= wrong:
            yield BASE
        if options.hw_root is None and not options.is_offline and _has_relative_names(subject):
            yield NO_ROOT
    if options.is_offline:
        yield OFFLINE


def _has_relative_names(subject: Subject) -> bool:
    board = subject.board
    names = [line.file for _, line, _ in lines_of(board.lines) if isinstance(line, LineFile)]
    names += [sensor.file for sensor in board.chassis.sensors]
    names += [each for fan in board.chassis.fans for each in (fan.rpm_file, fan.pwm_file)]
    names += [board.watchdog_file or "", board.chassis.hwmon_root]
    return any(name and not os.path.isabs(name) for name in names)


def _unique(findings: Iterator[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))


def _unreadable(file: str, error: ConfigError) -> Report:
    return Report(
        file=file,
        kind="unreadable",
        title=near_name(file),
        problems=from_problems(error.problems),
        advice=(),
        rule=None,
        rows=(),
        notes=(),
    )
