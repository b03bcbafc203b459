"""Checks where the service writes: state, socket, shared memory, log and pid file; and on what.

Called by `bmcha.check.run`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from bmcha.check.finding import Finding
from bmcha.check.machine import MISSING, Machine
from bmcha.check.subject import Subject
from bmcha.config.module_file import ServiceSettings

SHARED_MEMORY: Final = "/dev/shm"
NO_STORE: Final = ("proc", "sysfs", "cgroup2", "devpts")
VOLATILE: Final = ("tmpfs", "ramfs", "rootfs", "devtmpfs")


def check_rights(
    subject: Subject, machine: Machine, service_pid: int | None, shm: str = SHARED_MEMORY
) -> Iterator[Finding]:
    service = subject.service
    if service is None:
        return
    yield from _state_dir(subject, machine, service)
    yield from _image(subject, machine, service, shm)
    for key, file in (
        ("control_socket", service.control_socket),
        ("log_file", service.log_file),
        ("pid_file", service.pid_file),
    ):
        if file and subject.is_sound(subject.module_file, key):
            yield from _in_folder(subject, machine, key, file)
    yield from _socket(subject, machine, service, service_pid)


def _state_dir(subject: Subject, machine: Machine, service: ServiceSettings) -> Iterator[Finding]:
    folder, key = service.state_dir, "state_dir"
    if not folder or not subject.is_sound(subject.module_file, key):
        return
    allowed = "a folder on flash that the service may write"
    kind = machine.kind_of(folder)
    if kind not in (MISSING, "a folder"):
        value = f"{folder}, which is {kind}"
        yield subject.in_module(key, value, allowed, "name a folder")
        return
    system = machine.file_system(folder)
    if system is not None and system.is_read_only:
        value = f"{folder}, on {system.mount_point}, which is mounted read-only"
        remedy = f"mount it for writing: mount -o remount,rw {system.mount_point}"
        yield subject.in_module(key, value, allowed, remedy)
    elif system is not None and system.kind in NO_STORE:
        value = f"{folder}, on {system.mount_point} ({system.kind}), where no files can be made"
        yield subject.in_module(key, value, allowed, "name a folder on flash")
    elif not machine.may(machine.nearest(folder), os.W_OK | os.X_OK):
        verb = "make" if kind == MISSING else "write"
        value = f"{folder}, which {machine.user()} may not {verb}"
        remedy = f"give it to the service: install -d -o {machine.user()} {folder} (as root)"
        yield subject.in_module(key, value, allowed, remedy)
    if system is not None and system.kind in VOLATILE:
        value = f"{folder}, in memory ({system.kind} on {system.mount_point})"
        remedy = "name a folder on flash: after a reboot an old epoch looks new"
        yield subject.in_module(key, value, "a folder that outlasts a reboot", remedy, True)


def _image(
    subject: Subject, machine: Machine, service: ServiceSettings, shm: str
) -> Iterator[Finding]:
    key, name = "image_name", service.image_name
    if not name or not subject.is_sound(subject.module_file, key):
        return
    kind = machine.kind_of(shm)
    if kind != "a folder" or not machine.may(shm, os.W_OK | os.X_OK):
        value = f"{name} in {shm}, which {machine.user()} may not write"
        remedy = f"mount -t tmpfs -o mode=1777 tmpfs {shm}"
        yield subject.in_module(key, value, "shared memory that may be written", remedy)
        return
    file = shm + name
    if machine.kind_of(file) != MISSING and not machine.may(file, os.R_OK | os.W_OK):
        value = f"{name}, which is there and belongs to somebody else"
        remedy = f"see `ls -l {file}`; remove it, or take another name"
        yield subject.in_module(key, value, "a name that is free or our own", remedy)


def _in_folder(subject: Subject, machine: Machine, key: str, file: str) -> Iterator[Finding]:
    folder = os.path.dirname(file)
    user = machine.user()
    kind = machine.kind_of(folder)
    if kind != "a folder":
        what = "which is not there" if kind == MISSING else f"which is {kind}"
        value = f"{file}, in {folder}, {what}"
        remedy = f"make it: install -d -o {user} {folder} (systemd: RuntimeDirectory=bmcha)"
        yield subject.in_module(key, value, "a file in a folder that is there", remedy)
    elif not machine.may(folder, os.W_OK | os.X_OK):
        value = f"{file}, in {folder}, which {user} may not write"
        remedy = f"give it to the service: chown {user} {folder} (as root)"
        yield subject.in_module(key, value, "a file in a folder of the service's own", remedy)
    elif key != "control_socket" and (there := machine.kind_of(file)) not in (MISSING, "a file"):
        yield subject.in_module(key, f"{file}, which is {there}", "a file", "name a file")


def _socket(
    subject: Subject, machine: Machine, service: ServiceSettings, service_pid: int | None
) -> Iterator[Finding]:
    key, file = "control_socket", service.control_socket
    if not file or not subject.is_sound(subject.module_file, key):
        return
    kind = machine.kind_of(file)
    if kind not in (MISSING, "a socket"):
        value = f"{file}, where {kind} stands"
        yield subject.in_module(key, value, "a name that is free", "remove it, or take another")
    elif service_pid and machine.command(service_pid) not in _OURS:
        value = f"{file}, where {machine.command(service_pid)} listens"
        remedy = "end it, or take another name"
        yield subject.in_module(key, value, "a socket that only bmcha listens on", remedy)


_OURS: Final = ("bmcha", "python", "python3")
