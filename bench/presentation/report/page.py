"""A report as one page of HTML, with everything it shows inside it."""

import base64
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from bench.presentation.report.content import ReportPage
from bench.presentation.report.gallery import Gallery
from bench.presentation.report.table_view import common_notes, view_table


def render(report: ReportPage) -> str:
    """Write the page; the same report gives the same page."""
    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    common = common_notes([*report.verdicts, *report.tables])
    return environment.get_template("report.html").render(
        report=report,
        notes=[note for note in common if note not in report.summary],
        verdicts=[view_table(table, common) for table in report.verdicts],
        tables=[view_table(table, common) for table in report.tables],
        # Ours, and no text of a user's: the only parts that are not escaped.
        style=Markup(_read("report.css")),  # noqa: S704
        script=Markup(_read("report.js")),  # noqa: S704
        sheets=Markup(gallery_style(report.gallery)) if report.gallery else "",  # noqa: S704
    )


def data_uri(content: bytes, mime: str) -> str:
    """Write a file as an address that holds it."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def gallery_style(gallery: Gallery) -> str:
    """Write the rules that put the sheets behind the tiles.

    Which maps are behind theirs follows from the chosen radio button by CSS alone, so that the
    gallery needs no script, and each sheet stands on the page once.
    """
    rules = []
    for number, sheet in enumerate(gallery.sheets):
        here = f"#sheet-{number}"
        scale = f"{100 * sheet.columns}% {100 * sheet.rows}%"
        rules += [
            f"{here} .tile{{background-size:{scale}}}",
            f"{here} .input{{background-image:url({data_uri(sheet.inputs, 'image/webp')})}}",
            f"{here} .truth{{background-image:url({data_uri(sheet.truth, 'image/webp')})}}",
        ]
        for index, view in enumerate(gallery.views):
            chosen = f"#gallery:has(#view-{index}:checked) {here}"
            if view in sheet.maps:
                image = data_uri(sheet.maps[view], "image/webp")
                rules.append(f"{chosen} .map{{background-image:url({image})}}")
            else:
                rules.append(f"{chosen} .map{{background:none}}")
    return "\n".join(rules)


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
