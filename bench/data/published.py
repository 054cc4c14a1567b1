"""What was published: the archives of MVTec AD and DTD, and what is in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Archive:
    """An archive that can be downloaded.

    Parameters
    ----------
    title : str
        The dataset's name for people.
    file : str
        Name of the archive.
    url, page : str
        Where the archive is, and where its authors describe it.
    sha256 : str
        Of the archive; what a mirror gives must have it too.
    unpacked : int
        Bytes the files take on disk, rounded up; for the check of free space.
    top : str
        Folder inside the archive that holds everything; empty when there is none.
    folder : str
        Name of the folder it is unpacked into.
    licence : str
        Terms and what to cite.
    """

    title: str
    file: str
    url: str
    page: str
    sha256: str
    unpacked: int
    top: str
    folder: str
    licence: str


ARCHIVES: Mapping[str, Archive] = MappingProxyType(
    {
        "mvtec": Archive(
            title="MVTec AD",
            file="mvtec_anomaly_detection.tar.xz",
            # The address in the authors' script, the same with .../420938113-1629952094/..., is
            # dead.
            url="https://www.mydrive.ch/shares/38536/3830184030e49fe74747669442f0f283/download/"
            "420938113-1629960298/mvtec_anomaly_detection.tar.xz",
            page="https://www.mvtec.com/company/research/datasets/mvtec-ad",
            sha256="cf4313b13603bec67abb49ca959488f7eedce2a9f7795ec54446c649ac98cd3d",
            unpacked=5_400_000_000,
            top="",
            folder="mvtec_ad",
            licence="MVTec AD: CC BY-NC-SA 4.0, not for commercial use. Cite Bergmann et al., "
            "MVTec AD: A Comprehensive Real-World Dataset for Unsupervised Anomaly Detection, "
            "CVPR 2019.",
        ),
        "dtd": Archive(
            title="DTD",
            file="dtd-r1.0.1.tar.gz",
            url="https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz",
            page="https://www.robots.ox.ac.uk/~vgg/data/dtd/",
            sha256="e42855a52a4950a3b59612834602aa253914755c95b0cff9ead6d07395f8e205",
            unpacked=700_000_000,
            top="dtd",
            folder="dtd",
            licence="DTD, the Describable Textures Dataset: for research. Cite Cimpoi et al., "
            "Describing Textures in the Wild, CVPR 2014.",
        ),
    }
)
"""By the name that the command line gives them."""

NORMAL_TESTS: Mapping[str, int] = MappingProxyType(
    {
        "bottle": 20,
        "cable": 58,
        "capsule": 23,
        "carpet": 28,
        "grid": 21,
        "hazelnut": 40,
        "leather": 32,
        "metal_nut": 22,
        "pill": 26,
        "screw": 41,
        "tile": 33,
        "toothbrush": 12,
        "transistor": 60,
        "wood": 19,
        "zipper": 32,
    }
)
"""Normal images among the test images of MVTec AD's categories; the others are anomalous."""

DEFECTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        category: tuple(names.split())
        for category, names in {
            "bottle": "broken_large broken_small contamination",
            "cable": "bent_wire cable_swap combined cut_inner_insulation cut_outer_insulation "
            "missing_cable missing_wire poke_insulation",
            "capsule": "crack faulty_imprint poke scratch squeeze",
            "carpet": "color cut hole metal_contamination thread",
            "grid": "bent broken glue metal_contamination thread",
            "hazelnut": "crack cut hole print",
            "leather": "color cut fold glue poke",
            "metal_nut": "bent color flip scratch",
            "pill": "color combined contamination crack faulty_imprint pill_type scratch",
            "screw": "manipulated_front scratch_head scratch_neck thread_side thread_top",
            "tile": "crack glue_strip gray_stroke oil rough",
            "toothbrush": "defective",
            "transistor": "bent_lead cut_lead damaged_case misplaced",
            "wood": "color combined hole liquid scratch",
            "zipper": "broken_teeth combined fabric_border fabric_interior rough split_teeth "
            "squeezed_teeth",
        }.items()
    }
)
"""The 73 defect folders of MVTec AD."""

TEXTURE_CLASSES: tuple[str, ...] = tuple(
    "banded blotchy braided bubbly bumpy chequered cobwebbed cracked crosshatched crystalline "  # noqa: SIM905
    "dotted fibrous flecked freckled frilly gauzy grid grooved honeycombed interlaced knitted "
    "lacelike lined marbled matted meshed paisley perforated pitted pleated polka-dotted porous "
    "potholed scaly smeared spiralled sprinkled stained stratified striped studded swirly veined "
    "waffled woven wrinkled zigzagged".split()
)
"""The 47 classes of DTD."""

TEXTURES_PER_CLASS = 120
"""Images of each class of DTD, so 5640 in all."""
