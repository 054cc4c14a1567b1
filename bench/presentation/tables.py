"""Every table by its name, and how they become files.

Scores are printed in percent and effects in points. Published numbers stand beside ours only on
MVTec AD under the paper's protocol, and only where they are over the same categories. A cell that
is not measured is marked, never averaged over; `bench.stats` has the rule.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from bench.presentation.category_tables import PAIR_TABLES, category_table
from bench.presentation.claims_table import claims_table, verdicts_table
from bench.presentation.comparisons import COMPARISONS
from bench.presentation.heading import Heading
from bench.presentation.method_tables import image_table, main_table
from bench.presentation.statistics_tables import EFFECT_TABLES, intervals_table
from bench.presentation.table import Table
from destseg.atomic import write_atomically

TABLES: Mapping[str, Callable[[pd.DataFrame, Heading], Table]] = MappingProxyType(
    {
        **{name: comparison.build for name, comparison in COMPARISONS.items()},
        "main": main_table,
        "image": image_table,
        **{name: pair.build for name, pair in PAIR_TABLES.items()},
        "categories": category_table,
        "intervals": intervals_table,
        **{name: effects.build for name, effects in EFFECT_TABLES.items()},
        "verdicts": verdicts_table,
        "claims": claims_table,
    }
)
"""Table name -> its builder, a function of the cells and the heading."""


def write_tables(
    names: Sequence[str], cells: pd.DataFrame, heading: Heading, folder: Path
) -> list[Path]:
    """Write tables as ``<name>.md``, ``.csv`` and ``.tex``, each file atomically.

    Parameters
    ----------
    names
        Keys of `TABLES`.
    cells
        One row per (method, category, variant, seed), metrics as fractions.
    heading
        What the numbers are of.
    folder
        Made if it is not there.

    Returns
    -------
    list[Path]
        The files written.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names:
        table = TABLES[name](cells, heading)
        forms = {".md": table.markdown(), ".csv": table.csv(), ".tex": table.latex()}
        for suffix, text in forms.items():
            path = folder / f"{table.name}{suffix}"
            write_atomically(path, text.encode())
            written.append(path)
    return written
