"""The manual page: made from the parser, up to date in the tree, and clean for who formats it."""

import subprocess

import pytest

from bmcha.cli.man_page import man_page
from bmcha.cli.parser import NAMES
from tests import needs
from tests.repo.tree import ROOT

PAGE = ROOT / "docs" / "man" / "bmcha.1"


def test_the_page_in_the_tree_is_the_one_that_the_parser_gives() -> None:
    assert PAGE.read_text() == man_page(), "to write it anew: make docs"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_its_part_with_an_example(name) -> None:
    part = man_page().partition(f".SS bmcha {name}\n".replace("-", "\\-"))[2]
    assert f"  bmcha {name}".replace("-", "\\-") in part.partition(".SS")[0]


def test_groff_formats_it_without_a_warning() -> None:
    groff = needs.program("groff", package="groff-base")
    asked = [groff, "-man", "-ww", "-Tutf8", "-rHY=0", "-z", str(PAGE)]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    assert told.stderr == ""


def test_options_keep_their_hyphens_when_they_are_read_on_a_terminal() -> None:
    groff = needs.program("groff", package="groff-base")
    asked = [groff, "-man", "-P-cbou", "-Tutf8", str(PAGE)]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    assert "bmcha switchover [--socket PATH] [--json] [--to SLOT] [--force]" in told.stdout
    assert "sim-ctl" in told.stdout


def test_mandoc_finds_nothing_to_complain_about() -> None:
    mandoc = needs.program("mandoc", package="mandoc")
    asked = [mandoc, "-T", "lint", "-W", "warning", str(PAGE)]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    complaints = (told.stdout + told.stderr).splitlines()
    # A date would have to be changed by hand; the page says what the parser of its tree says.
    assert [line for line in complaints if "missing date" not in line] == []
