"""Tables as a page shows them: each cell with its text and what it is sorted by."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bench.presentation.formatting import MISSING
from bench.presentation.table import Table

_NUMBER = re.compile(r"[+−-]?\d+(?:\.\d+)?")


_LONG = 20
"""Rows that are seen at a glance."""


@dataclass(frozen=True)
class TableView:
    """A table by rows.

    Attributes
    ----------
    table
        The whole, to be taken as a file.
    findings
        What follows from it.
    columns
        Header and alignment (``l``, ``c``, ``r``) of each.
    rows
        Text and `sort_value` of the cells of each.
    """

    table: Table
    name: str
    title: str
    notes: tuple[str, ...]
    findings: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[tuple[str, float | None], ...], ...]

    @property
    def is_long(self) -> bool:
        """Whether it is folded away until it is asked for."""
        return len(self.rows) > _LONG


def view_table(table: Table, known: Collection[str] = ()) -> TableView:
    """Take a table apart, for a page that has its dataset and what is `known` elsewhere."""
    frame = table.formatted
    return TableView(
        table,
        table.name,
        table.title.removesuffix(f": {table.results.dataset}"),
        tuple(note for note in table.notes if note not in known),
        tuple(finding for finding in table.findings if finding not in known),
        tuple(zip(map(str, frame.columns), table.alignment, strict=True)),
        tuple(
            tuple((str(text), sort_value(str(text))) for text in row)
            for row in ([] if table.nothing else frame.to_numpy().tolist())
        ),
    )


def common_notes(tables: Sequence[Table]) -> tuple[str, ...]:
    """Return the notes that all tables share, in the order of the first."""
    if not tables:
        return ()
    return tuple(
        note for note in tables[0].notes if all(note in table.notes for table in tables[1:])
    )


def sort_value(text: str) -> float | None:
    """Return the number a cell begins with; a tick counts as one, nothing and words as None.

    By words a cell is sorted as text, and last if it is empty.

    Examples
    --------
    >>> sort_value("83.1 ± 0.4"), sort_value("−1.20"), sort_value("9/15"), sort_value("✓")
    (83.1, -1.2, 9.0, 1.0)
    >>> sort_value("[−0.55, +1.80]"), sort_value("den+ed"), sort_value("—")
    (-0.55, None, None)
    """
    bare = text.lstrip("[( ")
    if bare in ("", MISSING):
        return None
    if bare == "✓":
        return 1.0
    number = _NUMBER.match(bare)
    return None if number is None else float(number.group().replace("−", "-"))
