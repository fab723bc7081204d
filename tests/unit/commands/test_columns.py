"""Columns that are as wide as what stands in them."""

from __future__ import annotations

from mirror.commands.columns import columns


def test_each_column_is_as_wide_as_its_widest_cell() -> None:
    rows = [("NAME", "SIZE", "STATE"), ("a", "10 B", ""), ("longer", "1.0 KiB", "full")]
    assert list(columns(rows, right={1}, indent="  ")) == [
        "  NAME       SIZE  STATE",
        "  a          10 B",
        "  longer  1.0 KiB  full",
    ]


def test_no_rows_are_no_lines_and_no_terminal_is_told_anything() -> None:
    assert list(columns([])) == []
    assert list(columns([("\x1b[31m", "a\nb")])) == ["\\x1b[31m  a\\nb"]
