"""`bmcha paths` in words: a table, and a sentence for each path."""

from __future__ import annotations

from collections.abc import Mapping

from bmcha.cli.text.columns import Body, Lines, about, clean, duration, labelled, table


def paths_lines(body: Body) -> Lines:
    paths: Mapping[str, Body] = body["paths"]
    heads = ["PATH", "KIND", ">SLOT", "HEALTH", ">HEARD", ">RTT", ">RX", ">TX", ">LOST", ">BAD"]
    rows = [
        [
            clean(name),
            path["kind"],
            str(path["peer"]),
            path["health"],
            about(path["last_heard_ms"]),
            _microseconds(path["rtt_us"]),
            *(str(path[key]) for key in ("rx", "tx", "lost", "bad")),
        ]
        for name, path in paths.items()
    ]
    yield from table(heads, rows)
    yield ""
    for name, path in paths.items():
        yield from labelled(clean(name), _path_paragraphs(path))


def _microseconds(value_us: int | None) -> str:
    return "-" if value_us is None else f"{value_us / 1000:.1f} ms"


def _path_paragraphs(path: Body) -> Lines:
    timing = (
        f"A beat every {path['interval_ms']} ms; late after {path['warntime_ms']} ms, "
        f"silent after {path['deadtime_ms']} ms."
    )
    if "proven_s" in path:
        since = path["proven_s"]
        proven = "not known to work both ways yet" if since is None else _proven(since)
        timing += f" {proven[0].upper()}{proven[1:]}."
    diagnosis = path["diagnosis"]
    if diagnosis["fault"] == "none":
        yield timing + (" The peer hears this module here." if path["peer_hears_us"] else "")
    else:
        yield timing
        yield f"{clean(diagnosis['fault']).upper()}: {clean(diagnosis['text'])}"
        if diagnosis["evidence"]:
            yield f"Evidence: {clean('; '.join(diagnosis['evidence']))}."
    counted = " ".join(line_sentences(path.get("line")))
    if counted:
        yield counted


def _proven(since_s: int) -> str:
    return "it works both ways" if since_s < 2 else f"it worked both ways {duration(since_s)} ago"


def line_sentences(line: Body | None) -> Lines:
    """What the port and the kernel have counted, as far as it is more than nothing."""
    if line is None:
        return
    bad = [f"{count} {_BAD.get(name, clean(name))}" for name, count in line["bad"].items() if count]
    if bad:
        yield f"Not taken: {', '.join(bad)}."
    if line["noise_per_s"]:
        yield f"Noise: {line['noise_per_s']} a second."
    if line["foreign_chassis"] is not None:
        yield f"Chassis {line['foreign_chassis']} speaks here too."
    if line.get("twin"):
        yield f"Another module that says this module's slot was heard here, {clean(line['twin'])}."
    if line["unread"]:
        yield f"The kernel dropped {line['unread']} datagrams: no frames, or too many."
    if line["refused"]:
        yield f"The peer's port was refused {line['refused']} times."
    if line["hung_up"]:
        yield "The line is hung up."
    if line["carrier"] is False:
        yield "The own interface has no carrier."
    if line["clear_to_send"] is False:
        yield "The far end holds the line back (CTS)."
    uart = [f"{count} {_UART[name]}" for name, count in (line["uart"] or {}).items() if count]
    if uart:
        yield f"Errors that the UART has counted: {', '.join(uart)}."


_UART = {
    "framing": "of framing (another baud rate?)",
    "parity": "of parity",
    "overrun": "overruns",
    "break": "breaks",
}
_BAD = {
    "TOO_SHORT": "too short",
    "TOO_LONG": "too long",
    "COBS": "wrongly stuffed",
    "CRC": "with a wrong checksum",
    "VERSION": "of too old a version",
    "LENGTH": "of a wrong length",
    "TYPE": "of an unknown type",
    "BODY": "with a senseless body",
    "CHASSIS": "of another chassis",
    "SLOT": "of or for another slot",
    "MAC_MISSING": "not signed",
    "KEY_UNKNOWN": "signed with an unknown key",
    "MAC_WRONG": "signed wrongly",
    "OTHER_PATH": "signed for another path",
    "REFLECTED": "our own, sent back",
    "REPLAYED": "of a boot that is over",
    "UNPROVEN": "early",
}
