"""DeSTSeg: the paper's method and its ablation (Zhang et al., CVPR 2023)."""

import dataclasses
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from bench.methods._settings import as_papers, in_precision, multiplied, of_step, with_precision
from bench.methods.destseg.claims import CLAIMS, COMPARISONS
from bench.methods.destseg.steps import Map, TrainSegmentation, TrainStudent
from bench.methods.destseg.variants import ABLATION, FACTORS, FULL, VARIANTS, Variant
from bench.methods.interface import Backbone, Method
from destseg.config import AnomalyConfig, ModelConfig, Precision, TrainingConfig


@dataclass(frozen=True)
class Config:
    """The method's settings; the defaults are the paper's.

    Parameters
    ----------
    model : ModelConfig
        Sizes of the networks.
    anomalies : AnomalyConfig
        How synthetic anomalies are drawn.
    training : TrainingConfig
        The recipe of both stages.
    """

    model: ModelConfig = ModelConfig()
    anomalies: AnomalyConfig = AnomalyConfig()
    training: TrainingConfig = TrainingConfig()


def last_step(config: Config, variant: Variant) -> Map:
    """Return the maps of a variant."""
    training = config.training
    data: dict[str, Any] = {
        "anomalies": config.anomalies,
        "batch_size": training.batch_size,
        "momentum": training.momentum,
        "weight_decay": training.weight_decay,
        "precision": of_step(training.precision),
    }
    student = TrainStudent(
        **data,
        steps=training.student_steps,
        width=config.model.width,
        den=variant.den,
        student=variant.student,
        lr=training.student_lr,
        statistics=None if variant.den else training.den_off_statistics,
    )
    if not variant.seg:
        return Map(False, student, None)
    segmentation = TrainSegmentation(
        **data,
        steps=training.segmentation_steps,
        width=config.model.segmentation_width,
        dilations=config.model.dilations,
        res_lr=training.res_lr,
        head_lr=training.head_lr,
        gamma=training.gamma,
        l1=variant.l1,
        fusion_input=variant.fusion_input,
        data_stream=training.data_stream,
        student=student,
    )
    return Map(True, student, segmentation)


def is_papers(config: Config) -> bool:
    """Whether networks, steps, optimiser and anomalies are the paper's.

    In either reading where paper and released program differ by a switch; see
    ``docs/differences.md``.
    """
    training = dataclasses.replace(
        config.training,
        den_off_statistics=TrainingConfig.den_off_statistics,
        data_stream=TrainingConfig.data_stream,
        precision=as_papers(config.training.precision),
    )
    anomalies = dataclasses.replace(config.anomalies, rotation_stream=AnomalyConfig.rotation_stream)
    return Config(config.model, anomalies, training) == Config()


def scaled(config: Config, factor: float) -> Config:
    """Return the configuration with so many times the updates of both stages."""
    training = multiplied(config.training, factor, "student_steps", "segmentation_steps")
    return dataclasses.replace(config, training=training)


def trained_in(config: Config, precision: Precision) -> Config:
    """Return the configuration with both stages computed in a precision."""
    return dataclasses.replace(config, training=in_precision(config.training, precision))


def summary(config: Config) -> str:
    """Return steps, batch size, width and a precision other than float32 in words."""
    training = config.training
    steps = f"{training.student_steps} + {training.segmentation_steps} steps"
    words = f"{steps} of {training.batch_size} images, width {config.model.width}"
    return with_precision(words, training.precision)


BIBTEX = """\
@inproceedings{zhang2023destseg,
  title     = {{DeSTSeg}: Segmentation Guided Denoising Student-Teacher for Anomaly Detection},
  author    = {Zhang, Xuan and Li, Shiyu and Li, Xi and Huang, Ping and Shan, Jiulong and Chen, Ting},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition},
  pages     = {3914--3923},
  year      = {2023}
}
"""  # noqa: E501

METHOD = Method(
    name="DeSTSeg",
    reference="Zhang et al., DeSTSeg, CVPR 2023",
    bibtex=BIBTEX,
    config=Config,
    last=last_step,
    variants=VARIANTS,
    default=ABLATION,
    full=FULL,
    factors=FACTORS,
    parts={name: attrgetter(name) for name in ("student", "l1", "fusion_input")},
    comparisons=COMPARISONS,
    claims=CLAIMS,
    backbones=lambda config: {"teacher": Backbone(config.model.width)},
    is_papers=is_papers,
    summary=summary,
    least_images=lambda config: config.training.batch_size,
    scaled=scaled,
    in_precision=trained_in,
)
