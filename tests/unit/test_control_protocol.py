"""Lines of clients: each becomes a call or an error, and nothing raises."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bmcha.runtime.control_protocol import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    Call,
    LineSplitter,
    error_line,
    notification_line,
    parse_call,
    result_line,
)


def line(**fields: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "status"} | fields).encode()


def code_of(answer: Call | bytes) -> int:
    assert isinstance(answer, bytes)
    return int(json.loads(answer)["error"]["code"])


def test_a_question_is_a_call() -> None:
    assert parse_call(line()) == Call("status", 1, True, {})


def test_a_call_without_id_wants_no_answer() -> None:
    call = parse_call(b'{"jsonrpc": "2.0", "method": "switchover"}')
    assert call == Call("switchover", None, False, {"to": None, "force": False})


def test_a_switchover_has_a_target_and_may_be_forced() -> None:
    call = parse_call(line(method="switchover", params={"to": 2, "force": True}))
    assert call == Call("switchover", 1, True, {"to": 2, "force": True})
    call = parse_call(line(method="switchover", params={"to": None}))
    assert call == Call("switchover", 1, True, {"to": None, "force": False})


def test_a_drill_is_of_everything_unless_it_names_a_path() -> None:
    assert parse_call(line(method="drill")) == Call("drill", 1, True, {"path": None})
    call = parse_call(line(method="drill", params={"path": "udp"}))
    assert call == Call("drill", 1, True, {"path": "udp"})


@pytest.mark.parametrize("data", [None, "00", "aB" * 255])
def test_pairing_has_a_deed_and_bytes(data: str | None) -> None:
    call = parse_call(line(method="pair", params={"deed": "say", "data": data}))
    assert call == Call("pair", 1, True, {"deed": "say", "data": data})


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"deed": "burn"},
        {"deed": None},
        {"deed": ["say"]},
        *({"deed": "say", "data": data} for data in ("", "0", "0g", "00" * 256, 7, "00\n", " 00")),
    ],
    ids=str,
)
def test_pairing_with_anything_else_is_refused(params: dict[str, object]) -> None:
    assert code_of(parse_call(line(method="pair", params=params))) == INVALID_PARAMS


def test_maintenance_has_its_time_and_nothing_else_does() -> None:
    call = parse_call(line(method="maintenance", params={"for_s": 43_200}))
    assert call == Call("maintenance", 1, True, {"for_s": 43_200})
    assert code_of(parse_call(line(params={"for_s": 1}))) == INVALID_PARAMS


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"hello", PARSE_ERROR),
        (b"\xff\xfe", PARSE_ERROR),
        (b"[" * 100_000, PARSE_ERROR),
        (b"[]", INVALID_REQUEST),
        (b"7", INVALID_REQUEST),
        (b"null", INVALID_REQUEST),
        (line(jsonrpc="1.0"), INVALID_REQUEST),
        (line(id=[1]), INVALID_REQUEST),
        (line(id=True), INVALID_REQUEST),
        (line(id=float("inf")), INVALID_REQUEST),
        (line(id=float("nan")), INVALID_REQUEST),
        (line(method=7), INVALID_REQUEST),
        (line(method="reboot"), METHOD_NOT_FOUND),
        (line(params=[1]), INVALID_PARAMS),
        (line(params={"to": 1}), INVALID_PARAMS),
        (line(method="switchover", params={"to": 0}), INVALID_PARAMS),
        (line(method="switchover", params={"to": 256}), INVALID_PARAMS),
        (line(method="switchover", params={"to": "2"}), INVALID_PARAMS),
        (line(method="switchover", params={"to": True}), INVALID_PARAMS),
        (line(method="switchover", params={"force": 1}), INVALID_PARAMS),
        (line(method="switchover", params={"too": 1}), INVALID_PARAMS),
        (line(method="maintenance"), INVALID_PARAMS),
        (line(method="drill", params={"path": 1}), INVALID_PARAMS),
        (line(method="lockout-clear", params={"slot": 1}), INVALID_PARAMS),
        (line(method="maintenance", params={"for_s": None}), INVALID_PARAMS),
        (line(method="maintenance", params={"for_s": -1}), INVALID_PARAMS),
        (line(method="maintenance", params={"for_s": 43_201}), INVALID_PARAMS),
        (line(method="maintenance", params={"for_s": True}), INVALID_PARAMS),
        (line(method="maintenance", params={"for_s": 1.5}), INVALID_PARAMS),
    ],
)
def test_what_makes_no_sense_is_answered_with_an_error(text, code) -> None:
    assert code_of(parse_call(text)) == code


def test_an_error_names_the_request_and_says_what_is_allowed() -> None:
    refused = parse_call(line(id="a", method="reboot"))
    assert isinstance(refused, bytes)
    answer = json.loads(refused)
    assert answer["id"] == "a"
    assert "status" in answer["error"]["message"]


@given(some.binary(max_size=200))
def test_any_bytes_are_a_call_or_an_error(data) -> None:
    assert isinstance(parse_call(data), Call | bytes)


json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=8,
)


@given(json_values, json_values, json_values)
def test_any_json_is_a_call_or_an_error(request_id, method, params) -> None:
    text = line(id=request_id, method=method, params=params)
    assert isinstance(parse_call(text), Call | bytes)


def test_half_a_surrogate_pair_comes_back_as_it_came() -> None:
    """JSON can say it, UTF-8 cannot; names of files may have one too."""
    half = "\ud800"
    assert parse_call(line(id=half)) == Call("status", half, True, {})
    assert json.loads(result_line(half, {"file": "\udcff"})) == {
        "jsonrpc": "2.0",
        "id": half,
        "result": {"file": "\udcff"},
    }
    assert code_of(parse_call(line(id=half, method=half))) == METHOD_NOT_FOUND
    assert code_of(parse_call(line(params={half: 1}))) == INVALID_PARAMS


def test_what_goes_out_is_one_line_each() -> None:
    for text in (
        result_line(1, {"text": "two\nlines"}),
        error_line(None, 1, "two\nlines", {"a": "\n"}),
        notification_line("role", {"text": "\r\n"}),
    ):
        assert text.count(b"\n") == 1
        assert json.loads(text)["jsonrpc"] == "2.0"


@given(some.lists(some.binary(max_size=20).filter(lambda part: b"\n" not in part)), some.data())
def test_any_split_of_the_stream_gives_the_same_lines(parts, data) -> None:
    stream = b"".join(part + b"\n" for part in parts)
    splitter, found = LineSplitter(), []
    while stream:
        size = data.draw(some.integers(1, len(stream)))
        found += splitter.feed(stream[:size]) or []
        stream = stream[size:]
    assert found == [part for part in parts if part.strip()]


def test_a_line_that_is_too_long_is_told_before_its_end() -> None:
    assert LineSplitter(4).feed(b"12345") is None
    assert LineSplitter(4).feed(b"1234\n12345\n") is None
    assert LineSplitter(4).feed(b"1234\n") == [b"1234"]
