"""The grid: cells of methods' variants, categories and seeds, and their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from destseg.errors import InputError, printable, suggestion


@dataclass(frozen=True, order=True)
class Cell:
    """One number of the grid: a method's variant on a category with a seed.

    Parameters
    ----------
    method : str
        Its name.
    variant : str
        Empty for a method that has none.
    category : str
        Whose images it is trained and measured on.
    seed : int
        Of everything random.
    """

    method: str
    variant: str
    category: str
    seed: int

    def __str__(self) -> str:
        words = (self.category, self.method, self.variant, f"seed {self.seed}")
        return " ".join(word for word in words if word)


@dataclass(frozen=True)
class Grid:
    """The product of categories, methods' variants and seeds.

    Parameters
    ----------
    categories : tuple of str
        In the order of the tables.
    methods : mapping of str to tuple of str
        Variants of each method; one of the empty name for a method that has none.
    seeds : tuple of int
        Each a complete repetition of everything random.
    """

    categories: tuple[str, ...]
    methods: Mapping[str, tuple[str, ...]]
    seeds: tuple[int, ...]

    def cells(self) -> tuple[Cell, ...]:
        """List all cells seed by seed, so that after the first seed there is a whole table."""
        return tuple(
            Cell(method, variant, category, seed)
            for seed in self.seeds
            for category in self.categories
            for method, variants in self.methods.items()
            for variant in variants
        )


def choose_categories(
    wanted: Sequence[str], known: Sequence[str], where: object
) -> tuple[str, ...]:
    """Return the wanted categories, or all that are known, in the order of the known ones.

    Raises
    ------
    InputError
        When one of the wanted is not known; ``where`` says in what. Also when one that is known is
        no name for a table: with control characters, or not in UTF-8.
    """
    unfit = [name for name in known if name != printable(name)]
    if unfit:
        raise InputError(
            f"{where}: the name of the category {unfit[0]!r} has characters that cannot be "
            "printed; rename its folder."
        )
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError(f"{where}: no category {unknown[0]!r}; {suggestion(unknown[0], known)}")
    return tuple(name for name in known if not wanted or name in wanted)
