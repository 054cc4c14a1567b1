"""Which tables there are of which methods, before anything is measured."""

from collections.abc import Collection

from bench.methods import FLOORS, methods

AMONG = ("main", "image", "pixel", "instance", "categories", "intervals")
"""Of any methods, each by its full variant."""

EFFECTS = {"effects": 1, "interactions": 2}
"""Of methods with so many factors at least."""

CLAIMS = ("verdicts", "claims")
"""Of methods whose papers make claims."""

COSTS = ("costs", "curve")
"""Of several methods that learn."""


def comparison_names() -> dict[str, tuple[str, ...]]:
    """Return the names of each method's tables of variants, a taken one behind the method's."""
    taken: set[str] = set()
    found = {}
    for method in methods().values():
        names = [
            f"{method.name}-{comparison.name}" if comparison.name in taken else comparison.name
            for comparison in method.comparisons
        ]
        found[method.name] = tuple(names)
        taken.update(names)
    return found


def tables_of(names: Collection[str]) -> tuple[str, ...]:
    """Return the names of all tables that have rows for one of these methods at least."""
    known = [method for name, method in methods().items() if name in names]
    own = comparison_names()
    factors = max((len(method.factors) for method in known), default=0)
    return (
        *(table for method in known for table in own[method.name]),
        *AMONG,
        *(table for table, least in EFFECTS.items() if factors >= least),
        *(CLAIMS if any(method.claims for method in known) else ()),
        *(COSTS if len({*names} - {*FLOORS}) > 1 else ()),
    )


def default_tables(names: Collection[str]) -> tuple[str, ...]:
    """Return what an experiment of these methods shows: of each method's own tables the first.

    That comes first of all where there is one method beside the floors, else after those of all
    methods.
    """
    own = comparison_names()
    alone = len({*names} - {*FLOORS}) == 1
    firsts = [own[name][0] for name in names if own.get(name)]
    others = {table for tables in own.values() for table in tables}
    rest = [table for table in tables_of(names) if table not in others]
    return (*firsts, *rest) if alone else (rest[0], *firsts, *rest[1:])
