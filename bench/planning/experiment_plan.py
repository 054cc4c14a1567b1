"""What an experiment comes to on this machine: its grid, its inputs and its stages."""

import dataclasses
from collections import defaultdict
from dataclasses import dataclass

from bench.data.kinds import find_kind
from bench.data.wide_resnet import WIDE_RESNET
from bench.experiment.experiment import Experiment
from bench.experiment.grid import Grid, choose_categories
from bench.methods import method
from bench.planning.inputs import (
    UNPREPARED,
    Inputs,
    RequiredInputs,
    Sources,
    look_up_inputs,
    prepare_inputs,
    unprepared_inputs,
)
from bench.planning.stages import Plan, Stage, plan
from destseg.errors import InputError, counted, tell


@dataclass(frozen=True)
class ExperimentPlan:
    """An experiment laid out."""

    experiment: Experiment  # with the command line's changes applied
    grid: Grid
    inputs: Inputs
    plan: Plan

    @property
    def unprepared(self) -> tuple[str, ...]:
        """Names of the inputs whose digests are not known: backbones, textures, categories."""
        inputs = self.inputs
        found = {
            "teacher" if len(inputs.backbones) == 1 else f"teacher {source} {width}": ref.digest
            for (source, width), ref in inputs.backbones.items()
        }
        found["textures"] = inputs.textures.digest
        found |= {name: ref.digest for name, ref in inputs.categories.items()}
        return tuple(name for name, digest in found.items() if digest == UNPREPARED)


def lay_out(experiment: Experiment, sources: Sources, jobs: int) -> ExperimentPlan:
    """Lay an experiment out, its inputs prepared by ``jobs`` processes.

    Raises
    ------
    InputError
        When a category is not there or has too few images, or with the faults of the inputs.
    """
    required = required_inputs(experiment, _chosen_categories(experiment, sources))
    inputs = prepare_inputs(required, sources, jobs)
    smallest = min(inputs.categories.values(), key=lambda ref: ref.train)
    for name, config in experiment.configs.items():
        least = method(name).least_images(config)
        if smallest.train < least:
            raise InputError(
                f"{smallest.category}: has {counted(smallest.train, 'training image')}, and {name} "
                f"needs {least} for one batch; set a smaller batch_size in the experiment's file."
            )
    return _laid_out(experiment, required, inputs)


def look_up(experiment: Experiment, sources: Sources, *, assume: bool = False) -> ExperimentPlan:
    """Lay an experiment out with the inputs that are prepared already; nothing is written.

    With ``assume`` and without a folder of images the experiment's categories, or the dataset's,
    are taken as given.

    Raises
    ------
    InputError
        When a category is not there, or with the faults that show without reading the files.
    """
    if assume and find_kind(experiment.dataset.kind).needs_data and sources.data is None:
        categories = _assumed_categories(experiment)
    else:
        categories = _chosen_categories(experiment, sources)
    required = required_inputs(experiment, categories)
    return _laid_out(experiment, required, look_up_inputs(required, sources))


def sketch(experiment: Experiment) -> ExperimentPlan:
    """Lay an experiment out with no input known, its categories assumed."""
    required = required_inputs(experiment, _assumed_categories(experiment))
    return _laid_out(experiment, required, unprepared_inputs(required))


def required_inputs(experiment: Experiment, categories: tuple[str, ...]) -> RequiredInputs:
    """Return what an experiment reads of these categories.

    Raises
    ------
    InputError
        When a method cannot read the experiment's teacher.
    """
    tables: dict[tuple[str, int], list[str]] = defaultdict(list)
    for name in experiment.grid.variants:
        own = method(name).backbones(experiment.configs[name])
        for role, backbone in experiment.backbones(name).items():
            if own[role].source is None and backbone.source == WIDE_RESNET:
                raise InputError(
                    f"teacher is {WIDE_RESNET!r}, and {name} reads a ResNet-18; set teacher to "
                    f"one, such as 'imagenet', or leave {name} out."
                )
            tables[str(backbone.source), backbone.width].append(_table_of_width(experiment, name))
    return RequiredInputs(
        find_kind(experiment.dataset.kind),
        experiment.dataset.size,
        experiment.protocol,
        categories,
        {wanted: f"width in {' and '.join(tables[wanted])}" for wanted in sorted(tables)},
    )


def _table_of_width(experiment: Experiment, name: str) -> str:
    """Name the table of a method's settings that has the width of its backbone."""
    config = experiment.configs[name]
    inner = [
        f.name for f in dataclasses.fields(config) if hasattr(getattr(config, f.name), "width")
    ]
    return f"[{'.'.join(('methods', name, *inner))}]"


def is_known(stage: Stage) -> bool:
    """Whether a stage's key can be trusted: none of the inputs it depends on is unprepared."""
    return not any(UNPREPARED in above.parameters.values() for above in stage.lineage())


def _laid_out(experiment: Experiment, required: RequiredInputs, inputs: Inputs) -> ExperimentPlan:
    asked = experiment.grid
    grid = Grid(required.categories, asked.variants, asked.seeds)
    return ExperimentPlan(experiment, grid, inputs, plan(experiment, grid.cells(), inputs))


def _assumed_categories(experiment: Experiment) -> tuple[str, ...]:
    """Return the experiment's categories, or those of the dataset it is made for."""
    known = find_kind(experiment.dataset.kind).categories
    return tuple(sorted(experiment.grid.categories)) or known


def _chosen_categories(experiment: Experiment, sources: Sources) -> tuple[str, ...]:
    """Return the experiment's categories, or all there are, in the dataset's order."""
    kind = find_kind(experiment.dataset.kind)
    available = kind.available(sources.data)
    asked = experiment.grid.categories
    found = set(available) & set(kind.published)
    if not asked and 0 < len(found) < len(kind.published):
        are = "is" if len(found) == 1 else "are"
        tell(
            f"{len(found)} of {kind.title}'s {len(kind.published)} categories {are} in "
            f"{sources.data}"
        )
    return choose_categories(asked, available, sources.data or kind.title)
