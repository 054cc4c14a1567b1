"""The stage graph: methods' steps in their places in the grid, each computed once.

A stage is a step for one category and one seed, or for all of them. Its key names everything the
result depends on, and nothing else: no path, host, device or number of workers.
"""

import hashlib
import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bench.experiment.experiment import Experiment
from bench.experiment.grid import Cell
from bench.methods import method, method_steps
from bench.methods.steps import Step
from bench.planning.evaluation import Evaluate
from bench.planning.inputs import Inputs
from destseg.errors import InputError

SCHEMA = 1
"""Version of the form of keys."""

OF_CATEGORY = ("images", "masks", "rotation")
"""What differs by category of what steps read."""


def canonical(values: Any) -> str:
    """Write plain JSON values in the one form that keys are made of."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


def stage_key(kind: str, code: int, parameters: Mapping[str, Any], parents: Iterable[str]) -> str:
    """Compute a stage's key, of a stage that is planned or of one that a record tells of.

    The parameters are plain JSON values, the parents are given by their keys, in their order.
    """
    identity = {
        "schema": SCHEMA,
        "kind": kind,
        "code": code,
        "parameters": parameters,
        "parents": list(parents),
    }
    return hashlib.sha256(canonical(identity).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Stage:
    """A step in its place: the unit of work."""

    kind: str  # of its step
    code: int  # version of the code that computes it
    # Everything the result depends on besides the parents; plain JSON values.
    parameters: Mapping[str, Any]
    parents: tuple["Stage", ...] = ()  # whose artifacts are read
    category: str = ""  # whose images it depends on; empty where it serves all categories
    seed: int | None = None  # of its run; None where it serves all seeds
    # What computes it; None of maps that somebody else made.
    step: Step[Any] | None = field(default=None, repr=False)

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of what makes the result, 64 hexadecimal digits."""
        parents = [parent.key for parent in self.parents]
        return stage_key(self.kind, self.code, self.parameters, parents)

    @cached_property
    def group(self) -> Hashable | None:
        """What stages have in common that may be computed together; None of one that is alone."""
        if self.step is None or self.step.stream is None:
            return None
        return self.kind, self.category, self.seed, self.step.stream

    @property
    def on_device(self) -> bool:
        """Whether it computes on the device of its worker; see `bench.methods.steps.Step`."""
        return self.step is None or self.step.on_device

    def lineage(self) -> Iterator["Stage"]:
        """List its ancestors and itself, parents first."""
        for parent in self.parents:
            yield from parent.lineage()
        yield self

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stage) and self.key == other.key

    def __str__(self) -> str:
        seed = "" if self.seed is None else f"seed {self.seed}"
        of = f"of {self.parents[0].kind}" if isinstance(self.step, Evaluate) else ""
        traits = f"({', '.join(self._traits)})" if self._traits else ""
        return " ".join(word for word in (self.category, seed, self.kind, of, traits) if word)

    @property
    def _traits(self) -> tuple[str, ...]:
        """What tells it from the same stage of other variants: what is on, and other values."""
        steps = dict.fromkeys(stage.step for stage in self.lineage() if stage.step is not None)
        values = {
            (step.kind, name): (name, getattr(step, name)) for step in steps for name in step.traits
        }
        return tuple(
            name if value is True else str(value)
            for name, value in values.values()
            if value is not None and value is not False
        )


@dataclass(frozen=True)
class Plan:
    """What an experiment comes to."""

    evaluations: Mapping[Cell, Stage]  # the stage whose record holds a cell's metrics
    # Every stage by its key, each shared one once: seed by seed, category by category, and there
    # those first that most has to follow, so that what is computed together becomes ready together.
    # Parents come before children.
    stages: Mapping[str, Stage]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its stages, each before those that are computed from it."""
        parents: dict[str, dict[str, None]] = {}
        for stage in self.stages.values():
            above = dict.fromkeys(parent.kind for parent in stage.parents)
            parents.setdefault(stage.kind, {}).update(above)
        found: dict[str, None] = {}

        def visit(kind: str) -> None:
            for parent in parents.pop(kind, ()):
                visit(parent)
            found.setdefault(kind)

        for kind in tuple(parents):
            visit(kind)
        return tuple(found)


def step_types() -> Mapping[str, type[Step[Any]]]:
    """Return the class of every step by its kind, the harness's evaluation among them."""
    return {**method_steps(), Evaluate.kind: Evaluate}


