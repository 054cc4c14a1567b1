"""The whole model, under the authors' state-dict names.

Module names such as ``student_net.decoder_layer4`` are those of the authors' released
checkpoints (specification, section 1.6); `destseg.checkpoint` reads and writes them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from destseg.config import FusionInput, ModelConfig, StudentKind
from destseg.features import cosine_distances, fused_distance, fusion_maps
from destseg.prediction import Picture, Prediction, Scale, predict
from destseg.resnet import ResNet18
from destseg.segmentation import SegmentationNet
from destseg.student import Student, paired_features
from destseg.teacher import Teacher


class Output(NamedTuple):
    """What the whole model says of a batch."""

    segmentation: Tensor
    """(B, 1, H/4, W/4) probabilities."""
    distance: Tensor
    """(B, 1, H/4, W/4) product of the cosine distances of the three levels."""
    distances: tuple[Tensor, ...]
    """The cosine distance of each level, (B, 1, H_k, W_k)."""


class DeSTSeg(nn.Module):
    """Teacher, student and segmentation net together, and how to use them.

    Parameters
    ----------
    teacher : ResNet18
        A trunk of three layers.
    config : ModelConfig
        Sizes; its width must be the teacher's.
    student : {"encoder-decoder", "encoder", "decoder"}
        The student's shape, see `destseg.student.Student`.
    fusion_input : {"product", "features", "distances"}
        What the segmentation net is fed, see `destseg.features.fusion_maps`.
    size : int
        Side in pixels to which `predict` resizes images.
    scale : Scale
        What the values of the anomaly maps mean.
    """

    def __init__(
        self,
        teacher: ResNet18,
        config: ModelConfig = ModelConfig(),
        *,
        student: StudentKind = "encoder-decoder",
        fusion_input: FusionInput = "product",
        size: int = 256,
        scale: Scale = Scale(),
    ) -> None:
        super().__init__()
        self.config = config
        self.size = size
        self.scale = scale
        self.teacher_net = Teacher(teacher)
        self.student_net = Student(config.width, student)
        self.segmentation_net = SegmentationNet(
            teacher.channels, config.segmentation_width, config.dilations, fusion_input
        )

    def forward(self, images: Tensor) -> Output:
        """Return both anomaly maps of ImageNet-normalised images (B, 3, H, W), float."""
        teacher, student = paired_features(self.teacher_net, self.student_net, images)
        distances = cosine_distances(teacher, student)
        fused = fusion_maps(teacher, student, self.segmentation_net.fusion_input)
        return Output(self.segmentation_net(fused), fused_distance(distances), distances)

    def predict(self, images: Picture | Sequence[Picture]) -> list[Prediction]:
        """Find the anomalies in pictures of any size, in evaluation mode.

        Parameters
        ----------
        images : path, (H, W, 3) uint8 RGB array, or sequence of these
            The pictures.

        Returns
        -------
        list of Prediction
            One for each picture, in their order.

        Raises
        ------
        InputError
            When a file cannot be read.
        """
        pictures = [images] if isinstance(images, Path | str | np.ndarray) else images
        device = next(self.parameters()).device
        was_training = self.training
        self.eval()
        try:
            return predict(
                lambda batch: self(batch).segmentation, pictures, self.size, self.scale, device
            )
        finally:
            self.train(was_training)
