"""The published archives of MVTec AD and DTD."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Archive:
    """An archive that can be downloaded."""

    title: str  # the dataset's name for people
    file: str  # name of the archive
    url: str  # where the archive is
    page: str  # where its authors describe it
    sha256: str  # of the archive; what a mirror gives must have it too
    unpacked: int  # bytes the files take on disk, rounded up; for the check of free space
    top: str  # folder inside the archive that holds everything; empty when there is none
    folder: str  # name of the folder it is unpacked into
    licence: str  # terms and what to cite


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
