"""What a report says, before it is a page."""

from dataclasses import dataclass

from bench.presentation.report.gallery import Gallery
from bench.presentation.table import Table
from bench.store.runs import Failure

_HALF_PAGE = 6.0


@dataclass(frozen=True)
class ReportFigure:
    """A figure as a file.

    Attributes
    ----------
    name
        Stem of its files elsewhere.
    caption, alt
        Under it, and instead of it.
    mime
        Such as ``"image/svg+xml"``.
    content
        The file.
    inches
        Its width when it was drawn; type is legible at that width.
    """

    name: str
    caption: str
    alt: str
    mime: str
    content: bytes
    inches: float

    @property
    def wide(self) -> bool:
        """Whether two of them do not fit beside each other."""
        return self.inches > _HALF_PAGE


@dataclass(frozen=True, eq=False)
class ReportPage:
    """All that stands on the page.

    Attributes
    ----------
    title
        One line.
    summary
        Sentences under it: of what the numbers are, and whether they may be compared.
    verdicts
        Tables that say what is true of the paper's claims; they come first.
    tables
        The others.
    figures
        Figures.
    gallery
        None where there are no maps or images.
    gallery_note
        Which test images are shown, or why none are.
    failures
        Of the run.
    provenance
        Name and value, a line each.
    setting
        The experiment, as its file would say it.
    rerun
        The command that makes the numbers.
    """

    title: str
    summary: tuple[str, ...]
    verdicts: tuple[Table, ...]
    tables: tuple[Table, ...]
    figures: tuple[ReportFigure, ...]
    gallery: Gallery | None
    gallery_note: str
    failures: tuple[Failure, ...]
    provenance: tuple[tuple[str, str], ...]
    setting: str
    rerun: str
