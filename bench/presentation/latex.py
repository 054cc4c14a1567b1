"""Tables as LaTeX that compiles as it is."""

from collections.abc import Sequence

PACKAGES = ("amssymb", "booktabs", "graphicx", "longtable")

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "−": "$-$",
    "×": r"$\times$",
    "✓": r"$\checkmark$",
    "–": "--",
    "—": "---",
}

# Beyond this many columns a table of means and stds is wider than a text block.
_WIDE = 6

# Beyond this many rows a table is longer than a page.
_LONG = 40


def escape(text: str) -> str:
    """`text` with LaTeX's special characters, and the few symbols of our tables, spelled out."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    alignment: str,
    caption: str,
    label: str,
    comments: Sequence[str] = (),
) -> str:
    """Write a ``table`` in booktabs style, or a ``longtable`` where a page cannot hold it.

    Texts are given unescaped; the alignment is one of ``l``, ``c``, ``r`` for each column, and the
    comments, such as the provenance, are lines at the head.

    Raises
    ------
    ValueError
        If a row or the alignment has another length than the header.
    """
    if any(len(cells) != len(columns) for cells in (alignment, *rows)):
        raise ValueError(f"every row and the alignment must have {len(columns)} entries")
    caption = rf"\caption{{{escape(caption)}}}"
    label = rf"\label{{{label}}}"
    head = [r"\toprule", _row(columns), r"\midrule"]
    body = [*map(_row, rows)]
    if len(rows) > _LONG:
        lines = [
            r"\begingroup",
            r"\scriptsize\setlength{\tabcolsep}{2pt}",
            # What is wider than the text reaches into both margins alike.
            r"\setlength{\LTleft}{0pt plus 1fill minus 1fill}",
            r"\setlength{\LTright}{0pt plus 1fill minus 1fill}",
            rf"\begin{{longtable}}{{{alignment}}}",
            rf"{caption}{label} \\",
            *head,
            r"\endfirsthead",
            *head,
            r"\endhead",
            r"\bottomrule",
            r"\endfoot",
            *body,
            r"\end{longtable}",
            r"\endgroup",
        ]
    else:
        tabular = [
            rf"\begin{{tabular}}{{{alignment}}}",
            *head,
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
        if len(columns) > _WIDE:
            tabular = [r"\resizebox{\textwidth}{!}{%", *tabular, "}"]
        lines = [r"\begin{table}", r"\centering", caption, label, *tabular, r"\end{table}"]
    beginning = [
        rf"% Needs \usepackage{{{','.join(PACKAGES)}}} in the preamble.",
        # A line break inside a comment would end it.
        *(f"% {' '.join(comment.split())}" for comment in comments),
    ]
    return "\n".join([*beginning, *lines]) + "\n"


def _row(cells: Sequence[str]) -> str:
    # A cell that begins with [ would be read as the optional argument of the row break before it.
    escaped = (f"{{}}{text}" if text.startswith("[") else text for text in map(escape, cells))
    return " & ".join(escaped) + r" \\"
