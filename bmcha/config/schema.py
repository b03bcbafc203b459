"""The JSON Schemas (draft 2020-12) of the module's file and of a board file, from the outlines.

`python -m bmcha.config.schema module|board` prints one, as `bmcha check --schema` does; the copies
in docs/schema/ are made by `make docs`. A schema says what can be said of one key: type, range,
choices, which keys there are and which go together. What must hold between values is left to
`bmcha check`. In a board file no key of a plain table is required, since any may be inherited.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from bmcha.config.outline import Condition, Facts, Key, Outline, Path
from bmcha.config.outlines import FILES, outline, text_of

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_TITLES: Final = {
    "module": "The configuration of one bmcha module",
    "board": "A bmcha board file, or a part of one that others inherit",
}
_TYPES: Final = {"str": "string", "int": "integer", "bool": "boolean", "list": "array"}

Schema = dict[str, Any]


def schema(file: str) -> Schema:
    """``file``: "module" or "board"."""
    table = _table(file, (), outline(file), file == "module")
    return {
        "$schema": DRAFT,
        "$id": f"urn:bmcha:schema:{file}",
        "title": _TITLES[file],
        "description": "Made from the reader of the file. `bmcha check FILE` says much more.",
        **table,
    }


def schema_text(file: str) -> str:
    return json.dumps(schema(file), indent=2, ensure_ascii=False) + "\n"


def _table(file: str, path: Path, keys: Outline, is_whole: bool) -> Schema:
    """``is_whole``: no other file can add to this table, so what is required has to be here."""
    properties = {
        name: _key(file, (*path, name), key, keys, is_whole) for name, key in keys.items()
    }
    table: Schema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    required = [
        name
        for name, key in keys.items()
        if key.is_required and key.when is None and key.required_when is None
    ]
    if required and is_whole:
        table["required"] = required
    rules = _rules(keys, is_whole)
    if rules:
        table["allOf"] = rules
    return table


def _key(file: str, path: Path, key: Key, siblings: Outline, is_whole: bool) -> Schema:
    forms = [_facts(each) for each in key.facts]
    for form, facts in zip(forms, key.facts, strict=True):
        if key.inner is not None and facts.kind == "table":
            form.update(_table(file, path, key.inner, is_whole))
        elif key.inner is not None and facts.kind == "tables":
            form["items"] = _table(file, path, key.inner, True)
    form = forms[0] if len(forms) == 1 else {"anyOf": forms}
    text = text_of(file, path, siblings)
    return {"description": text, **form} if text else form


def _facts(facts: Facts) -> Schema:
    form: Schema
    match facts.kind:
        case "integer":
            form = {"type": "integer", "minimum": facts.low, "maximum": facts.high}
        case "flag":
            form = {"type": "boolean"}
        case "text":
            form = {"type": "string"}
            if facts.pattern is not None:
                form["pattern"] = f"^(?:{facts.pattern})$"
        case "name":
            form = {"type": "string", "minLength": 1, "maxLength": facts.high, "pattern": r"^\S+$"}
        case "file":
            form = {"type": "string", "minLength": 1}
        case "choice":
            form = {"enum": list(facts.choices)}
        case "integers":
            item = {"type": "integer", "minimum": facts.low, "maximum": facts.high}
            form = {"type": "array", "items": item, "minItems": 1, "maxItems": facts.count_max}
        case "tables":
            form = {"type": "array", "maxItems": facts.count_max}
        case "table" | "dict":
            form = {"type": "object"}
        case "array":
            form = {"type": "array"}
        case other:
            form = {"type": _TYPES[other]} if other in _TYPES else {}
    if facts.default is not None:
        form["default"] = facts.default
    return form


def _rules(keys: Outline, is_whole: bool) -> list[Schema]:
    """Which keys go with which value of another, as if-then-else."""
    rules: dict[str, Schema] = {}

    def rule(conditions: Sequence[Condition | None]) -> Schema:
        tests = [_if(each) for each in conditions if each is not None]
        test = tests[0] if len(tests) == 1 else {"allOf": tests}
        return rules.setdefault(json.dumps(test), {"if": test})

    for name, key in keys.items():
        if key.when is not None:
            unknown = rule([key.when]).setdefault("else", {"properties": {}})
            unknown["properties"][name] = False
        if key.is_required and is_whole and (key.when or key.required_when):
            then = rule([key.when, key.required_when]).setdefault("then", {"required": []})
            then["required"].append(name)
    return list(rules.values())


def _if(when: Condition) -> Schema:
    if when.where is not None:
        return {"allOf": [_if(when.where), _if(replace(when, where=None))]}
    if when.is_presence:
        is_there: Schema = {"required": [when.key]}
        return is_there if True in when.values else {"not": is_there}
    test: Schema = {"properties": {when.key: {"enum": list(when.values)}}}
    if not when.is_met_by_default:
        test["required"] = [when.key]
    return test


def _main(words: Sequence[str]) -> int:
    file = words[0] if len(words) == 1 else ""
    if file not in FILES:
        print(f"usage: python -m bmcha.config.schema {'|'.join(FILES)}", file=sys.stderr)
        return 2
    print(schema_text(file), end="")
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
