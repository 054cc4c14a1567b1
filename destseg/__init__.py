"""DeSTSeg: segmentation-guided denoising student-teacher for anomaly detection.

Zhang et al., CVPR 2023. The method alone: networks, losses, synthetic anomalies, the two training
stages, inference, model files. It needs torch, numpy and Pillow (overlays matplotlib too), and
knows nothing of the benchmark around it.

    model = destseg.train("parts")          # a folder with train/good, or of images
    destseg.save(model, "model.pt")
    model = destseg.load("model.pt")        # or one of the authors' checkpoints
    for prediction in model.predict(["part.png"]):
        print(prediction.score, prediction.anomalous)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from destseg.application.calibration import set_limit
    from destseg.application.fitting import train
    from destseg.card import Card
    from destseg.checkpoint import load, save, save_authors
    from destseg.config import AnomalyConfig, ModelConfig, TrainingConfig
    from destseg.descent import TrainingDiverged
    from destseg.errors import InputError
    from destseg.exporting import export_onnx
    from destseg.model import DeSTSeg, Output
    from destseg.prediction import Prediction, Scale

__all__ = [
    "AnomalyConfig",
    "Card",
    "DeSTSeg",
    "InputError",
    "ModelConfig",
    "Output",
    "Prediction",
    "Scale",
    "TrainingConfig",
    "TrainingDiverged",
    "export_onnx",
    "load",
    "save",
    "save_authors",
    "set_limit",
    "train",
]

_HOMES = {
    "application.calibration": ("set_limit",),
    "card": ("Card",),
    "exporting": ("export_onnx",),
    "checkpoint": ("load", "save", "save_authors"),
    "config": ("AnomalyConfig", "ModelConfig", "TrainingConfig"),
    "errors": ("InputError",),
    "application.fitting": ("train",),
    "model": ("DeSTSeg", "Output"),
    "prediction": ("Prediction", "Scale"),
    "descent": ("TrainingDiverged",),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: torch takes seconds, and not all need it."""
    for module, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(f"destseg.{module}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
