"""The durable store: one SQLite file with the epoch and the chassis log.

Knows SQLite and flash; knows no meaning of an epoch. Rules (docs/adr/0004-store.md): what `save_*`
has returned from survives a power cut; the stored epoch never falls; a file that is corrupt is set
aside under a number, never deleted, and a fresh one is begun; every failure is a `PortError`. One
thread at a time, one process at a time. Called by the store thread; made by `bmcha.app`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable
from typing import Final, TypeVar

from bmcha.hal.port import PortError
from bmcha.model.reading import EventCell
from bmcha.model.role import Severity

_T = TypeVar("_T")

FILE_NAME: Final = "bmcha.db"
EVENTS_MAX: Final = 10_000
"""About 1.5 MB: weeks of a troubled chassis, and quick to check at start."""
TRIM_EVERY: Final = 256
"""Records beyond EVENTS_MAX go in lots: a delete for each record would double the flash wear."""
LOCK_WAIT_S: Final = 0.1
SET_ASIDE_MAX: Final = 9999

_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_FILE_MAGIC: Final = b"SQLite format 3\0"
# One process: no second service by mistake, and no shared-memory file beside the store.
_LOCK: Final = "PRAGMA locking_mode = EXCLUSIVE"
_NEW_FILE: Final = (
    # Small pages: a record wears 1.9 kB of flash instead of 4.9 kB.
    "PRAGMA page_size = 1024",
    "PRAGMA journal_mode = WAL",
    "BEGIN IMMEDIATE",
    "CREATE TABLE number (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE event (epoch INTEGER, number INTEGER, slot INTEGER,"
    " severity INTEGER NOT NULL, wall_ms INTEGER NOT NULL, kind TEXT NOT NULL,"
    " text TEXT NOT NULL, PRIMARY KEY (epoch, number, slot)) WITHOUT ROWID",
    "PRAGMA user_version = 1",
    "COMMIT",
)
_EACH_TIME: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 256",
    "PRAGMA journal_size_limit = 1048576",
)
# The columns that this version needs: a newer version may have added others.
_SHAPE: Final = (
    "SELECT name, value FROM number LIMIT 1",
    "SELECT epoch, number, slot, severity, wall_ms, kind, text FROM event LIMIT 1",
)
_SAVE_EVENT: Final = (
    "INSERT OR IGNORE INTO event (epoch, number, slot, severity, wall_ms, kind, text)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_SAVE_EPOCH: Final = (
    "INSERT INTO number (name, value) VALUES ('epoch', ?)"
    " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"
)
_TRIM: Final = (
    "DELETE FROM event WHERE (epoch, number, slot) <= (SELECT epoch, number, slot FROM event"
    " ORDER BY epoch DESC, number DESC, slot DESC LIMIT 1 OFFSET ?)"
)


class SqliteStore:
    """Opens the store in the folder ``state_dir``, which is made if need be. Raises PortError.

    ``set_aside`` names the files that were found corrupt, "" as long as none was.
    """

    def __init__(self, state_dir: str) -> None:
        self._file = os.path.join(state_dir, FILE_NAME)
        self._epoch = 0
        self._saves_since_trim = 0
        self._database: sqlite3.Connection | None = None
        self.set_aside = ""
        try:
            os.makedirs(state_dir, mode=0o750, exist_ok=True)
        except OSError as error:
            raise PortError(f"store {state_dir} cannot be made: {error.strerror}") from error
        self._guarded("opened", lambda: None)

    def load_epoch(self) -> int:
        """0 when none was stored yet."""

        def load() -> int:
            row = self._run("SELECT value FROM number WHERE name = 'epoch'").fetchone()
            return int(row[0]) if row else 0

        self._epoch = max(self._epoch, self._guarded("read", load))
        return self._epoch

    def save_epoch(self, epoch: int) -> None:
        self._epoch = max(self._epoch, epoch)
        self._guarded("written", lambda: self._run(_SAVE_EPOCH, self._epoch))

    def load_events(self, newest_max: int) -> list[EventCell]:
        """The newest records, oldest of them first."""

        def load() -> list[tuple[int, int, int, int, int, str, str]]:
            order = "ORDER BY epoch DESC, number DESC, slot DESC LIMIT ?"
            columns = "epoch, number, slot, severity, wall_ms, kind, text"
            statement = f"SELECT {columns} FROM event {order}"
            return self._run(statement, max(0, newest_max)).fetchall()

        # A severity that only a newer firmware knows is shown as the worst that we know.
        known = {severity.value: severity for severity in Severity}
        return [
            EventCell(epoch, number, slot, known.get(level, Severity.CRITICAL), wall_ms, kind, text)
            for epoch, number, slot, level, wall_ms, kind, text in reversed(
                self._guarded("read", load)
            )
        ]

    def save_event(self, record: EventCell) -> None:
        """A record that is there already is left as it is."""

        def save() -> None:
            values = (*record.key, record.severity.value, record.wall_ms, record.kind, record.text)
            self._run(_SAVE_EVENT, *values)

        self._guarded("written", save)
        self._saves_since_trim += 1
        if self._saves_since_trim >= TRIM_EVERY:
            self._saves_since_trim = 0
            self._guarded("trimmed", lambda: self._run(_TRIM, EVENTS_MAX))

    def close(self) -> None:
        if self._database is not None:
            database, self._database = self._database, None
            with contextlib.suppress(sqlite3.Error):
                database.close()

    # ------------------------------------------------------------ the file

    def _run(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._opened().execute(statement, values)

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = self._open()
        return self._database

    def _open(self) -> sqlite3.Connection:
        if not _may_be_database(self._file):
            # Found by ourselves, because SQLite would remove the log beside it.
            raise _Corrupt("file is not a database")
        database = sqlite3.connect(
            self._file, timeout=LOCK_WAIT_S, isolation_level=None, check_same_thread=False
        )
        try:
            database.execute(_LOCK)
            # Nothing is written before it is known to be a sound store: a file that is set aside
            # is kept as it was found, and a start costs no flash.
            if database.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
                for statement in _NEW_FILE:
                    database.execute(statement)
                _sync_folder(os.path.dirname(self._file))
            verdict = database.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != ("ok",):
                raise _Corrupt(str(verdict))
            for statement in (*_SHAPE, *_EACH_TIME):
                database.execute(statement).fetchall()
        except BaseException:
            database.close()
            raise
        return database

    def _guarded(self, what: str, act: Callable[[], _T]) -> _T:
        """Does it; when the file turns out to be corrupt, once more on a fresh one."""
        try:
            try:
                self._opened()
                return act()
            except sqlite3.DatabaseError as error:
                if not _is_corrupt(error):
                    raise
            self.close()
            self._set_aside()
            if self._epoch:
                self._run(_SAVE_EPOCH, self._epoch)
            return act()
        except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
            is_busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            reason = "another process has it open" if is_busy else str(error)
            hint = f"`fuser {self._file}`" if is_busy else f"`df {os.path.dirname(self._file)}`"
            text = f"store {self._file} cannot be {what}: {reason}; see {hint}"
            raise PortError(text) from error

    def _set_aside(self) -> None:
        """Also the log beside the file: SQLite must not play it into the fresh one."""
        for number in range(1, SET_ASIDE_MAX + 1):
            kept = f"{self._file}.corrupt-{number}"
            if not os.path.lexists(kept):
                break
        else:
            raise OSError(f"{SET_ASIDE_MAX} corrupt files are there already")
        for tail in ("-wal", "-journal", "-shm", ""):
            if os.path.lexists(self._file + tail):
                os.rename(self._file + tail, kept + tail)
        _sync_folder(os.path.dirname(self._file))
        self.set_aside = kept


class _Corrupt(sqlite3.DatabaseError):
    """Found by the check at start."""


def _is_corrupt(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the extended codes add higher bits
    text = str(error)
    is_other_shape = text.startswith(("no such table", "no such column"))
    return isinstance(error, _Corrupt) or code in _CORRUPT or is_other_shape


def _may_be_database(file: str) -> bool:
    """False for a file that is there, not empty, and does not begin as SQLite's do."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        return True
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return True  # SQLite says what is wrong with it; it is not set aside.
        head = os.read(fd, len(_FILE_MAGIC))
    finally:
        os.close(fd)
    return head in (b"", _FILE_MAGIC)


def _sync_folder(folder: str) -> None:
    """So that the names of files made or moved in it survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
