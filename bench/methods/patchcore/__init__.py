"""PatchCore: nearest neighbours among patches of normal images (Roth et al., CVPR 2022)."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from bench.methods.interface import Backbone, Method
from bench.methods.patchcore.steps import (
    BatchNorm,
    Coreset,
    Dims,
    Distance,
    Map,
    Remember,
)

Network = Literal["wide_resnet50_2", "resnet18"]


@dataclass(frozen=True)
class Config:
    """The method's settings; the defaults are the authors' program's, on images as they are.

    Parameters
    ----------
    backbone : {"wide_resnet50_2", "resnet18"}
        torchvision's Wide-ResNet-50-2, trained on ImageNet, or the experiment's teacher.
    width : int
        Channels of the teacher's first level.
    patch : int
        Side of a patch in cells of a feature level, odd.
    dims : int or "channels"
        Numbers of a patch; "channels" for as many as the backbone's layer 3 has channels, which
        keeps the structure of the authors' setting (1024 with their backbone) at every width.
    batchnorm : {"clean", "as_program"}
        Whether BatchNorm's statistics are the backbone's, or moved once by an image of ones.
    coreset : {"approximate", "exact"}
        Where the greedy choice starts: from distances to ten random points, or to all.
    fraction : float
        Of the training patches that are kept, in (0, 1).
    neighbours : int
        Kept patches whose mean distance is a patch's score.
    distance : {"squared", "euclidean"}
        Of patches: the program's, or the paper's.
    reweighting : int, optional
        Neighbours in the paper's weight of the image score; without it, as in the program, the
        image score is the largest patch score.
    sigma : float
        Of the Gaussian that smooths the map, in pixels.
    sigma_side : int, optional
        Side of the images that `sigma` is meant for: on others it covers the same share.
    crop : int, optional
        Side of the centre that is looked at; beyond it maps are 0.

    Raises
    ------
    ValueError
        When a value is out of its range.
    """

    backbone: Network = "wide_resnet50_2"
    width: int = 64
    patch: int = 3
    dims: Dims = "channels"
    batchnorm: BatchNorm = "clean"
    coreset: Coreset = "approximate"
    fraction: float = 0.1
    neighbours: int = 1
    distance: Distance = "squared"
    reweighting: int | None = None
    sigma: float = 4.0
    sigma_side: int | None = None
    crop: int | None = None

    def __post_init__(self) -> None:
        for name in ("width", "patch", "dims", "neighbours", "sigma_side", "crop"):
            value = getattr(self, name)
            if isinstance(value, int) and value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1")
        if self.patch % 2 == 0:
            raise ValueError(f"patch is {self.patch}; it must be odd, to have a centre")
        if not 0 < self.fraction < 1:
            raise ValueError(f"fraction is {self.fraction}; it must be above 0 and below 1")
        if self.reweighting is not None and self.reweighting < 2:
            raise ValueError(
                f"reweighting is {self.reweighting}; it must be at least 2, or left out"
            )
        if self.sigma < 0:
            raise ValueError(f"sigma is {self.sigma}; it must not be negative")


def last_step(config: Config, _: None) -> Map:
    """Return the maps."""
    memory = Remember(
        patch=config.patch,
        dims=config.dims,
        batchnorm=config.batchnorm,
        coreset=config.coreset,
        fraction=config.fraction,
        crop=config.crop,
    )
    return Map(
        neighbours=config.neighbours,
        distance=config.distance,
        reweighting=config.reweighting,
        sigma=config.sigma,
        sigma_side=config.sigma_side,
        memory=memory,
    )


def backbones(config: Config) -> dict[str, Backbone]:
    """Return the backbone that is read."""
    wide = config.backbone == "wide_resnet50_2"
    return {"backbone": Backbone(source=config.backbone) if wide else Backbone(config.width)}


def is_papers(config: Config) -> bool:
    """Whether the setting is the authors', in one of the readings of ``docs/differences.md``."""
    readings: dict[str, tuple[Any, ...]] = {
        "dims": ("channels", 1024),
        "batchnorm": ("clean", "as_program"),
        "fraction": (0.1, 0.01, 0.25),
        "distance": ("squared", "euclidean"),
        "crop": (None, 224),
    }
    known = all(getattr(config, name) in values for name, values in readings.items())
    defaults = {name: values[0] for name, values in readings.items()}
    return known and dataclasses.replace(config, reweighting=None, **defaults) == Config()


def summary(config: Config) -> str:
    """Return backbone, share of the patches that is kept, and numbers of a patch in words."""
    names = {
        "wide_resnet50_2": "Wide-ResNet-50-2",
        "resnet18": f"ResNet-18 of width {config.width}",
    }
    dims = "layer 3's channels" if config.dims == "channels" else config.dims
    return f"{names[config.backbone]}, {100 * config.fraction:g} % of patches kept, dims {dims}"


BIBTEX = """\
@inproceedings{roth2022patchcore,
  title     = {Towards Total Recall in Industrial Anomaly Detection},
  author    = {Roth, Karsten and Pemula, Latha and Zepeda, Joaquin and Sch{\\"o}lkopf, Bernhard and Brox, Thomas and Gehler, Peter},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  pages     = {14318--14328},
  year      = {2022}
}
"""  # noqa: E501

METHOD = Method(
    name="PatchCore",
    reference="Roth et al., Towards Total Recall in Industrial Anomaly Detection, CVPR 2022",
    bibtex=BIBTEX,
    config=Config,
    last=last_step,
    variants={"": None},
    backbones=backbones,
    is_papers=is_papers,
    summary=summary,
)
