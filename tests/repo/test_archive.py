"""A source archive has all that is in the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.repo.tree import ROOT, all_files, name_of

BUILD = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"


def test_the_source_archive_is_the_whole_tree(tmp_path: Path) -> None:
    # In a copy, because setuptools leaves a folder of its own where it builds.
    names = {name_of(file) for file in all_files()} | {"LICENSE"}
    for name in names:
        copied = tmp_path / "tree" / name
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copied)
    subprocess.run(
        [sys.executable, "-c", BUILD, str(tmp_path)],
        cwd=tmp_path / "tree",
        check=True,
        capture_output=True,
    )
    (archive,) = tmp_path.glob("bmcha-*.tar.gz")
    with tarfile.open(archive) as opened:
        archived = {member.name.partition("/")[2] for member in opened if member.isfile()}
    assert names - archived == set()
    assert not [name for name in archived if name.endswith((".so", ".pyc"))]