def plan(experiment: Experiment, cells: Iterable[Cell], inputs: Inputs) -> Plan:
    """Lay out the stages of the cells, each shared one once."""
    graph = _Graph(experiment, inputs)
    evaluations = {cell: graph.evaluation(cell) for cell in cells}
    stages: dict[str, Stage] = {}
    for members in families(evaluations).values():
        followers: dict[Stage, int] = {}
        for evaluation in members.values():
            _count_followers(evaluation, 0, followers)
        for stage in sorted(followers, key=lambda stage: -followers[stage]):
            stages.setdefault(stage.key, stage)
    return Plan(evaluations, stages)


def families(
    evaluations: Mapping[Cell, Stage],
) -> Mapping[tuple[str, int | None], Mapping[Cell, Stage]]:
    """Part evaluations by category and seed: what is trained for one family serves no other."""
    found: dict[tuple[str, int | None], dict[Cell, Stage]] = {}
    for cell, stage in evaluations.items():
        found.setdefault((stage.category, stage.seed), {})[cell] = stage
    return found


def _count_followers(stage: Stage, after: int, found: dict[Stage, int]) -> None:
    """Note of a stage and its ancestors the longest way from it to an evaluation."""
    if after > found.get(stage, -1):
        found[stage] = after
        for parent in stage.parents:
            _count_followers(parent, after + 1, found)


def shard(whole: Plan, index: int, count: int) -> Plan:
    """Take one of ``count`` parts of a plan, ``index`` from 1.

    Every part has as many families as another, give or take one, and is spread over the grid.
    Parts share no stage but those that serve several categories or seeds.
    """
    mine = list(families(whole.evaluations).values())[index - 1 :: count]
    evaluations = {cell: stage for family in mine for cell, stage in family.items()}
    wanted = {above.key for stage in evaluations.values() for above in stage.lineage()}
    return Plan(evaluations, {key: stage for key, stage in whole.stages.items() if key in wanted})


class _Graph:
    """Stages on their way to a plan."""

    def __init__(self, experiment: Experiment, inputs: Inputs) -> None:
        self._experiment, self._inputs = experiment, inputs
        self._backbones = {
            name: {
                key: inputs.backbones[str(backbone.source), backbone.width].digest
                for key, backbone in experiment.backbones(name).items()
            }
            for name in experiment.grid.variants
        }
        self._placed: dict[tuple[str, Step[Any], str, int], Stage] = {}

    def evaluation(self, cell: Cell) -> Stage:
        """Return the stage that measures a cell."""
        known, experiment = method(cell.method), self._experiment
        try:
            last = known.last(experiment.configs[cell.method], known.variants[cell.variant])
        except Exception as error:
            raise InputError(
                f"{cell.method} {cell.variant}: its steps cannot be laid out "
                f"({type(error).__name__}: {error}); mend the method or its settings."
            ) from error
        return self._place(Evaluate(experiment.protocol, experiment.metrics or None, last), cell)

    def _place(self, step: Step[Any], cell: Cell) -> Stage:
        address = (cell.method, step, cell.category, cell.seed)
        if address not in self._placed:
            parents = tuple(self._place(parent, cell) for parent in step.parents)
            of_category = any(name in OF_CATEGORY for name in step.reads)
            seeded = step.seeded or any(parent.seed is not None for parent in parents)
            self._placed[address] = Stage(
                step.kind,
                step.version,
                self._parameters(step, cell),
                parents,
                cell.category if of_category or any(p.category for p in parents) else "",
                cell.seed if seeded else None,
                step,
            )
        return self._placed[address]

    def _parameters(self, step: Step[Any], cell: Cell) -> dict[str, Any]:
        found = step.settings
        for name in step.reads:
            if name == "masks" and step.kind != Evaluate.kind:
                raise InputError(
                    f"{cell.method}: the step {step.kind!r} reads the masks, which are for the "
                    "evaluation alone; take them out of its reads."
                )
            found |= self._identity(name, cell)
        if step.seeded:
            found["seed"] = cell.seed
        return found

    def _identity(self, name: str, cell: Cell) -> dict[str, Any]:
        """Return what is read under a name, as it stands in keys."""
        dataset = self._experiment.dataset
        images = {
            "category": cell.category,
            "images": self._inputs.categories[cell.category].digest,
        }
        if name == "images":
            return {**images, "size": dataset.size}
        if name == "masks":
            return images
        if name == "rotation":
            return {"category": cell.category, "rotation": dataset.rotation}
        if name == "textures":
            return {"textures": self._inputs.textures.digest, "size": dataset.size}
        backbones = self._backbones[cell.method]
        if name not in backbones:
            known = ("images", "rotation", "textures", *backbones)
            raise InputError(
                f"{cell.method}: a step reads {name!r}; there are {', '.join(known)}, and the "
                "method's backbones may have more."
            )
        return {name: backbones[name]}
