"""Artifacts of stages: weights and anomaly maps, to bytes and back."""

import io
from typing import Any

import numpy as np
import torch

from bench.planning.stages import Kind, Stage
from bench.store.runs import RunStore


def stored_maps(store: RunStore, stage: Stage) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Read a maps stage's (N, h, w) float32 maps: exactly what the metrics see."""
    stored: np.ndarray[Any, np.dtype[np.float32]] = np.load(
        io.BytesIO(store.load(stage.key)), allow_pickle=False
    )
    return stored


def serialise(kind: Kind, result: Any) -> tuple[str | None, bytes | None]:
    """Turn a stage's result into the name and content of its artifact; an evaluation has none."""
    buffer = io.BytesIO()
    if kind in ("student", "segmentation"):
        state = {name: tensor.cpu() for name, tensor in result.state_dict().items()}
        torch.save(state, buffer)
        return "weights.pt", buffer.getvalue()
    if kind == "maps":
        np.save(buffer, result)
        return "maps.npy", buffer.getvalue()
    return None, None
