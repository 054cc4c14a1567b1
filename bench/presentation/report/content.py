"""What a report says, before it is a page."""

from dataclasses import dataclass

from bench.presentation.figures import Drawing
from bench.presentation.report.gallery import Gallery
from bench.presentation.table import Table
from bench.store.runs import Failure


@dataclass(frozen=True, eq=False)
class ReportPage:
    """All that stands on the page.

    Attributes
    ----------
    summary
        Sentences under it: of what the numbers are, and whether they may be compared.
    verdicts
        Tables that say what is true of the paper's claims; they come first.
    gallery
        None where there are no maps or images.
    gallery_note
        Which test images are shown, or why none are.
    provenance
        Name and value, a line each.
    setting
        The experiment, as its file would say it.
    rerun
        The command that makes the numbers.
    citation
        Of the methods.
    """

    title: str
    summary: tuple[str, ...]
    verdicts: tuple[Table, ...]
    tables: tuple[Table, ...]
    figures: tuple[Drawing, ...]
    gallery: Gallery | None
    gallery_note: str
    failures: tuple[Failure, ...]
    provenance: tuple[tuple[str, str], ...]
    setting: str
    rerun: str
    citation: str
