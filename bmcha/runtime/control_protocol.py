"""The control socket's protocol as text in, text out: JSON-RPC 2.0, one object a line.

Knows no socket, no thread and no node. Whatever a line holds, the result is a `Call` or an error
object to send back; nothing raises. Contract and alternatives: docs/adr/0005-control-protocol.md.
Used by the control server; the client needs the numbers only.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from bmcha.model.event import MAINTENANCE_S_MAX, Question
from bmcha.model.record import dataclass

LINE_BYTES_MAX: Final = 65_536
"""A request is a name and two values; this is generous, and bounds what we hold for a client."""

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
REFUSED: Final = 1
"""The node refused or failed; ``data`` is the node's answer, with all reasons."""
OVERRUN: Final = 2
"""The node has no room for more, or did not answer; the same request may be tried again."""

QUESTIONS: Final = {question.value: question for question in Question}
SWITCHOVER: Final = "switchover"
MAINTENANCE: Final = "maintenance"
LOCKOUT_CLEAR: Final = "lockout-clear"
DRILL: Final = "drill"
RELOAD: Final = "reload"
REPORT: Final = "report"
PAIR: Final = "pair"
VERSION: Final = "version"
FOLLOW: Final = "follow"
METHODS: Final = (
    *(*QUESTIONS, SWITCHOVER, MAINTENANCE, LOCKOUT_CLEAR, DRILL),
    *(RELOAD, REPORT, PAIR, VERSION, FOLLOW),
)

PAIR_DEEDS: Final = ("open", "say", "take", "close")
PAIRING_DIGITS_MAX: Final = 510
"""A message's 255 bytes."""
_HEX: Final = re.compile(rf"([0-9a-fA-F]{{2}}){{1,{PAIRING_DIGITS_MAX // 2}}}")

RequestId = str | int | float | None


@dataclass(frozen=True, slots=True)
class Call:
    """``wants_answer`` False: a JSON-RPC notification; it is done, and nothing is said about it.
    ``params`` has every parameter of the method, checked, the missing ones with their default."""

    method: str
    request_id: RequestId
    wants_answer: bool
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """``default`` is not checked: one that is not good makes the parameter required."""

    default: Any
    is_good: Callable[[Any], bool]
    allowed: str


def _is_slot(value: Any) -> bool:
    return type(value) is int and 1 <= value <= 255


def _is_pairing_data(value: Any) -> bool:
    return isinstance(value, str) and bool(_HEX.fullmatch(value))


PARAMETERS: Final[dict[str, dict[str, Parameter]]] = {
    SWITCHOVER: {
        "to": Parameter(
            None, lambda to: to is None or _is_slot(to), "a slot from 1 to 255, or null"
        ),
        "force": Parameter(False, lambda force: isinstance(force, bool), "true or false"),
    },
    MAINTENANCE: {
        "for_s": Parameter(
            None,
            lambda for_s: type(for_s) is int and 0 <= for_s <= MAINTENANCE_S_MAX,
            f"seconds from 1 to {MAINTENANCE_S_MAX}, or 0 to end it",
        ),
    },
    RELOAD: {
        "force": Parameter(False, lambda force: isinstance(force, bool), "true or false"),
    },
    PAIR: {
        "deed": Parameter(None, lambda deed: deed in PAIR_DEEDS, ", ".join(PAIR_DEEDS)),
        "data": Parameter(
            None,
            lambda data: data is None or _is_pairing_data(data),
            f"2 to {PAIRING_DIGITS_MAX} hexadecimal digits, or null",
        ),
    },
    DRILL: {
        "path": Parameter(
            None, lambda path: path is None or isinstance(path, str), "a path's name, or null"
        ),
    },
}
"""Method → name → parameter. A method that is not here has none."""


def parse_call(line: bytes) -> Call | bytes:
    """A call, or the error line to send back."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        return error_line(None, PARSE_ERROR, f"not a JSON object on one line: {error}")
    if isinstance(request, list):
        return error_line(None, INVALID_REQUEST, "batches are not taken; send one object a line")
    if not isinstance(request, dict):
        return error_line(None, INVALID_REQUEST, "a request is a JSON object")
    request_id = request.get("id")
    if not _is_request_id(request_id):
        return error_line(None, INVALID_REQUEST, '"id" is a string, a finite number or null')
    if request.get("jsonrpc") != "2.0":
        return error_line(request_id, INVALID_REQUEST, '"jsonrpc" is "2.0"')
    method = request.get("method")
    if not isinstance(method, str):
        return error_line(request_id, INVALID_REQUEST, '"method" is a string')
    if method not in METHODS:
        known = ", ".join(METHODS)
        return error_line(request_id, METHOD_NOT_FOUND, f"no such method; there are: {known}")
    return _with_params(method, request_id, "id" in request, request.get("params", {}))


def _is_request_id(value: Any) -> bool:
    """Python's JSON knows numbers that JSON does not: they could not be sent back."""
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, bool) and isinstance(value, str | int | None)


def _with_params(
    method: str, request_id: RequestId, wants_answer: bool, params: object
) -> Call | bytes:
    if not isinstance(params, dict):
        return error_line(request_id, INVALID_PARAMS, '"params" is an object: values by name')
    known = PARAMETERS.get(method, {})
    if unknown := sorted(set(params) - set(known)):
        names = ", ".join(sorted(known)) or "none"
        text = f"{method} has no parameter {', '.join(unknown)}; it has: {names}"
        return error_line(request_id, INVALID_PARAMS, text)
    values = {name: params.get(name, each.default) for name, each in known.items()}
    for name, value in values.items():
        if not known[name].is_good(value):
            return error_line(request_id, INVALID_PARAMS, f'"{name}" is {known[name].allowed}')
    return Call(method, request_id, wants_answer, values)


def result_line(request_id: RequestId, result: Any) -> bytes:
    return _line({"jsonrpc": "2.0", "id": request_id, "result": result})


def error_line(request_id: RequestId, code: int, message: str, data: Any = None) -> bytes:
    error = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return _line({"jsonrpc": "2.0", "id": request_id, "error": error})


def notification_line(method: str, params: dict[str, Any]) -> bytes:
    return _line({"jsonrpc": "2.0", "method": method, "params": params})


def _line(message: dict[str, Any]) -> bytes:
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    # Half a surrogate pair (in a file's name, in an id) has no bytes, but is its own JSON escape.
    return text.encode(errors="backslashreplace") + b"\n"


class LineSplitter:
    """Lines out of a stream that arrives in pieces, none longer than the limit."""

    def __init__(self, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        self._line_bytes_max = line_bytes_max
        self._tail = b""

    def feed(self, data: bytes) -> list[bytes] | None:
        """Whole lines without their end, empty ones left out; None: a line is too long."""
        *lines, self._tail = (self._tail + data).split(b"\n")
        if max(map(len, (*lines, self._tail))) > self._line_bytes_max:
            self._tail = b""
            return None
        return [line for line in lines if line.strip()]
