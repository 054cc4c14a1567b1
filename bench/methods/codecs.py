"""Results of steps, to bytes and back."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.methods.steps import Scores

if TYPE_CHECKING:
    from torch import Tensor


class ScoresCodec:
    """Maps as ``maps.npy``; with image scores of the method's own, both as ``scores.npz``."""

    def encode(self, result: Scores) -> tuple[str, bytes]:
        """Return the file's name and content."""
        buffer = io.BytesIO()
        if result.image_scores is None:
            np.save(buffer, result.maps)
            return "maps.npy", buffer.getvalue()
        np.savez(buffer, maps=result.maps, image_scores=result.image_scores)
        return "scores.npz", buffer.getvalue()

    def decode(self, content: bytes) -> Scores:
        """Return the scores."""
        stored = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return Scores(stored)
        return Scores(stored["maps"], stored["image_scores"])


class ArraysCodec:
    """Arrays by name, as ``arrays.npz``."""

    def encode(self, result: Mapping[str, np.ndarray[Any, Any]]) -> tuple[str, bytes]:
        """Return the file's name and content.

        Raises
        ------
        ValueError
            For arrays of objects, which only a pickle can hold.
        """
        for name, array in result.items():
            # Not by savez's allow_pickle, which NumPy before 2.2 takes for one more array.
            if np.asarray(array).dtype.hasobject:
                raise ValueError(f"array {name!r} is of objects; give numbers")
        buffer = io.BytesIO()
        np.savez(buffer, **result)  # type: ignore[arg-type]
        return "arrays.npz", buffer.getvalue()

    def decode(self, content: bytes) -> dict[str, np.ndarray[Any, Any]]:
        """Return the arrays."""
        return dict(np.load(io.BytesIO(content), allow_pickle=False))


class WeightsCodec:
    """A network's state dict as ``weights.pt``; reading it never runs code."""

    def encode(self, result: "Mapping[str, Tensor]") -> tuple[str, bytes]:
        """Return the file's name and content."""
        import torch

        buffer = io.BytesIO()
        torch.save({name: tensor.cpu() for name, tensor in result.items()}, buffer)
        return "weights.pt", buffer.getvalue()

    def decode(self, content: bytes) -> "dict[str, Tensor]":
        """Return the state dict, on the CPU."""
        import torch

        state: dict[str, Tensor] = torch.load(
            io.BytesIO(content), map_location="cpu", weights_only=True
        )
        return state


SCORES = ScoresCodec()
ARRAYS = ArraysCodec()
WEIGHTS = WeightsCodec()
