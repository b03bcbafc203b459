"""Reads the tables of a Markdown page, for the tests that hold a page to the program."""

from __future__ import annotations


def section_of(page: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    return page.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows_of(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    return rows_in(section_of(page, heading))


def rows_in(text: str) -> list[list[str]]:
    """The cells of the first table in a text, without its head."""
    lines = [line[1:-1].split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]
