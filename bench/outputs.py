"""What a run leaves in its results folder: cells, tables, figures."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.artifacts import stored_maps
from bench.cells import collect_cells
from bench.data import miniature
from bench.data.inputs import Inputs
from bench.data.mvtec import is_mvtec_ad, load_category
from bench.experiment import Experiment
from bench.grid import FULL_VARIANT, Cell, Grid
from bench.metrics import image_scores
from bench.presentation.heading import Heading
from bench.presentation.table import Table
from bench.presentation.tables import TABLES, write_tables
from bench.provenance import foot
from bench.results import CELLS, write_heading
from bench.stages import Plan, Stage
from bench.store import DamagedArtifact, RunStore
from destseg.atomic import write_atomically
from destseg.images import resize_rgb
from destseg.inference import upsample

if TYPE_CHECKING:
    from bench.presentation.examples import Example


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
        """Write cells and tables, and, when all seeds are meant, the figures.

        Figures are drawn again when the cells differ from those of the last time.

        Parameters
        ----------
        seeds : sequence of int, optional
            Only these, while others are still running.

        Returns
        -------
        Table
            The experiment's first table.
        """
        heading = self._heading(tuple(seeds or self.grid.seeds))
        dataset: str = self.experiment.dataset.kind
        if dataset == "mvtec" and not heading.is_mvtec:
            dataset = "folder"
        cells = collect_cells(self.plan, self.store, dataset=dataset)
        cells = cells[cells["seed"].isin(heading.seeds)]
        self.folder.mkdir(parents=True, exist_ok=True)
        text = cells.to_csv(index=False, lineterminator="\n").encode()
        table = self.folder / CELLS
        known = table.is_file() and table.read_bytes() == text
        write_atomically(table, text)
        write_heading(self.folder, heading)
        names = self.experiment.tables
        write_tables(names, cells, heading, self.folder / "tables")
        figures = self.folder / "figures"
        if seeds is None and not (known and (figures / "examples.svg").is_file()):
            # Here and not above: a run with nothing to do need not wait for matplotlib.
            from bench.presentation.figures import write_figures

            write_figures(names[0], cells, heading, self._examples(), figures)
        return TABLES[names[0]](cells, heading)

    def _heading(self, seeds: tuple[int, ...]) -> Heading:
        size = self.experiment.dataset.size
        genuine = self.experiment.dataset.kind == "mvtec" and is_mvtec_ad(
            self.inputs.categories.values()
        )
        if self.experiment.dataset.kind == "miniature":
            dataset = f"the embedded miniature v{miniature.VERSION}, {size} px"
        else:
            dataset = f"MVTec AD, {size} px" if genuine else f"a folder of own images, {size} px"
        return Heading(
            experiment=self.experiment.name,
            dataset=dataset,
            is_mvtec=genuine,
            categories=self.grid.categories,
            variants=self.grid.variants,
            seeds=seeds,
            provenance=self._provenance(),
            protocol=self.experiment.protocol,
            paper_setting=self.experiment.has_paper_setting,
        )

    def _provenance(self) -> tuple[str, ...]:
        """Lines for the foot of the tables."""
        training = self.experiment.training
        steps = f"{training.student_steps} + {training.segmentation_steps} steps"
        networks = f"width {self.experiment.model.width}, teacher {self.inputs.teacher.name}"
        setting = f"Setting: {steps} of {training.batch_size} images, {networks}"
        return foot(self.command, self.device, setting)

    def _examples(self) -> "list[Example]":
        """Choose one test image of each category, by rule and not by eye.

        Of the anomalous images the one with the median image score, by the full method (or
        the last variant there is) and the first seed. A category lacking maps is left out.
        """
        variant = FULL_VARIANT if FULL_VARIANT in self.grid.variants else self.grid.variants[-1]
        chosen = [
            (cell, stage)
            for cell, stage in self.plan.evaluations.items()
            if cell.variant.name == variant and cell.seed == self.grid.seeds[0]
        ]
        return [example for cell, stage in chosen if (example := self._example(cell, stage))]

    def _example(self, cell: Cell, evaluation: Stage) -> "Example | None":
        try:
            native = stored_maps(self.store, evaluation.parents[0])
        except DamagedArtifact:
            # A run only computes the maps of cells that are missing: with the cell come the maps.
            self.store.discard(evaluation.key)
            return None
        protocol = self.experiment.protocol
        maps = upsample(native, (protocol.size, protocol.size))
        data = load_category(self.inputs.categories[cell.category])
        anomalous = np.flatnonzero(data.masks.any(axis=(1, 2)))
        order = np.argsort(image_scores(maps[anomalous], protocol), kind="stable")
        index = int(anomalous[order[len(order) // 2]])
        low = maps.min()
        from bench.presentation.examples import Example

        return Example(
            category=cell.category,
            name=data.names[index],
            image=resize_rgb(data.test[index], protocol.size),
            mask=data.masks[index],
            anomaly_map=maps[index],
            low=float(low),
            # Maps that are constant still need a scale.
            high=float(max(maps.max(), np.nextafter(low, np.float32(np.inf)))),
        )
