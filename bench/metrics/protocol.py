"""The evaluation protocol as data.

One and the same set of anomaly maps scores differently under another mask rule, size, crop,
connectivity or image score. All of these are therefore one frozen record, which is stored and
hashed with every result.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

MASK_RULES: Final = ("antialias", "bilinear", "floor", "any", "nearest")
CONNECTIVITIES: Final = (4, 8)
IMAGE_SCORES: Final = ("top-mean", "max")
COMPAT: Final = (None, "authors")


@dataclass(frozen=True, slots=True)
class Protocol:
    """Every choice that moves a metric.

    Parameters
    ----------
    name : str
        Name of the protocol.
    size : int
        Side in pixels of the square that masks are resized to and maps are given at.
    mask_rule : {"antialias", "bilinear", "floor", "any", "nearest"}
        How a mask becomes binary at `size`; see `resize_mask`.
    crop : int, optional
        Side of the centre crop that maps and masks are cut to before anything is counted.
    connectivity : {8, 4}
        Neighbours that join two anomalous pixels into one region.
    image_score : {"top-mean", "max"}
        Image score: the mean of the `top_t` largest pixels of the map, or the largest pixel.
    top_t : int
        Pixels in the mean of "top-mean"; all of them where an image has fewer.
    fpr_limit : float
        False-positive rate, in (0, 1], up to which PRO integrates.
    iap_k : float
        Instance recall, in (0, 1], at which IAP@k reads the precision. The result is stored
        under ``iap90`` whatever this is; all named protocols use 0.9.
    compat : {None, "authors"}
        None for the exact definitions of PRO and IAP, or the published program's, oddities
        included (docs/method.md, Metrics).
    version : int
        Version of the metric definitions; it rises when a definition changes.

    Raises
    ------
    ValueError
        Naming the field, the value and what is allowed.

    Notes
    -----
    The defaults are the setting of Zhang et al., CVPR 2023 (masks resized bilinearly
    to 256x256 and rounded at 0.5), and of the program published with it (T = 100, 8-connected).

    Examples
    --------
    >>> Protocol(name="small", size=64, top_t=10).as_dict()["size"]
    64
    >>> Protocol(connectivity=6)
    Traceback (most recent call last):
        ...
    ValueError: connectivity is 6; allowed: 4, 8
    """

    name: str = "paper"
    size: int = 256
    mask_rule: str = "antialias"
    crop: int | None = None
    connectivity: int = 8
    image_score: str = "top-mean"
    top_t: int = 100
    fpr_limit: float = 0.3
    iap_k: float = 0.9
    compat: str | None = None
    version: int = 1

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name is ''; allowed: a non-empty string")
        for field in ("size", "top_t", "version"):
            _require_count(field, getattr(self, field))
        if self.crop is not None:
            _require_count("crop", self.crop)
            if self.crop > self.size:
                raise ValueError(f"crop is {self.crop}; allowed: at most size, {self.size}")
        for field, allowed in (
            ("mask_rule", MASK_RULES),
            ("connectivity", CONNECTIVITIES),
            ("image_score", IMAGE_SCORES),
            ("compat", COMPAT),
        ):
            value = getattr(self, field)
            if value not in allowed:
                raise ValueError(
                    f"{field} is {value!r}; allowed: {', '.join(str(item) for item in allowed)}"
                )
        _require_fraction("fpr_limit", self.fpr_limit)
        _require_fraction("iap_k", self.iap_k)

    def as_dict(self) -> dict[str, str | int | float | None]:
        """Every field by name, for canonical JSON and hashing.

        Numbers are normalised, so that equal protocols give equal text: ``fpr_limit=1`` and
        ``fpr_limit=1.0`` are the same protocol.
        """
        record: dict[str, str | int | float | None] = dataclasses.asdict(self)
        for field in ("fpr_limit", "iap_k"):
            record[field] = float(getattr(self, field))
        return record

    def identity(self) -> dict[str, str | int | float | None]:
        """Everything that moves a number: every field but the name.

        Two protocols of one identity are the same protocol under two names.
        """
        record = self.as_dict()
        del record["name"]
        return record

    @property
    def label(self) -> str:
        """What tells this protocol from every other in a table, whatever it was called.

        The name among `PROTOCOLS` of what it equals, and its version; otherwise what it changes
        in the paper's. Labels are equal where identities are, and only there.

        Examples
        --------
        >>> PROTOCOLS["floor"].label, Protocol(name="mine", size=64, top_t=10).label
        ('floor v1', 'paper v1 size=64 top_t=10')
        """
        for known in PROTOCOLS.values():
            if dataclasses.replace(known, version=self.version).identity() == self.identity():
                return f"{known.name} v{self.version}"
        paper = PAPER.identity()
        changed = (
            f" {field}={value}"
            for field, value in self.identity().items()
            if field != "version" and value != paper[field]
        )
        return f"{PAPER.name} v{self.version}{''.join(changed)}"

    @property
    def sentence(self) -> str:
        """What the `label` tells, in words.

        Examples
        --------
        >>> Protocol(name="mine", size=64, top_t=10).sentence
        'Protocol paper v1: maps at 64 px, image score the mean of the 10 largest pixels.'
        >>> PROTOCOLS["floor"].sentence
        'Protocol floor v1: maps at 256 px, image score the mean of the 100 largest pixels.'
        >>> Protocol(connectivity=4, image_score="max").sentence
        'Protocol paper v1 connectivity=4: maps at 256 px, image score the largest pixel.'
        """
        # Sizes and image scores need no other words than those that follow.
        told = ("size=", "image_score=", "top_t=")
        name = " ".join(word for word in self.label.split() if not word.startswith(told))
        largest = self.image_score == "max" or self.top_t == 1
        score = "the largest pixel" if largest else f"the mean of the {self.top_t} largest pixels"
        return f"Protocol {name}: maps at {self.size} px, image score {score}."


def _require_count(field: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{field} is {value!r}; allowed: an integer of at least 1")


def _require_fraction(field: str, value: float) -> None:
    if isinstance(value, bool) or not (math.isfinite(value) and 0 < value <= 1):
        raise ValueError(f"{field} is {value!r}; allowed: a number in (0, 1]")


PAPER: Final = Protocol()

PROTOCOLS: Final[Mapping[str, Protocol]] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            PAPER,
            # The mask rules of other published programs, everything else as in the paper, so
            # that a difference between two of these is the rule's alone.
            Protocol(name="bilinear", mask_rule="bilinear"),
            Protocol(name="floor", mask_rule="floor"),  # PatchCore; DRAEM, DSR after other filters
            Protocol(name="any", mask_rule="any"),  # STFPM, Dinomaly
            Protocol(name="nearest", mask_rule="nearest"),
            Protocol(name="crop224", crop=224),  # PatchCore, DSR: centre crop after resizing
        )
    }
)
