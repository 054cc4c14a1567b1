"""What a report says, before it is a page."""

from dataclasses import dataclass

from bench.presentation.figures import Drawing
from bench.presentation.report.gallery import Gallery
from bench.presentation.report.verdicts import Verdicts
from bench.presentation.table import Table
from bench.store.runs import Failure


@dataclass(frozen=True, eq=False)
class ReportPage:
    """All that stands on the page.

    Attributes
    ----------
    warnings
        What forbids to take the numbers for results; before all else.
    findings
        Sentences at the top; the last says what the numbers are of and do not show.
    summary
        Sentences under the title: the grid, and what is missing of it.
    lead, lead_figure
        The table and the figure of the first screen.
    verdicts, claim_tables
        What is true of the paper's claims, and the tables of it, which are offered as files.
    tables
        The others that are shown.
    repeated
        Tables that have numbers of the others in another order; they are offered as files only.
    figures
        The others.
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
    warnings: tuple[str, ...]
    findings: tuple[str, ...]
    summary: tuple[str, ...]
    lead: Table
    lead_figure: Drawing | None
    verdicts: Verdicts | None
    claim_tables: tuple[Table, ...]
    tables: tuple[Table, ...]
    repeated: tuple[Table, ...]
    figures: tuple[Drawing, ...]
    gallery: Gallery | None
    gallery_note: str
    failures: tuple[Failure, ...]
    provenance: tuple[tuple[str, str], ...]
    setting: str
    rerun: str
    citation: str
