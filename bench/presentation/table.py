"""A table and its four forms: Markdown, CSV, LaTeX, and text for the terminal."""

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd
from pandas.api.types import is_numeric_dtype

from bench.common.columns import fitted
from bench.common.spreadsheets import guarded
from bench.presentation import latex, markdown
from bench.presentation.formatting import MISSING, Numbers, Texts
from bench.results.results import Results
from destseg.errors import printable

Line = tuple[Texts, Numbers | None]
"""A row for reading and for computing; of the heading of a block of rows the first alone."""

_ALIGNMENTS = {"l": "left", "c": "center", "r": "right"}
_TEXT_WIDTH = 88

_NO_NUMBERS = {"", MISSING, f"{MISSING} ± {MISSING}"}


@dataclass(frozen=True, eq=False)
class Table:
    """One table, once for reading and once for computing.

    Attributes
    ----------
    name
        Stem of its files, such as ``"ablation"``.
    title
        One line.
    results
        Of which it is.
    notes
        Sentences that belong above the table: the dataset, what ± is, what is missing.
    formatted
        The cells as strings, under the column names to print.
    alignment
        One of ``l``, ``c``, ``r`` for each column of `formatted`.
    numbers
        The same rows as numbers, under column names for programs; scores in percent. Headings of
        blocks of rows are none of them.
    findings
        Sentences that belong below the table: what follows from it.
    needs
        What is lacking of that which every number rests on, and how much of it is there; empty
        where nothing is.
    """

    name: str
    title: str
    results: Results
    notes: tuple[str, ...]
    formatted: pd.DataFrame
    alignment: str
    numbers: pd.DataFrame
    findings: tuple[str, ...] = ()
    needs: str = ""

    @property
    def nothing(self) -> str:
        """What stands in place of rows that would be dashes alone; empty where there is a number.

        That is so without any cell, as long as no seed has all of its categories, and without
        what the table `needs`.
        """
        right = [index for index, letter in enumerate(self.alignment) if letter == "r"]
        texts = {text for row in self.formatted.to_numpy()[:, right].tolist() for text in row}
        if self.needs and texts <= _NO_NUMBERS:
            return f"Nothing to show yet: needs {self.needs}."
        lacking, total = self.results.missing, self.results.expected
        if lacking < total and not (lacking and texts <= _NO_NUMBERS):
            return ""
        return f"Nothing to show yet: {total - lacking or 'none'} of {total} cells are finished."

    def markdown(self) -> str:
        """Write a title, the notes, the table, the findings and the foot."""
        escape = markdown.escape
        parts = [f"# {escape(self.title)}", "\n".join(map(escape, self.notes))]
        parts.append(self.nothing or self._tabulate("github", escape))
        if self.findings:
            parts.append("\n".join(map(escape, self.findings)))
        if self.results.foot:
            parts.append("\n".join(f"- {escape(printable(line))}" for line in self.results.foot))
        return "\n\n".join(parts) + "\n"

    def text(self, width: int | None = None) -> str:
        """Write the same for a terminal, without the foot; in so many columns, if there is an end.

        Columns of the table that do not fit are left out, see `bench.common.columns.fitted`.
        """
        filled = min(_TEXT_WIDTH, width or _TEXT_WIDTH)
        notes = textwrap.fill(" ".join(self.notes), filled)
        parts = [self.title, notes, self.nothing or self._tabulate("simple", width=width)]
        if self.findings:
            parts.append(textwrap.fill(" ".join(self.findings), filled))
        return "\n\n".join(parts) + "\n"

    def csv(self) -> str:
        """Write the numbers; every row says of which data and protocol, lest it be mistaken.

        So does it of precisions, where one is not float32.
        """
        frame = self.numbers.copy()
        frame.insert(0, "dataset", self.results.dataset)
        frame.insert(1, "protocol", self.results.protocol.label)
        if precisions := self.results.precisions:
            said = "; ".join(f"{name} {kind}" for name, kind in precisions.items())
            frame.insert(2, "precision", said)
        # Texts alone: older pandas make fractions of whole numbers beside nothing when they map.
        for name, column in frame.items():
            if not is_numeric_dtype(column):
                frame[name] = column.map(_plain)
        return frame.to_csv(index=False, float_format="%.6f", lineterminator="\n")

    def latex(self) -> str:
        """Write a ``table`` environment with booktabs rules; notes and findings are its caption.

        A comment where there is `nothing`.
        """
        if self.nothing:
            return f"% {self.title}. {self.nothing}\n"
        return latex.table(
            list(self.formatted.columns),
            self.formatted.to_numpy().tolist(),
            alignment=self.alignment,
            caption=" ".join((f"{self.title}.", *self.notes, *self.findings)),
            label=re.sub(r"[^\w.:+-]", "-", f"tab:{self.results.experiment}-{self.name}"),
            comments=tuple(map(printable, self.results.foot)),
        )

    def _tabulate(
        self, style: str, escape: Callable[[str], str] = str, width: int | None = None
    ) -> str:
        return fitted(
            [list(map(escape, row)) for row in self.formatted.to_numpy().tolist()],
            list(map(escape, self.formatted.columns)),
            width,
            tablefmt=style,
            colalign=[_ALIGNMENTS[letter] for letter in self.alignment],
            disable_numparse=True,
        )


def _plain(value: object) -> object:
    """Make a text harmless to a terminal and to a spreadsheet."""
    return guarded(printable(value) if isinstance(value, str) else value)


def make_table(
    name: str,
    title: str,
    results: Results,
    notes: Iterable[str],
    lines: Sequence[Line],
    *,
    labels: str = "l",
    findings: Iterable[str] = (),
    needs: str = "",
) -> Table:
    """Put a `Table` together from its rows, each for reading and for computing; one at least.

    What commands a terminal in names is spelled out.

    The title is what stands before the dataset. `labels` is the alignment of the first columns; the
    others are aligned to the right.
    """
    formatted = pd.DataFrame([texts for texts, _ in lines]).fillna("").map(printable)
    formatted.columns = formatted.columns.map(printable)
    frame = pd.DataFrame([numbers for _, numbers in lines if numbers is not None])
    # A count stays a whole number beside an empty cell.
    counts = [name for name in frame if str(name).endswith(("_seeds", "_improved"))]
    return Table(
        name=name,
        title=printable(f"{title}: {results.dataset}"),
        results=results,
        notes=tuple(map(printable, notes)),
        formatted=formatted,
        alignment=labels.ljust(formatted.shape[1], "r"),
        numbers=frame.astype(dict.fromkeys(counts, "Int64")),
        findings=tuple(map(printable, findings)),
        needs=needs,
    )


FORMATS: Mapping[str, Callable[[Table], str]] = MappingProxyType(
    {"text": Table.text, "markdown": Table.markdown, "csv": Table.csv, "latex": Table.latex}
)
"""Name of a form -> how it is written."""
