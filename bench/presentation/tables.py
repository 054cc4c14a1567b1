"""Every table by its name, and how they become files.

Scores are printed in percent and effects in points. Published numbers stand beside ours only on
MVTec AD under the paper's protocol, and only where they are over the same categories. A cell that
is not measured is marked, never averaged over; `bench.stats` has the rule.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from bench.experiment.tables import COSTS, comparison_names
from bench.experiment.tables import tables_of as of_methods
from bench.methods import methods
from bench.presentation.category_tables import PAIR_TABLES, category_table
from bench.presentation.claims_table import claims_table, verdicts_table
from bench.presentation.comparisons import comparison_table
from bench.presentation.costs_table import costs_table, curve_table
from bench.presentation.method_tables import image_table, main_table
from bench.presentation.statistics_tables import EFFECT_TABLES, intervals_table
from bench.presentation.table import Table
from bench.results.results import Results
from destseg.atomic import write_atomically
from destseg.errors import InputError

Builder = Callable[[Results], Table]

_OF_ALL: Mapping[str, Builder] = {
    "main": main_table,
    "image": image_table,
    **{table.name: table.build for table in PAIR_TABLES},
    "categories": category_table,
    "intervals": intervals_table,
    "costs": costs_table,
    "curve": curve_table,
}
_OF_CLAIMS: Mapping[str, Builder] = {"verdicts": verdicts_table, "claims": claims_table}


def tables() -> Mapping[str, Builder]:
    """Return the builder of every table by its name, those of methods' variants first."""
    names = comparison_names()
    found = {
        name: partial(comparison_table, name, method, comparison)
        for method in methods().values()
        for name, comparison in zip(names[method.name], method.comparisons, strict=True)
    }
    effects = {table.name: table.build for table in EFFECT_TABLES}
    return {**found, **_OF_ALL, **effects, **_OF_CLAIMS}


def tables_of(results: Results) -> tuple[str, ...]:
    """Return the names of the tables that these results have rows for."""
    return of_methods(results.known)


def build_table(name: str, results: Results) -> Table:
    """Build a table by its name.

    Raises
    ------
    InputError
        When none of the methods has rows for it.
    """
    require_rows([name], results)
    return tables()[name](results)


def require_rows(names: Sequence[str], results: Results) -> None:
    """Refuse tables that these results have no rows for."""
    for name in names:
        known = tables_of(results)
        if name in COSTS and name not in known:
            raise InputError(
                f"{results.experiment}: the table {name} compares several methods that learn, and "
                f"here there is {', '.join(results.learners)} alone; measure others beside it, as "
                f"experiments/rivals.toml does, or use one of {', '.join(known)}."
            )
        if name not in known:
            raise InputError(
                f"{results.experiment}: the table {name} has no row for "
                f"{', '.join(results.variants)}; leave it out, or use one of {', '.join(known)}."
            )


def write_tables(names: Sequence[str], results: Results, folder: Path) -> list[Path]:
    """Write tables as ``<name>.md``, ``.csv`` and ``.tex``, each atomically, and return the files.

    Raises
    ------
    InputError
        When none of the methods has rows for one.
    OSError
        If the folder, which is made if it is not there, cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in names:
        table = build_table(name, results)
        forms = {".md": table.markdown(), ".csv": table.csv(), ".tex": table.latex()}
        for suffix, text in forms.items():
            path = folder / f"{table.name}{suffix}"
            write_atomically(path, text.encode())
            written.append(path)
    return written
