"""Whole models: out of the records of a run, and measured as a run would measure them."""

import dataclasses
import io
from pathlib import Path

import torch

from bench.data.mvtec import is_mvtec_ad, load_category
from bench.data.teacher import load_teacher
from bench.data.textures import load_textures
from bench.experiment.experiment import DatasetConfig, Experiment
from bench.experiment.grid import Cell, choose_categories
from bench.metrics import Protocol, evaluate
from bench.planning.inputs import Sources, available_categories, prepare_images, prepare_inputs
from bench.planning.stages import Stage, plan
from bench.store.artifacts import read_artifact
from bench.store.runs import DamagedArtifact, RunStore
from destseg.application.calibration import CALIBRATION_BATCHES, measure_scale
from destseg.application.progress import stage_progress
from destseg.batches import TrainingImages, training_batches
from destseg.errors import InputError
from destseg.inference import anomaly_maps, upsample
from destseg.model import DeSTSeg
from destseg.seeding import derive_seed


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
    dataset = DatasetConfig("mvtec", size=model.size)
    ref = prepare_images(Experiment("model", dataset=dataset, protocol=protocol), category, sources)
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
    return Evaluation(category, len(data.test), is_mvtec_ad([ref]), scores)


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
    there = available_categories(experiment, sources)
    choose_categories([cell.category], there, sources.data or "the miniature")
    inputs = prepare_inputs(experiment, [cell.category], sources, jobs=1)
    (maps,) = plan(experiment, [cell], inputs).evaluations[cell].parents
    student, segmentation = maps.parents
    model = DeSTSeg(
        load_teacher(inputs.teacher),
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
    with stage_progress() as shown:
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
