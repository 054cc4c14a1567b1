"""Anybody's anomaly maps, scored under the protocol of our tables and recorded like our cells."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bench.common.provenance import foot, peak_memory, record_provenance
from bench.data.cache import content_digest
from bench.data.categories import tell_doubts, tell_lost
from bench.data.kinds import folder_origin
from bench.data.layout import GOOD, CategoryFiles, list_categories, scan_category, tell_strangers
from bench.data.maps import READING_VERSION, FaultyMaps, Map, MapFiles, maps_and_masks, scan_maps
from bench.data.reading import reading_of
from bench.experiment.grid import Cell, choose_categories
from bench.metrics import PAPER, Protocol, evaluate, metrics_of
from bench.planning.evaluation import Evaluate
from bench.planning.stages import Stage
from bench.presentation.table import Table
from bench.presentation.tables import build_table, write_tables
from bench.results.cells import cell_row, tidy
from bench.results.files import CELLS, HEADING
from bench.results.keeping import cells_there, fitting_experiment, keep_results, with_others
from bench.results.results import Results
from bench.store.records import Record, recordable
from bench.store.runs import RunStore, check_writable
from destseg.errors import InputError, counted, tell
from destseg.folders import require_folder, subfolders
from destseg.images import decoded_size

DEVICE = "cpu"
TABLE = "categories"


@dataclass(frozen=True)
class ScoreRequest:
    """What the command line asked for.

    Attributes
    ----------
    maps
        Folders in the layout of MVTec's evaluation, one for each of the seeds.
    data
        Folder in MVTec AD layout.
    categories
        Which of them; none means all there are.
    method
        What made the maps; names the folder of the results.
    metrics
        Keys of those beyond the paper's six.
    """

    maps: tuple[Path, ...]
    seeds: tuple[int, ...]
    data: Path
    categories: tuple[str, ...]
    protocol: Protocol
    method: str
    results: Path
    cache: Path
    command: str
    metrics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.maps) != len(self.seeds):
            folders = counted(len(self.maps), "folder")
            raise InputError(
                f"--seed: {len(self.seeds)} given for {folders} of maps; give as many, or none to "
                "count from 0."
            )
        if len(set(self.seeds)) != len(self.seeds):
            raise InputError(
                f"--seed: {', '.join(map(str, self.seeds))} repeats one; give each once."
            )
        if not re.fullmatch(r"\w[\w.+ -]*", self.method):
            raise InputError(
                f"--method {self.method!r}: names a folder; use letters, digits, spaces and .+-_."
            )

    @property
    def name(self) -> str:
        """Of the results; the paper's protocol goes without saying, so that none hides another."""
        if self.protocol.identity() == PAPER.identity():
            return f"score-{self.method}"
        return f"score-{self.method}-{self.protocol.label.replace(' ', '-')}"

    @property
    def folder(self) -> Path:
        """Where cells and tables go."""
        return self.results / self.name


@dataclass(frozen=True)
class ScoreOutcome:
    """The six metrics by category; how many sets of maps were scored, and had been before.

    ``faults`` are those of the categories that could not be, a sentence each, and of numbers that
    their earlier maps left. ``beside`` is the folder of an experiment they can be included in.
    """

    table: Table
    done: int
    cached: int
    faults: tuple[str, ...] = ()
    beside: str | None = None


@dataclass(frozen=True)
class _Part:
    """One category's maps of one seed, found but not read."""

    cell: Cell
    data: CategoryFiles
    maps: MapFiles
    images_digest: str
    maps_digest: str
    protocol: Protocol
    metrics: tuple[str, ...]

    @cached_property
    def stage(self) -> Stage:
        """What its record is of: a result of these files, whoever made them."""
        parameters = {
            "category": self.cell.category,
            "images": self.images_digest,
            "maps": self.maps_digest,
            "reading": READING_VERSION,
            "protocol": self.protocol.identity(),
            **({"metrics": list(self.metrics)} if self.metrics else {}),
        }
        return Stage(Evaluate.kind, Evaluate.version, parameters)


def score(request: ScoreRequest) -> ScoreOutcome:
    """Score maps, category by category, and write cells and tables.

    No more than a category's scores are in memory, see `bench.metrics.evaluate`. Each category is
    recorded when it is done: what the store has is not read again.

    What is wrong with one category takes no other's results.

    Raises
    ------
    InputError
        With every fault of all maps, masks and folders, when no category can be scored.
    """
    store = RunStore(request.results / "runs")
    check_writable(store.root)
    check_writable(request.folder, CELLS, HEADING)
    chosen, parts, faults = _found(request)
    todo = [
        part
        for part in parts
        if part.data.faults or part.maps.faults or store.get(part.stage.key) is None
    ]
    done = len(todo)
    # No metric needs the images, but a damaged one is told; each is decoded once for all seeds.
    size_of = cache(decoded_size)
    with tqdm(
        total=sum(len(part.data.test) for part in todo), desc="score", unit="map", delay=2
    ) as bar:
        for part in todo:
            try:
                _measure(part, store, size_of, bar)
            except FaultyMaps as error:
                faults += error.faults
                parts.remove(part)
                done -= 1
    # A fault of the data is one, however many seeds there are.
    faults = list(dict.fromkeys(faults))
    asked = {Cell(request.method, "", name, seed) for name in chosen for seed in request.seeds}
    if left := cells_there(request.folder, asked - {part.cell for part in parts}):
        names = ", ".join(f"{cell.category} (seed {cell.seed})" for cell in left)
        faults.append(
            f"{request.folder / CELLS}: still has the numbers of earlier maps of {names}, which "
            "tables and `regress` take for these; score again, or remove the folder."
        )
    if not parts:
        raise fault_list(request, faults)
    table = _write(request, chosen, parts, store)
    beside = fitting_experiment(request.results, table.results)
    return ScoreOutcome(table, done, len(parts) - done, tuple(faults), beside)


