"""The machine as the checks see it: files, who has them open, addresses. Looks and never touches.

Knows Linux's /sys, /proc and netlink; judges nothing. Rules: no call blocks, whatever a name stands
for; what cannot be found out (another user's processes, a /proc that is not there) is left out and
never an error. The roots can be other trees, for tests. What has to open a device to know it is
`bmcha.check.serial_probe`.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import socket
import stat
import struct
from collections.abc import Iterator
from typing import Final

from bmcha.model.record import dataclass

TEXT_BYTES_MAX: Final = 4096
PROCESSES_MAX: Final = 20_000
FILES_A_PROCESS_MAX: Final = 4096

_KINDS: Final = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
MISSING: Final = "missing"
CHARACTER_DEVICE: Final = "a character device"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a file open."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.command} (process {self.pid})"


@dataclass(frozen=True, slots=True)
class FileSystem:
    kind: str
    mount_point: str
    is_read_only: bool


class Machine:
    """This machine, or for tests one whose /sys and /proc are other folders."""

    def __init__(self, sys_root: str = "/sys", proc_root: str = "/proc") -> None:
        self.sys_root = sys_root
        self.proc_root = proc_root

    # ------------------------------------------------------------ files

    def kind_of(self, file: str) -> str:
        """`MISSING`, "a file", "a folder", ... or why it cannot be told."""
        try:
            return _KINDS.get(stat.S_IFMT(os.stat(file).st_mode), "something else")
        except (FileNotFoundError, NotADirectoryError):
            return MISSING
        except OSError as error:
            return f"unreachable ({error.strerror})"
        except ValueError:
            return MISSING

    def may(self, file: str, mode: int) -> bool:
        """``mode``: os.R_OK, os.W_OK, os.X_OK together, for the user that runs the check."""
        try:
            return os.access(file, mode, effective_ids=os.access in os.supports_effective_ids)
        except (OSError, ValueError):
            return False

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(os.listdir(folder))
        except OSError:
            return []

    def text(self, file: str) -> str:
        """The beginning of a small file, without blanks around it; "" if it cannot be read."""
        try:
            fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
            try:
                return os.read(fd, TEXT_BYTES_MAX).decode(errors="replace").strip()
            finally:
                os.close(fd)
        except (OSError, ValueError):
            return ""

    def real(self, file: str) -> str:
        return os.path.realpath(file)

    def device_number(self, file: str) -> str:
        """As sysfs writes it, "major:minor"; "" for what is no device."""
        try:
            found = os.stat(file)
        except (OSError, ValueError):
            return ""
        if not stat.S_ISCHR(found.st_mode):
            return ""
        return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"

    def group_of(self, file: str) -> str:
        try:
            return grp.getgrgid(os.stat(file).st_gid).gr_name
        except (OSError, KeyError):
            return ""

    def user(self) -> str:
        try:
            return pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:
            return str(os.geteuid())

    def file_system(self, file: str) -> FileSystem | None:
        """Of the file, or of the nearest folder above it that is there."""
        place = self.nearest(file)
        best: FileSystem | None = None
        try:
            with open(f"{self.proc_root}/self/mountinfo", encoding="utf-8", errors="replace") as f:
                lines = f.readlines()
        except OSError:
            return None
        for line in lines:
            before, _, after = line.partition(" - ")
            fields, kinds = before.split(), after.split()
            if len(fields) < 6 or not kinds:
                continue
            point = fields[4].replace("\\040", " ")
            is_above = place == point or place.startswith(point.rstrip("/") + "/")
            # The last of several mounts on one point is the one that is seen.
            if is_above and (best is None or len(point) >= len(best.mount_point)):
                best = FileSystem(kinds[0], point, "ro" in fields[5].split(","))
        return best

    def nearest(self, file: str) -> str:
        """The file, or the nearest folder above it that is there."""
        place = os.path.realpath(file)
        while place != "/" and self.kind_of(place) == MISSING:
            place = os.path.dirname(place)
        return place

    # ------------------------------------------------------------ processes

    def holders(self, file: str) -> list[Holder]:
        """Who has this device or file open; of other users' processes only root learns."""
        try:
            wanted = _identity(os.stat(file))
        except (OSError, ValueError):
            return []
        found = []
        pids = [int(name) for name in self.names(self.proc_root) if name.isdigit()]
        for pid in sorted(pids)[:PROCESSES_MAX]:
            if pid != os.getpid() and wanted in self._open_files(pid):
                found.append(Holder(pid, self.command(pid)))
        return found

    def command(self, pid: int) -> str:
        return self.text(f"{self.proc_root}/{pid}/comm") or "a process"

    def _open_files(self, pid: int) -> Iterator[tuple[int, ...]]:
        folder = f"{self.proc_root}/{pid}/fd"
        for name in self.names(folder)[:FILES_A_PROCESS_MAX]:
            try:
                yield _identity(os.stat(f"{folder}/{name}"))
            except OSError:
                continue

    def listener(self, path: str) -> int | None:
        """The process that listens on a Unix socket; None: nobody."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
                # Non-blocking: a listener that takes nobody in listens all the same.
                asked.setblocking(False)
                folder_fd = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY)
                try:
                    # The kernel has room for 107 bytes; the folder's descriptor is always short.
                    asked.connect(f"/proc/self/fd/{folder_fd}/{os.path.basename(path)}")
                finally:
                    os.close(folder_fd)
                data = asked.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                return int(struct.unpack("3i", data)[0])
        except BlockingIOError:
            return 0
        except (OSError, ValueError):
            return None

    # ------------------------------------------------------------ addresses

    def bind_error(self, host: str, port: int) -> int:
        """The error number of a datagram socket bound to it for a moment; 0 for none."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            address = socket.getaddrinfo(
                host, port, family, socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
            )[0][4]
            with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as tried:
                tried.bind(address)
        except socket.gaierror:
            return errno.EADDRNOTAVAIL
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def interfaces(self) -> list[str]:
        return self.names(f"{self.sys_root}/class/net")


def _identity(found: os.stat_result) -> tuple[int, ...]:
    if stat.S_ISCHR(found.st_mode):
        return (found.st_rdev,)
    return (found.st_dev, found.st_ino)
