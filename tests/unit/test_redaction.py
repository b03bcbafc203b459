"""No secret leaves with a support bundle, however its file is written."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmcha.diag.redaction import REMOVED, WITHHELD, redacted

PLAIN = """\
# A comment stays.
board = "board.toml"   # here too
[chassis]
id = 4711
monkey = "no secret"
"""


def test_a_file_without_secrets_stays_as_it_is() -> None:
    assert redacted(PLAIN) == PLAIN


@pytest.mark.parametrize(
    "line",
    [
        'secret = "hunter2hunter2"',
        "passphrase = 'hunter2hunter2'",
        'key = "hunter2hunter2"',
        'auth.key = "hunter2hunter2"',
        '"api-token" = "hunter2hunter2"',
        'apikey = "hunter2hunter2"',
        'admin_pwd = "hunter2hunter2"',
        "[udp.auth]\nadmin = 'hunter2hunter2'",
        'password="hunter2hunter2" # hunter',
        'keys = [{ id = 1, value = "hunter2hunter2" }, { id = 2, value = "]hunter2hunter2" }]',
        'keys = [\n  "hunter2hunter2",\n  "]", "hunter2hunter2",\n]',
        'auth = { user = "admin", psk = "hunter2hunter2" }',
        'secret = """\nhunter2hunter2\n"""',
        "snmp_community = 'hunter2hunter2'",
        "[auth.keys]\nfirst = 'hunter2hunter2'",
        "[[keys]]\nid = 1\nvalue = 'hunter2hunter2'\n[[keys]]\nid = 2\nvalue = 'hunter2hunter2'",
        "# secret = 'hunter2hunter2'",
        "#secret = 'hunter2hunter2'\nsecret = 'other-hunter'",
    ],
)
def test_a_secret_is_taken_out_and_the_rest_stays(line) -> None:
    text = f"{PLAIN}{line}\n[timers]\ntick_ms = 25\n"
    found = redacted(text)
    assert "hunter2" not in found
    assert "other-hunter" not in found
    assert REMOVED in found
    assert found.startswith(PLAIN)
    assert found.endswith("[timers]\ntick_ms = 25\n")
    tomllib.loads(found)


def test_a_number_that_is_secret_is_taken_out_too() -> None:
    assert redacted("psk = 123456\nport = 1\n") == f"psk = {REMOVED}\nport = 1\n"


@pytest.mark.parametrize(
    "text",
    [
        # The same value under a name that says nothing.
        'secret = "hunter2"\nother = "hunter2"\n',
        # What nobody can read, nobody can clean.
        'secret = "hunter2\n',
        "secret: hunter2\n",
    ],
)
def test_what_cannot_be_told_apart_is_withheld(text) -> None:
    assert redacted(text) == WITHHELD


NAMES = st.sampled_from(["secret", "psk", "name", "id", "keys", "board", "my_token"])
VALUES = st.sampled_from(
    [
        '"sesame-%d"',
        "'sesame-%d'",
        '"""a\nsesame-%d"""',
        '["sesame-%d", "x]"]',
        '{ a = "sesame-%d" }',
    ]
)


@given(st.lists(st.tuples(NAMES, VALUES, st.booleans()), max_size=6))
def test_whatever_stands_around_it_no_secret_is_left(lines) -> None:
    text = ""
    secrets = []
    for number, (name, value, has_header) in enumerate(lines):
        text += f"[table{number}]\n" if has_header else ""
        text += f"{name}{number}_x = {value % number}\n"
        if name in ("secret", "psk", "keys", "my_token"):
            secrets.append(f"sesame-{number}")
    found = redacted(text)
    assert not [secret for secret in secrets if secret in found]
    assert found == WITHHELD or len(tomllib.loads(found)) == len(tomllib.loads(text))
