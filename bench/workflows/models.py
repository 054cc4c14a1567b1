"""Whole models: out of the records of a run, and measured as a run would measure them."""

import dataclasses
import io
from pathlib import Path

import torch

from bench.common.seeding import derive_seed
from bench.data.categories import load_category, prepare_category
from bench.data.kinds import find_kind, folder_origin
from bench.data.teacher import load_teacher
from bench.data.textures import load_textures
from bench.experiment.experiment import Experiment
from bench.experiment.grid import Cell, choose_categories
from bench.metrics import Protocol, evaluate
from bench.planning.experiment_plan import required_inputs
from bench.planning.inputs import Sources, prepare_inputs
from bench.planning.stages import Stage, plan
from bench.store.artifacts import read_artifact
from bench.store.runs import DamagedArtifact, RunStore
from destseg.bars import progress_bars
from destseg.batches import TrainingImages, training_batches
from destseg.calibration import CALIBRATION_BATCHES, measure_scale
from destseg.errors import InputError
from destseg.inference import anomaly_maps, upsample
from destseg.model import DeSTSeg


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The metrics of one model on one category.

    Parameters
    ----------
    category : str
        Its name.
    test : int
        Number of test images.
    is_mvtec : bool
        Whether the images are MVTec AD's, so that published numbers may stand beside.
    scores : mapping of str to mapping
        ``segmentation`` and ``distance``, the six metrics of either map.
    """

    category: str
    test: int
    is_mvtec: bool
    scores: dict[str, dict[str, float]]


def evaluate_model(
    model: DeSTSeg, category: str, sources: Sources, *, protocol: Protocol, device: str
) -> Evaluation:
    """Measure both anomaly maps of a model on a category's test images.

    Parameters
    ----------
    model : DeSTSeg
        On ``device``; images are resized to its ``size``.
    category : str
        Name of a folder in ``sources.data``.
    sources : Sources
        Where the images are.
    protocol : Protocol
        Under which it is measured.
    device : str
        Torch device.

    Raises
    ------
    InputError
        When the images are not there.
    """
    assert sources.data is not None
    ref = prepare_category(sources.data, category, model.size, sources.cache, protocol)
    data = load_category(ref)
    size = (protocol.size, protocol.size)
    mappers = {
        "segmentation": lambda images: model(images).segmentation,
        "distance": lambda images: model(images).distance,
    }
    scores = {
        name: evaluate(
            upsample(anomaly_maps(mapper, data.test, device=device), size), data.masks, protocol
        )
        for name, mapper in mappers.items()
    }
    return Evaluation(category, len(data.test), folder_origin({category: ref}).in_paper, scores)


def model_of_cell(
    experiment: Experiment, sources: Sources, results: Path, cell: Cell, device: str
) -> DeSTSeg:
    """Put the networks of a finished cell together, and measure the scale of its maps.

    Parameters
    ----------
    experiment : Experiment
        That the cell is of.
    sources : Sources
        What it was trained on: keys of results depend on it.
    results : Path
        Folder of all results.
    cell : Cell
        With seg.
    device : str
        Torch device.

    Raises
    ------
    InputError
        When the cell has no segmentation net, is not finished, or its weights are damaged.
    """
    if not cell.variant.seg:
        raise InputError(f"{cell}: without seg there is no whole model; choose one with seg.")
    kind = find_kind(experiment.dataset.kind)
    choose_categories([cell.category], kind.available(sources.data), sources.data or kind.title)
    inputs = prepare_inputs(required_inputs(experiment, (cell.category,)), sources, jobs=1)
    (teacher,) = inputs.backbones.values()
    (maps,) = plan(experiment, [cell], inputs).evaluations[cell].parents
    student, segmentation = maps.parents
    model = DeSTSeg(
        load_teacher(teacher),
        experiment.model,
        student=cell.variant.student,
        fusion_input=cell.variant.fusion_input,
        size=experiment.dataset.size,
    )
    store = RunStore(results / "runs")
    model.student_net.load_state_dict(_weights(store, student, cell))
    model.segmentation_net.load_state_dict(_weights(store, segmentation, cell))
    model.to(device).eval().requires_grad_(False)
    normal = load_category(inputs.categories[cell.category]).train
    batches = training_batches(
        TrainingImages(normal, load_textures(inputs.textures)),
        batch_size=experiment.training.batch_size,
        steps=CALIBRATION_BATCHES,
        seed=derive_seed(category=cell.category, stage="scale", stream="data", seed=cell.seed),
        anomalies=experiment.anomalies,
        device=device,
    )
    with progress_bars() as shown:
        model.scale = measure_scale(model, batches, normal, shown)
    return model


def _weights(store: RunStore, stage: Stage, cell: Cell) -> dict[str, torch.Tensor]:
    try:
        content = read_artifact(store, stage)
    except DamagedArtifact as error:
        raise InputError(
            f"{cell}: its {stage.kind} is not there ({error}); run `python -m bench reproduce` "
            "with the same options first."
        ) from None
    state: dict[str, torch.Tensor] = torch.load(
        io.BytesIO(content), map_location="cpu", weights_only=True
    )
    return state
