"""`bmcha paths` in words: a table, and a sentence for each path."""

from __future__ import annotations

from collections.abc import Mapping

from bmcha.cli.text.columns import Body, Lines, about, clean, labelled, table


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
    diagnosis = path["diagnosis"]
    if diagnosis["fault"] == "none":
        yield timing + (" The peer hears this module here." if path["peer_hears_us"] else "")
        return
    yield timing
    yield f"{clean(diagnosis['fault']).upper()}: {clean(diagnosis['text'])}"
    if diagnosis["evidence"]:
        yield f"Evidence: {clean('; '.join(diagnosis['evidence']))}."
