"""What an experiment comes to on this machine: its grid, its inputs and its stages."""

from dataclasses import dataclass

from bench.data.kinds import find_kind
from bench.experiment.experiment import Experiment
from bench.experiment.grid import Grid, choose_categories, in_paper_order
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
from destseg.errors import InputError


@dataclass(frozen=True)
class Blueprint:
    """An experiment laid out.

    Parameters
    ----------
    experiment : Experiment
        With the command line's changes applied.
    grid : Grid
        What it spans.
    inputs : Inputs
        What it reads.
    plan : Plan
        Its stages.
    """

    experiment: Experiment
    grid: Grid
    inputs: Inputs
    plan: Plan

    @property
    def unprepared(self) -> tuple[str, ...]:
        """Names of the inputs whose digests are not known: teacher, textures, categories."""
        (teacher,) = self.inputs.backbones.values()
        shared = {"teacher": teacher.digest, "textures": self.inputs.textures.digest}
        images = {name: ref.digest for name, ref in self.inputs.categories.items()}
        found = {**shared, **images}
        return tuple(name for name, digest in found.items() if digest == UNPREPARED)


def lay_out(experiment: Experiment, sources: Sources, jobs: int) -> Blueprint:
    """Lay an experiment out, its inputs prepared.

    Parameters
    ----------
    experiment : Experiment
        What to lay out.
    sources : Sources
        Folders of this machine.
    jobs : int
        Processes that prepare the inputs.

    Raises
    ------
    InputError
        When a category is not there, or with the faults of the inputs.
    """
    categories = _chosen_categories(experiment, sources)
    inputs = prepare_inputs(required_inputs(experiment, categories), sources, jobs)
    smallest = min(inputs.categories.values(), key=lambda ref: ref.train)
    batch_size = experiment.training.batch_size
    if smallest.train < batch_size:
        raise InputError(
            f"{smallest.category}: {smallest.train} training images are fewer than one batch of "
            f"{batch_size}; set a smaller training.batch_size in the experiment's file."
        )
    return _drawn(experiment, categories, inputs)


def look_up(experiment: Experiment, sources: Sources, *, assume: bool = False) -> Blueprint:
    """Lay an experiment out with the inputs that are prepared already; nothing is written.

    Parameters
    ----------
    experiment : Experiment
        What to lay out.
    sources : Sources
        Folders of this machine.
    assume : bool
        Without a folder of images take the experiment's categories, or MVTec AD's 15, as given.

    Raises
    ------
    InputError
        When a category is not there, or with the faults that show without reading the files.
    """
    if assume and find_kind(experiment.dataset.kind).needs_data and sources.data is None:
        categories = _assumed_categories(experiment)
    else:
        categories = _chosen_categories(experiment, sources)
    return _drawn(
        experiment, categories, look_up_inputs(required_inputs(experiment, categories), sources)
    )


def sketch(experiment: Experiment) -> Blueprint:
    """Lay an experiment out with no input known, its categories assumed."""
    categories = _assumed_categories(experiment)
    return _drawn(
        experiment, categories, unprepared_inputs(required_inputs(experiment, categories))
    )


def required_inputs(experiment: Experiment, categories: tuple[str, ...]) -> RequiredInputs:
    """Say what an experiment reads of some categories."""
    return RequiredInputs(
        find_kind(experiment.dataset.kind),
        experiment.dataset.size,
        experiment.protocol,
        categories,
        ((experiment.teacher, experiment.model.width),),
    )


def is_known(stage: Stage) -> bool:
    """Whether a stage's key can be trusted: none of the inputs it depends on is unprepared."""
    return not any(
        above.parameters.get(name) == UNPREPARED
        for above in stage.lineage()
        for name in ("images", "teacher", "textures")
    )


def _assumed_categories(experiment: Experiment) -> tuple[str, ...]:
    """Return the experiment's categories, or those of the dataset it is made for."""
    known = find_kind(experiment.dataset.kind).categories
    return tuple(sorted(experiment.grid.categories)) or known


def _drawn(experiment: Experiment, categories: tuple[str, ...], inputs: Inputs) -> Blueprint:
    grid = Grid(categories, in_paper_order(experiment.grid.variants), experiment.grid.seeds)
    return Blueprint(experiment, grid, inputs, plan(experiment, grid.cells(), inputs))


def _chosen_categories(experiment: Experiment, sources: Sources) -> tuple[str, ...]:
    """Return the experiment's categories, or all there are, in the dataset's order."""
    kind = find_kind(experiment.dataset.kind)
    where = sources.data or kind.title
    return choose_categories(experiment.grid.categories, kind.available(sources.data), where)
