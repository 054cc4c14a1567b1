"""Whole models: out of the records of a run, and measured as a run would measure them."""

import dataclasses
from pathlib import Path

import torch

from bench import __version__
from bench.data.categories import load_category, prepare_category
from bench.data.kinds import find_kind, folder_origin
from bench.data.teacher import load_teacher
from bench.data.textures import load_textures
from bench.experiment.experiment import Experiment
from bench.experiment.grid import Cell, choose_categories
from bench.methods.destseg import METHOD
from bench.metrics import Protocol, evaluate
from bench.planning.experiment_plan import required_inputs
from bench.planning.inputs import Sources, prepare_inputs
from bench.planning.stages import Stage, plan
from bench.running.execution import result_of
from bench.store.runs import DamagedArtifact, RunStore
from destseg.application.calibration import CALIBRATION_BATCHES, calibrate
from destseg.application.progress import stage_progress
from destseg.batches import TrainingImages, training_batches
from destseg.card import TRAINING_IMAGES, Card
from destseg.config import Precision
from destseg.errors import InputError
from destseg.inference import anomaly_maps, upsample
from destseg.model import DeSTSeg
from destseg.seeding import derive_seed


@dataclasses.dataclass(frozen=True)
class ModelMetrics:
    """The six metrics of a model's maps, ``segmentation`` and ``distance``, on one category.

    `test` is the number of test images; `in_paper` is whether the paper's numbers are of them and
    may stand beside. The precision is the one the model was trained in, by its card.
    """

    category: str
    test: int
    in_paper: bool
    precision: Precision
    scores: dict[str, dict[str, float]]


def evaluate_model(
    model: DeSTSeg, category: str, sources: Sources, *, protocol: Protocol, device: str
) -> ModelMetrics:
    """Measure both anomaly maps of a model on the test images of a folder in ``sources.data``.

    The model is on the device; images are resized to its size.

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
    original = folder_origin({category: ref}).standing == "original"
    return ModelMetrics(category, len(data.test), original, model.card.precision, scores)


def model_of_cell(
    experiment: Experiment, sources: Sources, results: Path, cell: Cell, device: str
) -> DeSTSeg:
    """Put the networks of a finished cell of DeSTSeg together, and measure the scale of its maps.

    The sources are what it was trained on, since keys of results depend on them.

    Raises
    ------
    InputError
        When the cell has no segmentation net, is not finished, or its weights are damaged.
    """
    variant, config = METHOD.variants[cell.variant], experiment.configs[METHOD.name]
    if not variant.seg:
        raise InputError(f"{cell}: without seg there is no whole model; choose one with seg.")
    kind = find_kind(experiment.dataset.kind)
    choose_categories([cell.category], kind.available(sources.data), sources.data or kind.title)
    inputs = prepare_inputs(required_inputs(experiment, (cell.category,)), sources, jobs=1)
    (maps,) = plan(experiment, [cell], inputs).evaluations[cell].parents
    backbone = experiment.backbones(METHOD.name)["teacher"]
    model = DeSTSeg(
        load_teacher(inputs.backbones[str(backbone.source), backbone.width]),
        config.model,
        student=variant.student,
        fusion_input=variant.fusion_input,
        size=experiment.dataset.size,
    )
    store = RunStore(results / "runs")
    networks = (model.student_net, model.segmentation_net)
    for network, stage in zip(networks, maps.parents, strict=True):
        network.load_state_dict(_weights(store, stage, cell))
    model.to(device).eval().requires_grad_(False)
    ref = inputs.categories[cell.category]
    model.depth = ref.depth
    normal = load_category(ref).train
    batches = training_batches(
        TrainingImages(normal, load_textures(inputs.textures)),
        batch_size=config.training.batch_size,
        steps=CALIBRATION_BATCHES,
        seed=derive_seed(category=cell.category, stage="scale", stream="data", seed=cell.seed),
        anomalies=config.anomalies,
        device=device,
    )
    with stage_progress() as shown:
        found = calibrate(model, batches, normal, shown)
    model.scale = found.scale
    model.card = Card(
        name=str(cell),
        images=len(normal),
        recipe=dataclasses.asdict(config.training),
        trained=_day(store, maps.parents[-1]),
        version=__version__,
        good=TRAINING_IMAGES,
        good_scores=found.scores,
        separation=found.separation,
    )
    return model


def _day(store: RunStore, stage: Stage) -> str:
    """Return the day of a finished stage."""
    record = store.get(stage.key)
    return "" if record is None else record.provenance.get("started", "")[:10]


def _weights(store: RunStore, stage: Stage, cell: Cell) -> dict[str, torch.Tensor]:
    try:
        weights: dict[str, torch.Tensor] = result_of(store, stage)
    except DamagedArtifact as error:
        raise InputError(
            f"{cell}: its {stage.kind} is not there ({error}); run `python -m bench reproduce` "
            "with the same options first."
        ) from None
    return weights
