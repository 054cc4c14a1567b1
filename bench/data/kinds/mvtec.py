"""MVTec AD, or any folder in its layout (Bergmann et al., CVPR 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.data.kinds import DatasetKind
from bench.data.layout import Extent
from destseg.config import Rotation

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Published:
    """A category of MVTec AD as it was published."""

    train: int
    normal: int  # test images
    anomalous: int  # test images
    side: int  # side of the images, which are square
    defects: str  # names of the defect folders

    @property
    def extent(self) -> Extent:
        """What a category on disk is compared with."""
        return Extent(self.train, self.normal + self.anomalous, (self.side, self.side))


PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {
        "bottle": Published(209, 20, 63, 900, "broken_large broken_small contamination"),
        "cable": Published(
            *(224, 58, 92, 1024),
            "bent_wire cable_swap combined cut_inner_insulation cut_outer_insulation "
            "missing_cable missing_wire poke_insulation",
        ),
        "capsule": Published(219, 23, 109, 1000, "crack faulty_imprint poke scratch squeeze"),
        "carpet": Published(280, 28, 89, 1024, "color cut hole metal_contamination thread"),
        "grid": Published(264, 21, 57, 1024, "bent broken glue metal_contamination thread"),
        "hazelnut": Published(391, 40, 70, 1024, "crack cut hole print"),
        "leather": Published(245, 32, 92, 1024, "color cut fold glue poke"),
        "metal_nut": Published(220, 22, 93, 700, "bent color flip scratch"),
        "pill": Published(
            267, 26, 141, 800, "color combined contamination crack faulty_imprint pill_type scratch"
        ),
        "screw": Published(
            320, 41, 119, 1024, "manipulated_front scratch_head scratch_neck thread_side thread_top"
        ),
        "tile": Published(230, 33, 84, 840, "crack glue_strip gray_stroke oil rough"),
        "toothbrush": Published(60, 12, 30, 1024, "defective"),
        "transistor": Published(213, 60, 40, 1024, "bent_lead cut_lead damaged_case misplaced"),
        "wood": Published(247, 19, 60, 1024, "color combined hole liquid scratch"),
        "zipper": Published(
            *(240, 32, 119, 1024),
            "broken_teeth combined fabric_border fabric_interior rough split_teeth squeezed_teeth",
        ),
    }
)
"""The 15 categories (Bergmann et al., Table 1)."""


ROTATIONS: Mapping[str, Rotation] = MappingProxyType(
    dict.fromkeys(("wood", "zipper", "cable"), Rotation(degrees=5.0))
    | dict.fromkeys(
        ("bottle", "grid", "hazelnut", "leather", "tile", "carpet", "screw"),
        Rotation(quarter_turns=True, degrees=5.0),
    )
)
"""The paper's rotations, see section "Data" of ``docs/method.md``; other categories have none."""


KIND = DatasetKind(
    name="mvtec",
    title="MVTec AD",
    default_experiment="mvtec",
    categories=tuple(PUBLISHED),
    rotations=ROTATIONS,
    published={name: published.extent for name, published in PUBLISHED.items()},
    in_paper=True,
)