def fault_list(request: ScoreRequest, faults: Sequence[str]) -> InputError:
    """Put all faults into one error: a sentence, then a line for each."""
    count = counted(len(faults), "fault")
    first = f"{request.method}: {count} found; mend what is listed and start again:"
    return InputError(first, *(f"  - {fault}" for fault in faults))


def _found(request: ScoreRequest) -> tuple[tuple[str, ...], list[_Part], list[str]]:
    """Find the files of every category and seed, and categories that are on one side alone."""
    known = list_categories(request.data)
    tell_strangers(request.data)
    chosen = choose_categories(request.categories, known, request.data)
    listings = {name: scan_category(request.data / name) for name in chosen}
    for listing in listings.values():
        for sentence in listing.passed_over:
            tell(sentence)
    digests = {}
    for name, listing in tqdm(listings.items(), "read data", unit="category", delay=2):
        reading = reading_of(request.data / name, listing, request.cache)
        tell_doubts(name, reading, request.protocol)
        digests[name] = reading.digest
    parts, faults = [], []
    for root, seed in zip(request.maps, request.seeds, strict=True):
        there = _categories_of_maps(root)
        if not request.categories:
            faults += [
                f"{root / name}: {request.data} has no such category; remove or rename it."
                for name in there
                if name not in known
            ]
        for name in tqdm(chosen, "read maps", unit="category", delay=2):
            if name not in there:
                faults.append(
                    f"{root / name / 'test'}: no such folder; the category's maps belong there, "
                    "or choose others with --category."
                )
                continue
            maps = scan_maps(root / name, listings[name].names, listings[name].unread)
            files = [path for path in maps.maps if path is not None]
            digest = content_digest(root / name, files, request.cache)
            cell = Cell(request.method, "", name, seed)
            part = _Part(
                cell, listings[name], maps, digests[name], digest, request.protocol, request.metrics
            )
            parts.append(part)
    return chosen, parts, faults


def _categories_of_maps(root: Path) -> tuple[str, ...]:
    require_folder(root, "give the folder that holds <category>/test/<defect>/<name>.tiff")
    if (root / "test").is_dir():
        raise InputError(
            f"{root}: is itself a category, not a folder of categories; give its parent and "
            f"--category {root.resolve().name}."
        )
    return tuple(entry.name for entry in subfolders(root) if (entry / "test").is_dir())


def _measure(
    part: _Part, store: RunStore, size_of: Callable[[Path], tuple[int, int]], bar: "tqdm[Any]"
) -> None:
    started = datetime.now(UTC)
    start = time.perf_counter()
    lost: list[str] = []
    pairs = maps_and_masks(part.data, part.maps, part.protocol, size_of=size_of, on_map=bar.update)
    scores = evaluate(
        _noting(lost, part, pairs), protocol=part.protocol, metrics=metrics_of(part.metrics)
    )
    store.put(
        Record(
            key=part.stage.key,
            kind=part.stage.kind,
            parents=(),
            parameters=part.stage.parameters,
            metrics=recordable(scores),
            seconds=round(time.perf_counter() - start, 3),
            peak_memory=peak_memory(),
            provenance={**record_provenance(DEVICE, started), "lost": lost},
            code=part.stage.code,
            category=part.cell.category,
            seed=part.cell.seed,
        )
    )


def _noting(
    lost: list[str], part: _Part, pairs: Iterable[tuple[Map, NDArray[np.bool_]]]
) -> Iterator[tuple[Map, NDArray[np.bool_]]]:
    """Pass on maps and masks, and note the defective images of which no mark is left."""
    for pair, name, defect in zip(pairs, part.data.names, part.data.defects, strict=False):
        if defect != GOOD and not pair[1].any():
            lost.append(name)
        yield pair


def _write(
    request: ScoreRequest, chosen: tuple[str, ...], parts: list[_Part], store: RunStore
) -> Table:
    origin = folder_origin({part.cell.category: part.data for part in parts})
    rows = []
    for part in parts:
        record = store.get(part.stage.key)
        assert record is not None
        tell_lost(part.cell.category, record.provenance.get("lost", ()), part.protocol)
        rows.append(cell_row(record, part.cell, dataset=origin.name))
    results = Results(
        cells=tidy(rows),
        experiment=request.name,
        dataset=origin.title,
        standing=origin.standing,
        categories=chosen,
        variants={request.method: ("",)},
        seeds=request.seeds,
        protocol=request.protocol,
        metrics=metrics_of(request.metrics),
        provenance=foot(request.command, DEVICE),
    )
    results = keep_results(
        request.folder, with_others(request.folder, results, list_categories(request.data))
    )
    write_tables((TABLE,), results, request.folder / "tables")
    return build_table(TABLE, results)
