"""Reads the configuration again and gives the node what can change; docs/adr/0009-reload.md.

A file with any problem changes nothing and is told; the service runs on. What the node is offered
is in use when it has adopted it: it may refuse (docs/adr/0018-isolated-active.md). Runs in the
clerk's thread, which alone writes what is in use (`config`), but for `adopted`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from bmcha.config import Config, ConfigError
from bmcha.config.reload import Comparison, compare, key_changes
from bmcha.diag.log import Level
from bmcha.model.effect import Answer
from bmcha.model.event import SettingsReloaded
from bmcha.runtime.key_desk import KeyDesk
from bmcha.runtime.worker import Post, Say


class Reloader:
    """``read`` raises ConfigError; ``apply`` takes what is the shell's own: the log's settings."""

    def __init__(
        self,
        config: Config,
        read: Callable[[], Config],
        keys: KeyDesk,
        apply: Callable[[Config], None],
        post: Post,
        answer: Callable[[Answer], None],
        log: Say,
        notify: Callable[[str], None],
    ) -> None:
        self.config = config
        self._read = read
        self._keys = keys
        self._apply = apply
        self._post = post
        self._answer = answer
        self._log = log
        self._notify = notify
        self._offered: tuple[int, Comparison] | None = None
        self._offers_count = 0
        self._adopted_number = 0

    def reload(self, request_id: int | None, asked_by: str, is_forced: bool) -> None:
        """Answers ``request_id`` (None: nobody waits), at once or by the node."""
        self.catch_up()
        file = self.config.service.config_file
        self._log(f"{asked_by} asks to read {file} again", Level.NOTICE)
        # sd_notify(3): the manager compares this time with that of its own request.
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._reload(request_id, asked_by, is_forced)
        except ConfigError as error:
            self._refuse(request_id, file, error)
        finally:
            self._notify("READY=1")

    def adopted(self, number: int) -> None:
        """From the node's thread: it goes by what it was offered as ``number``."""
        self._adopted_number = number

    def catch_up(self) -> None:
        """What the node has adopted is in use from now on, and what the next is compared with."""
        if self._offered is None or self._offered[0] != self._adopted_number:
            return
        _, found = self._offered
        self._offered = None
        self.config = found.config
        self._apply(found.config)
        self._keys.adopt()
        for change in found.changes:
            self._log(f"{change}", Level.WARNING if change.refusal else Level.NOTICE)
        if not found.changes:
            self._log("nothing stands otherwise than it is in use", Level.NOTICE)

    def _reload(self, request_id: int | None, asked_by: str, is_forced: bool) -> None:
        found = self._compare()
        self._offers_count += 1
        self._offered = self._offers_count, found
        node = found.config.node
        if not self._post(
            SettingsReloaded(
                request_id, asked_by, node, found.changes, self._offers_count, is_forced
            )
        ):
            text = "the node has more to do than it can; nothing was changed, try again"
            self._log(text, Level.WARNING)
            self._tell(request_id, {"text": text, "problems": []})

    def _compare(self) -> Comparison:
        """With what stands in the configuration and in the key file; the node is told of keys what
        may be told."""
        found = compare(self.config, self._read())
        file, in_use = self.config.service.key_file, self._keys.in_use
        if file is None:
            return found
        keys = self._keys.offer()
        node = replace(found.config.node, keys=keys.view)
        changes = (*found.changes, *key_changes(file, in_use, keys))
        return Comparison(replace(found.config, node=node), changes)

    def _refuse(self, request_id: int | None, file: str, error: ConfigError) -> None:
        for problem in error.problems:
            self._log(str(problem), Level.WARNING)
        count = len(error.problems)
        text = f"{file} has {count} problem{'s' if count > 1 else ''}; nothing was changed"
        self._log(text, Level.WARNING)
        problems = [
            {
                "file": problem.file,
                "key": problem.key,
                "value": problem.value,
                "allowed": problem.allowed,
                "text": str(problem),
            }
            for problem in error.problems
        ]
        self._tell(request_id, {"text": text, "problems": problems})

    def _tell(self, request_id: int | None, body: dict[str, object]) -> None:
        if request_id is not None:
            self._answer(Answer(request_id, False, body))
