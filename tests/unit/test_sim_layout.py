"""Sockets with long names, and when a name is there."""

import socket
from pathlib import Path

import pytest

from bmcha.sim import layout


def test_a_name_that_is_there_is_listened_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "control.sock"
    seen: list[bool] = []

    class Watched(socket.socket):
        def listen(self, backlog: int = 16, /) -> None:
            seen.append(path.exists())
            super().listen(backlog)

    with monkeypatch.context() as patched:
        patched.setattr(socket, "socket", Watched)
        listener = layout.listen_at(path)
    assert seen == [False]
    layout.connect_to(path, 5).close()
    listener.close()
    # What a dead one has left is in nobody's way, and nothing else stays.
    layout.listen_at(path).close()
    assert [each.name for each in tmp_path.iterdir()] == ["control.sock"]
