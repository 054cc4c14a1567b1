"""What a run leaves in its results folder: cells, tables, figures, the report."""

import dataclasses
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.common.provenance import device_name, foot
from bench.experiment.tables import COSTS
from bench.methods import method
from bench.planning.experiment_plan import ExperimentPlan
from bench.presentation.table import Table
from bench.presentation.tables import build_table, write_tables
from bench.results.files import CELLS, REPORT, joined_with, with_costs
from bench.results.finished import Finished
from bench.results.keeping import keep_results, lost_numbers, place_of
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

    def write(self, *, seeds: Sequence[int] | None = None) -> tuple[Table, Path]:
        """Write cells and tables, and, when all seeds are meant, the figures and the report.

        Figures are drawn again when cells or tables differ from those of the last time, and the
        report with them. What the folder holds and these cells lack is not replaced, see
        `bench.results.keeping.place_of`.
        Returns the experiment's first table, and the folder.
        """
        experiment = self.laid.experiment
        finished = self.finished(tuple(seeds or self.laid.grid.seeds))
        if seeds is not None and lost_numbers(self.folder, finished.results):
            # The whole is there already, and is to stay until there is another.
            shown = joined_with(finished.results, experiment.include, self.folder.parent)
            return build_table(experiment.tables[0], shown), self.folder
        folder = place_of(finished.results, self.folder)
        finished = self._with_costs(finished, folder, measure=seeds is None)
        before = _numbers(folder)
        kept = keep_results(folder, finished.results)
        if folder != self.folder and _numbers(folder) != before:
            for name in ("tables", "figures"):
                shutil.rmtree(folder / name, ignore_errors=True)
        shown = joined_with(kept, experiment.include, folder.parent)
        write_tables(experiment.tables, shown, folder / "tables")
        if seeds is None:
            shows = dataclasses.replace(finished, results=shown)
            drawn = (folder / "figures").is_dir() and _numbers(folder) == before
            # Here and not above: a run with nothing to do need not wait for matplotlib.
            if not drawn:
                from bench.workflows.reporting import write_all

                write_all(shows, folder, self.command)
            elif not (folder / REPORT).is_file():
                from bench.workflows.reporting import write_report

                write_report(shows, folder, self.command)
        return build_table(experiment.tables[0], shown), folder

    def finished(self, seeds: tuple[int, ...]) -> Finished:
        """Collect the cells of some seeds."""
        found = finished_of(self.laid, self.store, seeds=seeds, provenance=self._provenance())
        devices = Counter(found.results.cells.get("device", ()))
        if {*devices} <= {device_name(self.device)}:
            return found
        # The machine of the foot is the one that writes the tables.
        where = ", ".join(f"{name} ({count})" for name, count in sorted(devices.items()))
        said = (*found.results.provenance, f"Cells by device: {where}")
        return dataclasses.replace(
            found, results=dataclasses.replace(found.results, provenance=said)
        )

    def _with_costs(self, finished: Finished, folder: Path, *, measure: bool) -> Finished:
        """Add what a folder knows of the methods' costs, or measure those that are shown."""
        results = with_costs(finished.results, folder)
        is_here = self.device.startswith(("cpu", "cuda"))
        if measure and is_here and {*COSTS} & {*self.laid.experiment.tables}:
            from bench.workflows.costing import costs_of  # needs torch

            costs = costs_of(self.laid, results.fulls, self.store, results.costs, self.device)
            results = dataclasses.replace(results, costs=costs)
        return dataclasses.replace(finished, results=results)

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


def _numbers(folder: Path) -> dict[str, bytes]:
    """Read a folder's cells and tables."""
    files = (folder / CELLS, *(folder / "tables").glob("*.csv"))
    return {file.name: file.read_bytes() for file in files if file.is_file()}
