"""Execution of a plan: stages handed to workers, progress, failures as data."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

from bench.data.kinds import find_kind
from bench.experiment.experiment import Experiment
from bench.experiment.grid import Cell
from bench.planning.inputs import Inputs
from bench.planning.schedule import Schedule
from bench.planning.stages import Plan, Stage
from bench.running.execution import Job, Outcome
from bench.running.interruption import Interruption
from bench.running.workers import Workers
from bench.store.records import DamagedRecord
from bench.store.runs import RunStore
from destseg.application.progress import Progress

REPAIRS = 2
"""How often one result may be found damaged; more, and the disk is at fault."""


@dataclass(frozen=True)
class FailedCell:
    """A cell that could not be computed."""

    cell: Cell
    message: str


@dataclass(frozen=True)
class Summary:
    """How a run went."""

    cached: int  # cells that were there already
    done: int  # cells computed now
    failures: tuple[FailedCell, ...]  # the other cells
    wall: float  # seconds from first to last
    busy: float  # seconds of all stages together, without those computed beside
    workers: int  # jobs at the same time, likewise
    stopped: str | None = None  # why the run ended early
    signal: int | None = None  # the signal that ended it
    beside: int = 0  # workers beside these, for what needs no accelerator
    busy_beside: float = 0.0  # seconds of their stages together
    cells: int = 0  # cells of the plan


def run(
    plan: Plan,
    experiment: Experiment,
    inputs: Inputs,
    store: RunStore,
    workers: Workers,
    *,
    command: str = "",
    on_seed: Callable[[int], None] = lambda _: None,
) -> Summary:
    """Compute every cell of the plan that the store does not have.

    Whatever happens to a stage ends its descendants only. An interrupt lets running stages finish,
    a second one does not; a store that cannot be written ends the run. ``command`` is the command
    line, for the records; ``on_seed`` is called with a seed when the last of its cells is finished,
    one way or the other.
    """
    return _Run(plan, experiment, inputs, store, workers, command, on_seed).summary()


@dataclass
class _Run:
    """One run on its way."""

    plan: Plan
    experiment: Experiment
    inputs: Inputs
    store: RunStore
    workers: Workers
    command: str
    on_seed: Callable[[int], None]

    def __post_init__(self) -> None:
        plan, experiment = self.plan, self.experiment
        self._kind = find_kind(experiment.dataset.kind)
        # A method without randomness has one evaluation for all seeds.
        self._cells: dict[str, list[Cell]] = {}
        for cell, stage in plan.evaluations.items():
            self._cells.setdefault(stage.key, []).append(cell)
        damaged: list[str] = []

        def done(key: str) -> bool:
            try:
                return self.store.read(key) is not None
            except DamagedRecord as error:
                damaged.append(f"{error}; it is computed again")
                return False

        self._schedule = Schedule(plan, done, self.workers.size, self.workers.beside)
        pending = [stage.key for stage in self._schedule.pending]
        lacking = [cell for key in pending for cell in self._cells.get(key, ())]
        self._remaining = Counter(cell.seed for cell in lacking)
        self._cached = len(plan.evaluations) - len(lacking)
        self._shown = Progress(experiment.name, len(plan.evaluations), done=self._cached)
        for text in damaged:
            self._shown.say(text)
        self._failures: list[FailedCell] = []
        self._repairs: Counter[str] = Counter()
        self._done = 0
        self._busy = {False: 0.0, True: 0.0}  # of the workers, and of those beside them
        self._stopped: str | None = None

    def summary(self) -> Summary:
        """Work until nothing is left or the run is stopped."""
        start = time.perf_counter()
        with Interruption() as interruption, self._shown:
            self._work(interruption)
        if interruption.signal is not None:
            self._stopped = "interrupted"
        return Summary(
            cached=self._cached,
            done=self._done,
            failures=tuple(self._failures),
            wall=time.perf_counter() - start,
            busy=self._busy[False],
            workers=self.workers.size,
            stopped=self._stopped,
            signal=interruption.signal,
            beside=self.workers.beside,
            busy_beside=self._busy[True],
            cells=len(self.plan.evaluations),
        )

    def _work(self, interruption: Interruption) -> None:
        running: dict[Future[tuple[Outcome, ...]], Job] = {}
        told = False
        while True:
            self._schedule.workers = self.workers.size
            for beside, size in ((False, self.workers.size), (True, self.workers.beside)):
                free = size - sum(job.beside is beside for job in running.values())
                while free > 0 and self._stopped is None and interruption.signal is None:
                    together = self._schedule.next(beside=beside)
                    if not together:
                        break
                    job = self._job(together, beside=beside)
                    running[self.workers.submit(job)] = job
                    free -= 1
            if not running:
                return
            if interruption.signal is not None and not told:
                told = True
                self._shown.say(
                    f"stopping after {_running_stages(running.values())}; interrupt again to stop "
                    "now, which loses the last two minutes of DeSTSeg's trainings and all of other "
                    "stages"
                )
            if interruption.again:
                self.workers.close()
            # Now and then without a result, so that a signal is acted upon.
            finished, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in finished:
                job = running.pop(future)
                outcomes = future.result()
                self._busy[job.beside] += sum(outcome.seconds for outcome in outcomes)
                self._take(outcomes)

    def _job(self, together: tuple[Stage, ...], *, beside: bool) -> Job:
        return Job(
            together, self.inputs, self._kind, self.store, command=self.command, beside=beside
        )

    def _take(self, outcomes: tuple[Outcome, ...]) -> None:
        parted = [outcome for outcome in outcomes if outcome.status == "parted"]
        if parted:
            self._shown.say(
                f"{len(parted)} stages together: {parted[0].message}; each is computed by itself"
            )
        for outcome in outcomes:
            self._take_one(outcome)

    def _take_one(self, outcome: Outcome) -> None:
        key = outcome.key
        if outcome.status in ("done", "cached"):
            self._schedule.finish(key)
            for cell in self._cells.get(key, ()):
                self._done += 1
                self._finish_cell(cell)
        elif outcome.status == "parted":
            self._schedule.part(key)
        elif outcome.status == "unwritable":
            self._stopped = outcome.message
        elif outcome.damaged is not None and self._repairs[outcome.damaged] < REPAIRS:
            self._shown.say(f"{outcome.message}; it is computed again")
            self._repairs[outcome.damaged] += self._schedule.lose(outcome.damaged, key)
        elif outcome.status != "stopped":
            self._fail(outcome)

    def _fail(self, outcome: Outcome) -> None:
        try:
            if outcome.failure is not None:
                self.store.fail(outcome.failure)
        except OSError as error:
            self._stopped = f"{self.store.root}: {error.strerror or error}"
        for stage in self._schedule.fail(outcome.key):
            for cell in self._cells.get(stage.key, ()):
                self._failures.append(FailedCell(cell, outcome.message))
                self._shown.say(f"failed: {cell}: {outcome.message}")
                self._finish_cell(cell)

    def _finish_cell(self, cell: Cell) -> None:
        failed = len(self._failures)
        self._shown.advance(note=f"{failed} failed" if failed else "")
        self._remaining[cell.seed] -= 1
        if self._remaining[cell.seed] == 0:
            self.on_seed(cell.seed)


def _running_stages(jobs: Iterable[Job]) -> str:
    first, *others = (stage for job in jobs for stage in job.stages)
    if not others:
        return f"the running stage, {first}"
    return f"{1 + len(others)} running stages, {first} among them"
