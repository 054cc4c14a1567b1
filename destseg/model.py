"""The whole model, under the authors' state-dict names.

Module names such as ``student_net.decoder_layer4`` are those of the authors' released
checkpoints ("Checkpoints" in docs/method.md); `destseg.checkpoint` reads and writes them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from destseg.card import Card
from destseg.config import FusionInput, ModelConfig, StudentKind
from destseg.features import cosine_distances, fused_distance, fusion_maps
from destseg.images import resize_rgb
from destseg.inference import anomaly_maps, image_scores, upsample
from destseg.prediction import (
    Picture,
    Prediction,
    Scale,
    as_pictures,
    read_picture,
    resize_map,
    top_pixels,
)
from destseg.resnet import ResNet18
from destseg.segmentation import SegmentationNet
from destseg.student import Student, paired_features
from destseg.teacher import Teacher

PICTURES_AT_A_TIME = 8


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
    depth : int, optional
        Bits of the training images, if they were stored with 16: `predict` reads such images alike.
    card : Card
        What the model is of, and how it was measured.
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
        depth: int | None = None,
        card: Card = Card(),
    ) -> None:
        super().__init__()
        self.config = config
        self.size = size
        self.scale = scale
        self.depth = depth
        self.card = card
        self.teacher_net = Teacher(teacher)
        self.student_net = Student(config.width, student)
        self.segmentation_net = SegmentationNet(
            teacher.channels, config.segmentation_width, config.dilations, fusion_input
        )

    def forward(self, images: Tensor) -> Output:
        """Return both anomaly maps of images.

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W) float, ImageNet-normalised.

        Returns
        -------
        Output
            The maps, at a quarter of the images' height and width.
        """
        teacher, student = paired_features(self.teacher_net, self.student_net, images)
        distances = cosine_distances(teacher, student)
        fused = fusion_maps(teacher, student, self.segmentation_net.fusion_input)
        return Output(self.segmentation_net(fused), fused_distance(distances), distances)

    def predict(
        self, images: Picture | Iterable[Picture], *, threshold: float | None = None
    ) -> list[Prediction]:
        """Find the anomalies in pictures of any size, in evaluation mode.

        Parameters
        ----------
        images : picture, or iterable of pictures
            Paths of image files, of folders of them, or patterns such as ``parts/*.png``;
            arrays, (H, W, 3) uint8 RGB, or what an image file can hold:
            (H, W) or (H, W, 1) grey, (H, W, 4) with alpha, (H, W) uint16; Pillow images.
        threshold : float, optional
            Image score above which a picture is anomalous, instead of the model's own limit.

        Returns
        -------
        list of Prediction
            One for each picture, in their order; `Prediction.source` names its file.

        Raises
        ------
        InputError
            When a file cannot be read, or something is no picture.
        """
        pictures = as_pictures(images)
        scale = self.scale if threshold is None else replace(self.scale, limit=threshold)
        was_training = self.training
        self.eval()
        try:
            predictions: list[Prediction] = []
            while chosen := list(islice(pictures, PICTURES_AT_A_TIME)):
                originals = [
                    read_picture(picture, len(predictions) + index, self.depth)
                    for index, picture in enumerate(chosen)
                ]
                sources = [one if isinstance(one, Path) else None for one in chosen]
                predictions += self._predict(originals, sources, scale)
            return predictions
        finally:
            self.train(was_training)

    def _predict(
        self, originals: Sequence[NDArray[np.uint8]], sources: Sequence[Path | None], scale: Scale
    ) -> Iterator[Prediction]:
        resized = np.stack([resize_rgb(original, self.size) for original in originals])
        device = next(self.parameters()).device
        native = anomaly_maps(lambda batch: self(batch).segmentation, resized, device=device)
        maps = upsample(native, (self.size, self.size))
        scores = image_scores(maps, top_pixels(self.size))
        found = zip(originals, sources, maps, scores, strict=True)
        for original, source, anomaly_map, score in found:
            full = resize_map(anomaly_map, original.shape[:2])
            yield Prediction(original, full, float(score), scale, source)
