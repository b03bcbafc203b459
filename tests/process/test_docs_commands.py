"""Every command in README.md and docs/quick-start.md does what the page shows."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.process.docs_walk import ROOT, Step, Walk, shows, steps_of

PAGES = ("README.md", "docs/quick-start.md")
NOT_RUN_MAX = 3
MAKE_DEMO = re.compile(r'make demo(?: SIM="([^"]*)")?')


def steps(page: str) -> list[Step]:
    return list(steps_of(page, (ROOT / page).read_text()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place of a name that no other run has: the shared memory is called after it."""
    chassis = tmp_path / f"chassis-{tmp_path.parent.name}-{tmp_path.name}"
    return chassis


def as_here(step: Step) -> Step:
    """`make demo` without its first half, which is what built the environment of this test."""
    asked = MAKE_DEMO.sub(lambda found: f".venv/bin/bmcha sim {found[1] or ''}", step.command)
    return Step(step.where, asked, step.expected, step.special)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.timeout(400)
def test_a_reader_who_types_every_command_sees_what_the_page_shows(page, folder) -> None:
    with Walk(ROOT, {"/tmp/chassis": str(folder)}) as walk:
        for step in steps(page):
            if not step.special.startswith("not run"):
                walk.take(as_here(step))


def test_few_commands_are_not_run_and_each_says_why() -> None:
    left_out = [step for page in PAGES for step in steps(page) if "not run" in step.special]
    assert len(left_out) <= NOT_RUN_MAX


def test_make_demo_is_the_sim_with_the_words_given() -> None:
    make = shutil.which("make")
    assert make is not None
    asked = [make, "-n", "-C", str(ROOT), "demo", "SIM=--dir /tmp/chassis"]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    assert "exec .venv/bin/bmcha sim --dir /tmp/chassis" in told.stdout


# ---------------------------------------------------------------- the walk itself

PAGE = """
text
```console
$ first
$ second
a ... c

...
```
<!-- not run: needs a module -->
```console
$ third
```
"""


def test_a_page_becomes_steps_with_their_output_and_what_is_special() -> None:
    first, second, third = steps_of("page.md", PAGE)
    assert (first.command, first.expected) == ("first", ())
    assert (second.where, second.expected) == ("page.md:5", ("a ... c", "", "..."))
    assert third.special == "not run: needs a module"


@pytest.mark.parametrize(
    ("page", "what"),
    [
        ("```sh\nls\n```\n", "a block of kind 'sh'"),
        ("```\nls\n```\n", "a block of kind ''"),
        ("```console\nls\n```\n", "output without a command"),
        ("```console\n$ ls\n", "not closed"),
    ],
)
def test_a_block_that_nobody_would_run_is_an_error(page, what) -> None:
    with pytest.raises(AssertionError, match=what):
        list(steps_of("page.md", page))


@pytest.mark.parametrize(
    ("expected", "seen", "is_so"),
    [
        ((), "", True),
        ((), "more\n", False),
        (("a  b",), "a b\n", True),
        (("a ... c",), "a b c\n", True),
        (("a ... c",), "a\nc\n", False),
        (("...", "c"), "a\nb\nc\n", True),
        (("...", "c"), "c\n", True),
        (("a", "..."), "a\n", True),
        (("a", "..."), "b\n", False),
        (("a", "...", "c"), "a\nx c\n", False),
        (("ab",), "abc\n", False),
    ],
)
def test_what_is_seen_is_compared_line_by_line(expected, seen, is_so) -> None:
    assert shows(expected, seen) is is_so


def test_a_wrong_answer_fails_with_what_was_seen(tmp_path) -> None:
    with Walk(tmp_path, {}) as walk, pytest.raises(AssertionError, match=r"page:1.*\n.*\nother"):
        walk.take(Step("page:1", "echo other", ("this",)))


def test_a_command_that_fails_fails_the_walk(tmp_path) -> None:
    with Walk(tmp_path, {}) as walk, pytest.raises(AssertionError, match="exit code 3"):
        walk.take(Step("page:1", "exit 3"))
