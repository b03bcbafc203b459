"""The alarm table: raised once, cleared once, bounded, and handed over to a new ACTIVE."""

from __future__ import annotations

import pytest

from bmcha.chassis.alarms import Alarm, AlarmTable, cell_of
from bmcha.model.reading import ALARMS_MAX, AlarmCell
from bmcha.model.role import Severity


def raised(table: AlarmTable, alarm_id: str, *, of_chassis: bool = True, at_ns: int = 5) -> Alarm:
    alarm = table.raise_alarm(alarm_id, Severity.MAJOR, "it is broken", at_ns, of_chassis)
    assert alarm is not None
    return alarm


def ids(table: AlarmTable) -> list[str]:
    return [alarm.alarm_id for alarm in table.raised()]


def test_raising_what_stands_is_no_news() -> None:
    table = AlarmTable()
    first = raised(table, "fan")
    assert table.raise_alarm("fan", Severity.MAJOR, first.text, 9, True) is None
    assert table.raised() == [first]


def test_the_text_of_what_stands_is_kept_up_to_date_and_its_beginning_stays() -> None:
    table = AlarmTable()
    raised(table, "fan", at_ns=5)
    assert table.raise_alarm("fan", Severity.MAJOR, "it is broken at 40 rpm", 9, True) is None
    assert [(a.text, a.since_ns) for a in table.raised()] == [("it is broken at 40 rpm", 5)]


def test_another_severity_is_news() -> None:
    table = AlarmTable()
    first = raised(table, "fan")
    worse = table.raise_alarm("fan", Severity.CRITICAL, "worse", 9, True)
    assert table.raised() == [worse] and worse is not None
    assert (worse.severity, worse.since_ns, worse.index) == (Severity.CRITICAL, 5, first.index)


def test_clearing_tells_which_alarm_stood() -> None:
    table = AlarmTable()
    alarm = raised(table, "fan")
    assert table.clear("fan") == alarm
    assert table.clear("fan") is None and not table.is_raised("fan")


def test_a_place_that_was_freed_is_used_again() -> None:
    table = AlarmTable()
    assert [raised(table, name).index for name in ("a", "b", "c")] == [0, 1, 2]
    table.clear("b")
    assert raised(table, "d").index == 1


def test_a_full_table_counts_what_it_cannot_hold() -> None:
    table = AlarmTable()
    for number in range(ALARMS_MAX):
        raised(table, str(number))
    assert table.raise_alarm("more", Severity.MAJOR, "", 0, True) is None
    assert table.refused_count == 1 and not table.is_raised("more")


def test_the_gravest_comes_first_then_the_oldest() -> None:
    table = AlarmTable()
    for name, severity, at_ns in (
        ("young", Severity.MAJOR, 9),
        ("old", Severity.MAJOR, 1),
        ("minor", Severity.MINOR, 0),
        ("grave", Severity.CRITICAL, 20),
    ):
        table.raise_alarm(name, severity, "", at_ns, True)
    assert ids(table) == ["grave", "old", "young", "minor"]


def test_a_new_active_goes_on_with_the_alarms_of_the_former() -> None:
    table = AlarmTable()
    own = raised(table, "fan-1")
    table.adopt(
        [
            AlarmCell(7, "fan-2", Severity.CRITICAL, True, 3),
            AlarmCell(8, "fan-3", Severity.CRITICAL, False, 3),
            AlarmCell(9, "fan-1", Severity.CRITICAL, True, 3),
        ]
    )
    assert ids(table) == ["fan-2", "fan-1"]
    adopted = table.raised()[0]
    assert (adopted.index, adopted.since_ns, adopted.is_of_chassis) == (7, 3, True)
    assert table.raised()[1] == own


def test_who_is_no_longer_active_keeps_only_what_is_wrong_with_itself() -> None:
    table = AlarmTable()
    raised(table, "fan")
    raised(table, "path-udp-silent", of_chassis=False)
    table.drop_chassis_alarms()
    assert ids(table) == ["path-udp-silent"]


@pytest.mark.parametrize("is_raised", [True, False])
def test_the_cell_of_an_alarm_says_whether_it_stands(is_raised: bool) -> None:
    alarm = raised(AlarmTable(), "fan", at_ns=4)
    assert cell_of(alarm, is_raised) == AlarmCell(0, "fan", Severity.MAJOR, is_raised, 4)
