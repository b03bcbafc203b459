"""How `bmcha bench` reckons, draws and refuses; what it measures is tried in tests/process."""

import json
import random
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from bmcha.bench import failover
from bmcha.bench.beats import lateness_ms
from bmcha.bench.figures import Figure, Table, as_text, quantile
from bmcha.bench.keepalived import KeepalivedPair
from bmcha.bench.pair import FAST
from bmcha.bench.picture import as_svg, ticks
from bmcha.bench.redis import _is_whole
from bmcha.bench.rival import Rival
from bmcha.bench.rivals import RIVALS
from bmcha.bench.run import SHARES
from bmcha.cli.bench import ROWS
from tests.process.sims import BMCHA

MS = 1_000_000
TABLE = Table(
    "failover fast",
    "failover <fast>",
    (
        Figure("bmcha, SIGKILL", "ms", (26.5, 28.0, 27.25)),
        Figure("bmcha, one path cut", "ms", (), "0 failovers after 3 cuts: there must be none"),
    ),
)


@pytest.mark.parametrize(
    ("share", "found"), [(0.5, 50), (0.99, 99), (0.999, 100), (0.0, 1), (1.0, 100)]
)
def test_a_quantile_is_a_sample_that_was_taken(share: float, found: float) -> None:
    samples = [float(each) for each in range(1, 101)]
    random.Random(7).shuffle(samples)
    assert quantile(samples, share) == found


def test_a_beat_is_late_against_the_deadline_after_the_one_before() -> None:
    # Deadlines every 10 ms from 3 ms on. One comes 4 ms late, one so late that three passed.
    sent_ms = [3.0, 13.0, 23.0, 37.0, 43.0, 53.0, 93.5, 103.0, 113.0]
    late = lateness_ms([int(each * MS) for each in sent_ms], 10)
    assert [round(each, 3) for each in late] == [0, 0, 4, 0, 0, 30.5, 0, 0]


def test_lateness_needs_no_beats() -> None:
    assert lateness_ms([], 10) == []


def test_the_table_tells_medians_and_what_was_not_measured() -> None:
    lines = as_text([TABLE]).splitlines()
    assert lines[0] == "failover <fast>"
    assert lines[2].split() == ["bmcha,", "SIGKILL", "27.2", "28", "28", "3", "ms"]
    assert lines[3].endswith("0 failovers after 3 cuts: there must be none")


def test_the_picture_has_a_dot_for_every_sample_and_a_scale() -> None:
    drawn = ElementTree.fromstring(as_svg(TABLE))
    space = "{http://www.w3.org/2000/svg}"
    assert len(drawn.findall(f"{space}circle")) == 3
    texts = [each.text for each in drawn.findall(f"{space}text")]
    assert "failover <fast>, ms" in texts and "bmcha, SIGKILL" in texts and "0" in texts


@pytest.mark.parametrize("most", [0.3, 1.0, 4.2, 28.0, 31.0, 480.0, 3500.0])
def test_a_scale_has_a_few_round_values(most: float) -> None:
    found = ticks(most)
    assert 4 <= len(found) <= 10
    assert found[0] == 0 and found[-1] <= most < found[-1] + found[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["speed"], "ROW 'speed'; there are: beats, failover, chassis, steady"),
        (["--against", "corosync"], "--against 'corosync'; there are: keepalived"),
        (["--budget", "3"], "--budget 3; at least 10"),
        (["--budget", "nan"], "--budget nan; at least 10"),
        (["--svg", "/no/such/folder"], "--svg /no/such/folder: no such folder"),
    ],
)
def test_wrong_words_are_told_before_anything_is_measured(words: list[str], told: str) -> None:
    done = subprocess.run([*BMCHA, "bench", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert told in done.stderr


def test_a_rival_that_is_not_installed_is_told_with_what_would_help(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(
        RIVALS, "keepalived", Rival("no-such-program", "keepalived", KeepalivedPair)
    )
    (figure,) = failover._in_network("keepalived", ("SIGKILL",), FAST, 1, 0)
    assert as_text([Table("row", "title", (figure,))]).splitlines()[2].split(maxsplit=1) == [
        "keepalived",
        "not measured: it is not installed: apt install keepalived",
    ]


@pytest.mark.parametrize(
    ("reply", "is_whole"),
    [
        *((b"", False), (b"+OK\r", False), (b"+OK\r\n", True), (b"-ERR no\r\n", True)),
        *((b"$-1\r\n", True), (b"$3\r\nab", False), (b"$3\r\nabc\r", False)),
        (b"$3\r\nabc\r\n", True),
    ],
)
def test_a_reply_of_redis_is_waited_for_to_its_end(reply: bytes, is_whole: bool) -> None:
    assert _is_whole(reply) is is_whole


def test_the_shares_of_the_budget_are_the_whole_of_it() -> None:
    assert sum(SHARES.values()) == pytest.approx(1)
    assert tuple(SHARES) == ROWS


def test_the_codec_is_measured_and_told_to_programs() -> None:
    words = [*BMCHA, "bench", "codec", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    told = json.loads(done.stdout)
    assert told["machine"]["python"].startswith(sys.version.split()[0])
    (row,) = told["rows"]
    assert [each["unit"] for each in row["figures"]] == ["ns"] * 8
    assert all(0 < each["median"] <= each["max"] for each in row["figures"])
