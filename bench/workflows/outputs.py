"""What a run leaves in its results folder: cells, tables, figures, the report."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from bench.common.provenance import foot
from bench.experiment.tables import COSTS
from bench.methods import method
from bench.planning.experiment_plan import ExperimentPlan
from bench.presentation.table import Table
from bench.presentation.tables import build_table, write_tables
from bench.results.files import CELLS, joined_with, with_costs, write_results
from bench.results.finished import Finished
from bench.results.lookup import finished_of
from bench.store.runs import RunStore


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The outputs of one experiment as functions of its records.

    They go into a folder beside other results; command and device are for the foot of the tables.
    """

    laid: ExperimentPlan
    store: RunStore
    folder: Path
    command: str
    device: str

    def complete_seeds(self) -> tuple[int, ...]:
        """Seeds all of whose cells have a record."""
        lacking = {
            cell.seed
            for cell, stage in self.laid.plan.evaluations.items()
            if self.store.get(stage.key) is None
        }
        return tuple(seed for seed in self.laid.grid.seeds if seed not in lacking)

    def write(self, *, seeds: Sequence[int] | None = None) -> Table:
        """Write cells and tables, and, when all seeds are meant, the figures and the report.

        Figures and report are made again when cells or tables differ from those of the last time.
        Returns the experiment's first table.
        """
        experiment = self.laid.experiment
        finished = self.finished(tuple(seeds or self.laid.grid.seeds))
        finished = self._with_costs(finished, measure=seeds is None)
        before = self._numbers()
        write_results(self.folder, finished.results)
        shown = joined_with(finished.results, experiment.include, self.folder.parent)
        write_tables(experiment.tables, shown, self.folder / "tables")
        there = (self.folder / "figures").is_dir() and (self.folder / "report.html").is_file()
        if seeds is None and not (there and self._numbers() == before):
            # Here and not above: a run with nothing to do need not wait for matplotlib.
            from bench.workflows.reporting import write_all

            write_all(dataclasses.replace(finished, results=shown), self.folder, self.command)
        return build_table(experiment.tables[0], shown)

    def finished(self, seeds: tuple[int, ...]) -> Finished:
        """Collect the cells of some seeds."""
        return finished_of(self.laid, self.store, seeds=seeds, provenance=self._provenance())

    def _with_costs(self, finished: Finished, *, measure: bool) -> Finished:
        """Add what is known of the methods' costs, or measure the others if they are shown."""
        results = with_costs(finished.results, self.folder)
        if measure and {*COSTS} & {*self.laid.experiment.tables} and not self._is_remote:
            from bench.workflows.costing import costs_of  # needs torch

            costs = costs_of(self.laid, results.fulls, self.store, results.costs, self.device)
            results = dataclasses.replace(results, costs=costs)
        return dataclasses.replace(finished, results=results)

    @property
    def _is_remote(self) -> bool:
        return not self.device.startswith(("cpu", "cuda"))

    def _numbers(self) -> dict[str, bytes]:
        """Read cells and tables without what changes with every commit, the foot of the tables."""
        files = (self.folder / CELLS, *(self.folder / "tables").glob("*.csv"))
        return {file.name: file.read_bytes() for file in files if file.is_file()}

    def _provenance(self) -> tuple[str, ...]:
        """Lines for the foot of the tables, the setting of each method among them."""
        experiment = self.laid.experiment
        settings = {}
        for name, config in experiment.configs.items():
            backbones = [
                f"{role} {self.laid.inputs.backbones[str(wanted.source), wanted.width].name}"
                for role, wanted in experiment.backbones(name).items()
            ]
            said = list(filter(None, (method(name).summary(config), *backbones)))
            if said:
                settings[name] = ", ".join(said)
        several = len(settings) > 1
        lines = [
            f"Setting{f' of {name}' if several else ''}: {setting}"
            for name, setting in settings.items()
        ]
        return foot(self.command, self.device, *lines)
