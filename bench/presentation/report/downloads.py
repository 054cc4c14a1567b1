"""What can be taken from a page: files that it holds, as addresses of links."""

import base64
from dataclasses import dataclass

from bench.presentation.figures import Drawing
from bench.presentation.table import Table


@dataclass(frozen=True)
class Download:
    """A link: what it says, the file's name, and its address.

    The address is empty where the page shows the same file; a script puts it there, so that the
    page does not hold it twice.
    """

    label: str
    name: str
    address: str


def data_uri(content: bytes, mime: str) -> str:
    """Write a file as an address that holds it."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def of_table(table: Table) -> tuple[Download, ...]:
    """Offer a table as CSV, Markdown and LaTeX."""
    forms = (
        ("CSV", "csv", "text/csv", table.csv),
        ("Markdown", "md", "text/markdown", table.markdown),
        ("LaTeX", "tex", "application/x-tex", table.latex),
    )
    stem = f"{table.results.experiment}-{table.name}"
    return tuple(
        Download(label, f"{stem}.{suffix}", data_uri(write().encode(), mime))
        for label, suffix, mime, write in forms
    )


def of_figure(figure: Drawing) -> tuple[Download, ...]:
    """Offer a figure as SVG and PDF."""
    return (
        Download("SVG", f"{figure.name}.svg", _address(figure)),
        Download("PDF", f"{figure.name}.pdf", data_uri(figure.pdf, "application/pdf")),
    )


def figure_bytes(figure: Drawing) -> int:
    """Count what a figure takes of a page, before base64, its downloads with it."""
    own = 0 if _is_shown_as_svg(figure) else len(figure.svg)
    return len(figure.content) + own + len(figure.pdf)


def _address(figure: Drawing) -> str:
    return "" if _is_shown_as_svg(figure) else data_uri(figure.svg, "image/svg+xml")


def _is_shown_as_svg(figure: Drawing) -> bool:
    return figure.mime == "image/svg+xml"
