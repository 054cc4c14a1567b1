"""The stage graph: what is computed from what, what is shared, and under which key.

    student(den, shape) -> maps(seg off)               -> evaluation
                        -> segmentation(loss, input) -> maps(seg on) -> evaluation

The student is frozen after its stage, BatchNorm statistics included, so variants that
differ only in what follows it share one, exactly. A key names everything a stage's result depends
on, and nothing else: no path, host, device or number of workers.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from bench.experiment.experiment import Experiment
from bench.experiment.grid import Cell
from bench.planning.inputs import Inputs

Kind = Literal["student", "segmentation", "maps", "evaluation"]

SCHEMA = 1
"""Version of the form of keys."""

CODE_VERSIONS: Mapping[Kind, int] = {
    "student": 2,
    "segmentation": 2,
    "maps": 1,
    "evaluation": 1,
}
"""Raised by hand when a change of code changes what a stage computes."""


def canonical(values: Any) -> str:
    """Write plain JSON values in the one form that keys are made of."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


def stage_key(kind: str, code: int, parameters: Mapping[str, Any], parents: Iterable[str]) -> str:
    """Compute a stage's key, of a stage that is planned or of one that a record tells of.

    Parameters
    ----------
    kind : str
        What is done.
    code : int
        Version of the code that does it.
    parameters : mapping
        Plain JSON values.
    parents : iterable of str
        Keys of the parents, in their order.
    """
    identity = {
        "schema": SCHEMA,
        "kind": kind,
        "code": code,
        "parameters": parameters,
        "parents": list(parents),
    }
    return hashlib.sha256(canonical(identity).encode()).hexdigest()


@dataclass(frozen=True)
class Stage:
    """One step of one pipeline.

    Parameters
    ----------
    kind : str
        What is done.
    parameters : mapping
        Everything the result depends on besides the parents; plain JSON values.
    parents : tuple of Stage
        Whose artifacts are read.
    """

    kind: Kind
    parameters: Mapping[str, Any]
    parents: tuple["Stage", ...] = ()

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of everything above, 64 hexadecimal digits."""
        parents = [parent.key for parent in self.parents]
        return stage_key(self.kind, self.code, self.parameters, parents)

    @property
    def code(self) -> int:
        """Version of the code that computes it."""
        return CODE_VERSIONS[self.kind]

    def lineage(self) -> Iterator["Stage"]:
        """List its ancestors and itself, parents first."""
        for parent in self.parents:
            yield from parent.lineage()
        yield self

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stage) and self.key == other.key


@dataclass(frozen=True)
class Task:
    """A stage with its place in the grid: the unit of work.

    Parameters
    ----------
    stage : Stage
        What is computed.
    category : str
        Whose images are needed.
    seed : int
        Of the run.
    """

    stage: Stage
    category: str
    seed: int

    def __str__(self) -> str:
        return f"{self.category} seed {self.seed} {self.stage.kind}"


@dataclass(frozen=True)
class Plan:
    """What an experiment comes to.

    Parameters
    ----------
    evaluations : mapping of Cell to Stage
        The stage whose record holds a cell's metrics.
    tasks : mapping of str to Task
        Every stage by its key, each shared one once: seed by seed, and within a seed a student
        with all that descends from it before the next. Parents come before children.
    """

    evaluations: Mapping[Cell, Stage]
    tasks: Mapping[str, Task]


def plan(experiment: Experiment, cells: Iterable[Cell], inputs: Inputs) -> Plan:
    """Lay out the stages of the cells, each shared one once."""
    evaluations: dict[Cell, Stage] = {}
    descendants: dict[str, list[Cell]] = {}
    for cell in cells:
        student, evaluation = _pipeline(experiment, cell, inputs)
        evaluations[cell] = evaluation
        descendants.setdefault(student.key, []).append(cell)
    tasks: dict[str, Task] = {}
    for family in descendants.values():
        for cell in family:
            for stage in evaluations[cell].lineage():
                tasks.setdefault(stage.key, Task(stage, cell.category, cell.seed))
    return Plan(evaluations, tasks)


def shard(whole: Plan, index: int, count: int) -> Plan:
    """Take one of ``count`` parts of a plan that share no stage, ``index`` from 1.

    Every part has as many students as another, give or take one, and is spread over the grid.
    """
    students = [key for key, task in whole.tasks.items() if not task.stage.parents]
    mine = set(students[index - 1 :: count])
    evaluations = {
        cell: stage
        for cell, stage in whole.evaluations.items()
        if next(stage.lineage()).key in mine
    }
    wanted = {above.key for stage in evaluations.values() for above in stage.lineage()}
    return Plan(evaluations, {key: task for key, task in whole.tasks.items() if key in wanted})


def _pipeline(experiment: Experiment, cell: Cell, inputs: Inputs) -> tuple[Stage, Stage]:
    """Return the student and the evaluation of one cell; the stages between are its parents."""
    category = inputs.categories[cell.category]
    (teacher,) = inputs.backbones.values()
    training, variant = experiment.training, cell.variant
    images = {
        "category": cell.category,
        "images": category.digest,
        "size": experiment.dataset.size,
        "teacher": teacher.digest,
    }
    data = {
        **images,
        "seed": cell.seed,
        "textures": inputs.textures.digest,
        "rotation": experiment.dataset.rotation,
        "anomalies": dataclasses.asdict(experiment.anomalies),
        "batch_size": training.batch_size,
        "momentum": training.momentum,
        "weight_decay": training.weight_decay,
    }
    student = Stage(
        "student",
        {
            **data,
            "den": variant.den,
            "student": variant.student,
            "width": experiment.model.width,
            "steps": training.student_steps,
            "lr": training.student_lr,
            # Only where it has an effect, or students with den would be trained twice.
            **({} if variant.den else {"statistics": training.den_off_statistics}),
        },
    )
    networks: tuple[Stage, ...] = (student,)
    if variant.seg:
        segmentation = Stage(
            "segmentation",
            {
                **data,
                "width": experiment.model.segmentation_width,
                "dilations": list(experiment.model.dilations),
                "steps": training.segmentation_steps,
                "res_lr": training.res_lr,
                "head_lr": training.head_lr,
                "gamma": training.gamma,
                "l1": variant.l1,
                "fusion_input": variant.fusion_input,
                "data_stream": training.data_stream,
            },
            networks,
        )
        networks = (student, segmentation)
    maps = Stage("maps", {**images, "seg": variant.seg}, networks)
    evaluation = Stage(
        "evaluation",
        {
            "category": cell.category,
            "images": category.digest,
            "protocol": experiment.protocol.identity(),
        },
        (maps,),
    )
    return student, evaluation
