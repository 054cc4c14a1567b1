"""A report as one page of HTML, with everything it shows inside it."""

import re
from importlib import resources

import matplotlib as mpl
import numpy as np
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.colors import to_hex

from bench.presentation.examples import HEAT
from bench.presentation.report.content import ReportPage
from bench.presentation.report.downloads import data_uri, of_figure, of_table
from bench.presentation.report.gallery import Gallery
from bench.presentation.report.outcomes import shown
from bench.presentation.report.table_view import common_notes, view_table

_STOPS = 12
"""Of a gradient that looks like the colours of the maps."""

_STYLES = ("page.css", "tables.css", "gallery.css", "print.css")
_SCRIPTS = ("tables.js", "gallery.js", "zoom.js")


def render(report: ReportPage) -> str:
    """Write the page; the same report gives the same page."""
    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "data_uri": data_uri, "of_table": of_table, "of_figure": of_figure, "unbroken": unbroken,
        "score": shown,
    }  # fmt: skip
    common = common_notes([report.lead, *report.tables])
    told = {*common, *report.lead.findings}
    said = " ".join((*report.warnings, *report.findings, *report.summary))
    gallery = report.gallery
    return environment.get_template("report.html").render(
        report=report,
        notes=[note for note in common if note.removesuffix(".") not in said],
        lead=view_table(report.lead, common),
        tables=[view_table(table, told) for table in report.tables],
        # Ours, and no text of a user's: the only parts that are not escaped.
        style=Markup("\n".join(map(_read, _STYLES))),  # noqa: S704
        script=Markup("\n".join(map(_read, _SCRIPTS))),  # noqa: S704
        sheets=Markup(gallery_style(gallery)) if gallery else "",  # noqa: S704
        facts=gallery.facts() if gallery else None,
    )


def unbroken(text: str) -> str:
    r"""Keep each p together with its number, and each interval in one line.

    Examples
    --------
    >>> unbroken("[1.3, 5.3] (p = .25)")
    '[1.3,\xa05.3] (p\xa0=\xa0.25)'
    """
    return re.sub(
        r"(?<=\bp) ([=<]) |(\[[^],]+,) ",
        lambda found: found.group().replace(" ", "\N{NO-BREAK SPACE}"),
        text,
    )


def gallery_style(gallery: Gallery) -> str:
    """Write the rules that put the sheets behind the tiles, and the colours into their legend.

    Which maps are behind theirs follows from the chosen radio buttons by CSS alone, so that the
    gallery needs no script, and each sheet stands on the page once.
    """
    stops = ",".join(map(to_hex, mpl.colormaps[HEAT](np.linspace(0, 1, _STOPS))))
    rules = [f".heat{{background:linear-gradient(to right,{stops})}}"]
    for number, sheet in enumerate(gallery.sheets):
        maps = {f"map-{gallery.views.index(view)}": m.content for view, m in sheet.maps.items()}
        pictures = {"input": sheet.inputs, "truth": sheet.truth, **maps}
        own = "".join(
            f"--{name}:url({data_uri(content, 'image/webp')});"
            for name, content in pictures.items()
        )
        rules.append(f".of-{number}{{--scale:{100 * sheet.columns}% {100 * sheet.rows}%;{own}}}")
    for index in range(len(gallery.views)):
        for choice, tile in (("view", "map"), ("beside", "beside")):
            rules.append(
                f"#gallery:has(#{choice}-{index}:checked) .{tile}"
                f"{{background-image:var(--map-{index})}}"
            )
    return "\n".join(rules)


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
