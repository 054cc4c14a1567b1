"""Methods of somebody's own whose code was edited without raising a version.

Keys hold versions and not code: numbers of the code of before pass for those of today's.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from bench.common.source_code import foreign_source
from bench.planning.stages import Stage
from bench.store.records import Record

if TYPE_CHECKING:
    from pathlib import Path


def edited_methods(
    stages: Iterable[Stage], find: Callable[[str], Record | None]
) -> tuple[str, ...]:
    """Tell in a sentence of each method that was edited how many records are of other code.

    Parameters
    ----------
    stages
        Planned ones.
    find
        Returns a key's record.
    """
    found: Counter[Path] = Counter()
    for stage in stages:
        source = foreign_source(type(stage.step))
        record = None if source is None else find(stage.key)
        if source is None or record is None:
            continue
        if record.provenance.get("source", source.digest) != source.digest:
            found[source.place] += 1
    return tuple(
        f"{place}: was edited since {count} of the stored results were computed, at the same "
        "version; raise the version of its steps, and where the numbers are the same say so with "
        "`python -m bench accept`"
        for place, count in found.items()
    )
