"""What a run leaves in its results folder: cells, tables, figures, the report."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from bench.common.provenance import foot
from bench.data.kinds import find_kind
from bench.experiment.experiment import Experiment
from bench.experiment.grid import Grid
from bench.planning.inputs import Inputs
from bench.planning.stages import Plan
from bench.presentation.table import Table
from bench.presentation.tables import TABLES, write_tables
from bench.results.cells import collect_cells
from bench.results.evidence import Evidence, heading_of
from bench.results.files import CELLS, write_heading
from bench.store.runs import RunStore
from destseg.atomic import write_atomically


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The outputs of one experiment as functions of its records.

    Parameters
    ----------
    experiment : Experiment
        What was run.
    grid : Grid
        What it spans.
    inputs : Inputs
        What it read.
    plan : Plan
        Which record holds which cell.
    store : RunStore
        The records.
    folder : Path
        Where the outputs go.
    command, device : str
        For the foot of the tables.
    """

    experiment: Experiment
    grid: Grid
    inputs: Inputs
    plan: Plan
    store: RunStore
    folder: Path
    command: str
    device: str

    def complete_seeds(self) -> tuple[int, ...]:
        """Seeds all of whose cells have a record."""
        lacking = {
            cell.seed
            for cell, stage in self.plan.evaluations.items()
            if self.store.get(stage.key) is None
        }
        return tuple(seed for seed in self.grid.seeds if seed not in lacking)

    def write(self, *, seeds: Sequence[int] | None = None) -> Table:
        """Write cells and tables, and, when all seeds are meant, the figures and the report.

        Figures and report are made again when cells or tables differ from those of the last time.

        Parameters
        ----------
        seeds : sequence of int, optional
            Only these, while others are still running.

        Returns
        -------
        Table
            The experiment's first table.
        """
        evidence = self.evidence(tuple(seeds or self.grid.seeds))
        cells, heading = evidence.cells, evidence.heading
        self.folder.mkdir(parents=True, exist_ok=True)
        text = cells.to_csv(index=False, lineterminator="\n").encode()
        before = self._numbers()
        write_atomically(self.folder / CELLS, text)
        write_heading(self.folder, heading)
        names = self.experiment.tables
        write_tables(names, cells, heading, self.folder / "tables")
        there = (self.folder / "figures").is_dir() and (self.folder / "report.html").is_file()
        if seeds is None and not (there and self._numbers() == before):
            # Here and not above: a run with nothing to do need not wait for matplotlib.
            from bench.results.gathering import Findings
            from bench.workflows.reporting import mend, write_all

            mend(evidence)
            write_all(Findings(self.experiment, evidence, self.plan), self.folder, self.command)
        return TABLES[names[0]](cells, heading)

    def _numbers(self) -> dict[str, bytes]:
        """Read cells and tables without what changes with every commit, the foot of the tables."""
        files = (self.folder / CELLS, *(self.folder / "tables").glob("*.csv"))
        return {file.name: file.read_bytes() for file in files if file.is_file()}

    def evidence(self, seeds: tuple[int, ...]) -> Evidence:
        """Collect the cells of some seeds, with the way to their maps and images."""
        categories = self.inputs.categories
        origin = find_kind(self.experiment.dataset.kind).origin(categories)
        heading = heading_of(
            self.experiment, self.grid, origin, seeds=seeds, provenance=self._provenance()
        )
        cells = collect_cells(self.plan, self.store, dataset=origin.name)
        return Evidence(cells[cells["seed"].isin(seeds)], heading, self.store, categories)

    def _provenance(self) -> tuple[str, ...]:
        """Lines for the foot of the tables."""
        training = self.experiment.training
        steps = f"{training.student_steps} + {training.segmentation_steps} steps"
        (teacher,) = self.inputs.backbones.values()
        networks = f"width {self.experiment.model.width}, teacher {teacher.name}"
        setting = f"Setting: {steps} of {training.batch_size} images, {networks}"
        return foot(self.command, self.device, setting)
