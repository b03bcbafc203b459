"""Where the keys of a module are, for `bmcha key`: which file, whose, and which service goes by it.

Knows files and the service's answer, and no deed.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from bmcha.cli.commands import SOCKET_DEFAULT
from bmcha.model.record import dataclass

if TYPE_CHECKING:
    from bmcha.control_client import ControlClient
    from bmcha.model.key import KeySet

CONFIG_DEFAULT = "/etc/bmcha/config.toml"
OLD_KEYS = "The service goes by the old keys; mend that, then `bmcha reload`."


@dataclass(frozen=True, slots=True)
class Place:
    """``owner``: the user whose file a new one shall be; None: not known."""

    file: str
    socket: str
    owner: int | None = None

    def read(self) -> KeySet:
        """After `open_mac`. Raises ConfigError."""
        from bmcha.config.key_file import read_key_file
        from bmcha.hal.mac import check_of

        return read_key_file(self.file, check_of, is_owner_free=os.geteuid() == 0)

    def write(self, keys: KeySet) -> None:
        from bmcha.config.key_file import write_key_file

        write_key_file(self.file, keys, self.owner)

    def doubts(self) -> list[str]:
        """As root a file may be written that the service may not read."""
        is_roots = os.stat(self.file).st_uid == 0
        if os.geteuid() == 0 and is_roots and self.owner is None:
            return [f"It is root's. If the service runs as another user: chown USER {self.file}"]
        return []

    def asked(self) -> tuple[Any, str]:
        """(The service's word about keys, why there is none). None and "": it knows no keys."""
        from bmcha.control_client import ControlClient, NoService, Refused

        try:
            with ControlClient(self.socket) as client:
                body = client.call("status")
        except (NoService, Refused) as error:
            return None, str(error)
        told = body.get("keys") if isinstance(body, dict) else None
        return (told if isinstance(told, dict) else None), ""


def place_of(args: argparse.Namespace) -> Place:
    """By --file, or by the configuration. Raises ConfigError."""
    if args.file is not None:
        return Place(args.file, args.socket)
    from bmcha.config.module_file import read_config
    from bmcha.config.table import ConfigError, ConfigProblem

    file = args.config or CONFIG_DEFAULT
    reading = read_config(file, version="", firmware_level=0, layout_id=0)
    wrong = [each for each in reading.problems if (each.file, each.key) == (file, "key_file")]
    if wrong:
        raise ConfigError(wrong)
    service = reading.config.service
    if service.key_file is None:
        remedy = 'add key_file = "keys.toml" above the first [table], and restart the service'
        allowed = "the name of a file for the keys"
        raise ConfigError([ConfigProblem(file, "key_file", "missing", allowed, remedy)])
    # The module's own, unless somebody said otherwise.
    socket = service.control_socket if args.socket == SOCKET_DEFAULT else args.socket
    return Place(service.key_file, socket, _user_of(service.state_dir))


def read_by_service(client: ControlClient) -> tuple[dict[str, Any], int]:
    """The service reads what was written, as by `bmcha reload`: its answer, and an exit code."""
    from bmcha.cli.exit_codes import EXIT_DONE
    from bmcha.cli.reload import reloaded

    answer, code = reloaded(client, is_forced=False)
    # Of a sound configuration what else needs a restart does not keep the keys from being read.
    others = [each["key"] for each in answer.get("needs_restart", ())]
    if "changed" in answer and "key_file" not in others:
        code = EXIT_DONE
    return answer, code


def _user_of(state_dir: str) -> int | None:
    """Who the service runs as: its state is its own."""
    try:
        return os.stat(state_dir).st_uid
    except OSError:
        return None
