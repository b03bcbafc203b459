"""For the tests of the model: spin and gcc, or a skip that says how to get them."""

import shutil

import pytest

from tests import needs
from tests.model.checker import build


@pytest.fixture(scope="session")
def verifier() -> None:
    """Built once; a session that finds it in build/ does not build it."""
    needs.program("spin", package="spin")
    needs.program("gcc", package="gcc")
    assert shutil.which("spin") and build().exists()
