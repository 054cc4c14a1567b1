"""What a model file says of itself: of what, how and when it was trained, how measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from destseg.config import PRECISIONS, Precision

HARDLY_TRAINED = 0.7
"""Separation below which a model is said to be hardly trained.

Chance is 0.5. Image scores of an untrained model exceed this now and then, being few; its pixels,
which are many, were not seen above 0.6 ("Has it learned anything?" in docs/own-parts.md)."""


TRAINING_IMAGES = "the training images, which the model knows"
"""Which normal images the scores of a card are of, before any others were measured."""

_EARLIER = "the training images, which it knows"
"""The same in files that were written before."""

_SCORES = ("good_scores", "training_scores")


@dataclass(frozen=True)
class Card:
    """A model's card; what an older file does not say is empty.

    Parameters
    ----------
    name : str
        Of what it was trained on, such as a category.
    images : int
        Training images.
    recipe : mapping
        Settings by name: numbers and words.
    trained : str
        The day, such as ``2026-01-31``.
    version : str
        Of the program.
    good : str
        Which normal images ``good_scores`` are of.
    good_scores : tuple of float
        Image scores of normal images, from which a limit for a rate of false alarms follows.
    separation : float, optional
        How well it tells synthetic anomalies, on none of which it was trained: the smaller of two
        AUROCs, of image scores, training images with one against the same without, and of map
        values, pixels in one against those around it. 0.5 is chance.
    training_scores : tuple of float
        Those of the training images, once ``good_scores`` are of others.
    """

    name: str = ""
    images: int = 0
    recipe: Mapping[str, Any] = field(default_factory=dict)
    trained: str = ""
    version: str = ""
    good: str = ""
    good_scores: tuple[float, ...] = ()
    separation: float | None = None
    training_scores: tuple[float, ...] = ()

    @property
    def precision(self) -> Precision:
        """What it was trained in, by its recipe; ``float32`` where that does not say."""
        said = self.recipe.get("precision")
        return next((known for known in PRECISIONS if known == said), "float32")

    @property
    def warning(self) -> str | None:
        """What to say of a model that has learned next to nothing; None of any other."""
        if self.separation is None or self.separation >= HARDLY_TRAINED:
            return None
        return (
            f"this model has hardly been trained: it tells synthetic anomalies with an AUROC of "
            f"{self.separation:.2f}, where 0.5 is chance; train longer (--steps), or with other "
            "settings."
        )

    def stored(self) -> dict[str, Any]:
        """Return it as plain values, which a model file can hold."""
        table = asdict(self)
        scores = {name: list(table[name]) for name in _SCORES}
        return {**table, **scores, "recipe": dict(self.recipe)}


def read_card(stored: Any) -> Card:
    """Take a card out of a model file.

    Raises
    ------
    ValueError
        When it is none.
    """
    if not isinstance(stored, Mapping):
        raise ValueError("its card is no table")  # noqa: TRY004
    known = {one.name: stored[one.name] for one in fields(Card) if one.name in stored}
    known |= {name: tuple(known.get(name, ())) for name in _SCORES}
    if known.get("good") == _EARLIER:
        known["good"] = TRAINING_IMAGES
    card = Card(**known)
    texts = (card.name, card.trained, card.version, card.good)
    separation = () if card.separation is None else (card.separation,)
    numbers = (card.images, *card.good_scores, *card.training_scores, *separation)
    if not (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(number, int | float) for number in numbers)
        and isinstance(card.recipe, Mapping)
    ):
        raise ValueError("its card holds what no card holds")
    return card
