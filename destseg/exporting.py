"""A model as an ONNX file, which runs without torch and without this project."""

import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from destseg.atomic import write_atomically, writing
from destseg.batches import normalise
from destseg.errors import InputError
from destseg.model import DeSTSeg
from destseg.prediction import top_pixels

NEEDED = ("onnx", "onnxscript")
OPSET = 18


class Deployed(nn.Module):
    """What the file computes: uint8 pictures of the model's size to full-size maps and scores."""

    def __init__(self, model: DeSTSeg) -> None:
        super().__init__()
        self.model = model
        self.size = model.size

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Map pictures (N, size, size, 3) to maps (N, size, size) and scores (N,)."""
        shown = normalise(pictures.permute(0, 3, 1, 2).to(torch.float32) / 255)
        native = self.model(shown).segmentation
        size = (self.size, self.size)
        maps = F.interpolate(native, size=size, mode="bilinear", align_corners=False).squeeze(1)
        scores = maps.flatten(1).topk(top_pixels(self.size), dim=1).values.mean(dim=1)
        return maps, scores


def export_onnx(model: DeSTSeg, path: Path | str) -> Path:
    """Write a model as an ONNX file.

    Its input ``pictures`` is (N, size, size, 3) uint8 RGB, resized as by Pillow's bilinear filter;
    outputs are ``maps``, (N, size, size) float32, and ``scores``, (N,) float32. Size, limit and the
    card's name stand in its metadata.

    Parameters
    ----------
    model : DeSTSeg
        On any device.
    path : Path or str
        The file; replaced whole or not at all.

    Raises
    ------
    InputError
        When the packages for it are not installed, or the file cannot be written.
    """
    lacking = [name for name in NEEDED if find_spec(name) is None]
    if lacking:
        raise InputError(
            f"{path}: ONNX files are written by {' and '.join(NEEDED)}, and {lacking[0]} is not "
            "installed; `pip install 'destseg-bench[onnx]'`."
        )
    deployed = Deployed(model).eval()
    device = next(model.parameters()).device
    example = torch.zeros((2, model.size, model.size, 3), dtype=torch.uint8, device=device)
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter's own, of what it is going to change; nothing that a user could mend.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            deployed,
            (example,),
            input_names=["pictures"],
            output_names=["maps", "scores"],
            dynamic_shapes={"pictures": {0: torch.export.Dim("count", min=1)}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    content = program.model_proto
    facts = {"size": model.size, "limit": model.scale.limit, "name": model.card.name}
    for key, value in facts.items():
        content.metadata_props.add(key=key, value=str(value))
    path = Path(path)
    with writing(path):
        write_atomically(path, content.SerializeToString())
    return path
