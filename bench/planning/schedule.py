"""The order of work: which stage a free worker gets next, and how long a grid will take.

Pure: the same schedule drives a real run and its simulation.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass

from bench.planning.stages import Plan, Stage

ROUNDS = 10
"""Families for each worker from which on one that ends late costs little."""

SPARE = 3
"""Families left for each worker below which groups are shared out, where there are fewer."""


class Schedule:
    """The stages of a plan that are still to be computed, handed out parents first.

    The first ready stage in the plan's order comes first: seed by seed, so that a whole table
    exists early, and category by category, so that workers never wait at a border between kinds.
    With it come ready ones of its `Stage.group`, to be computed together: all of them while many
    families of category and seed are left, else the share that leaves some for every worker, in
    the end one. ``done`` tells of a key whether its result is there already.

    Where accelerators compute, ``beside`` more workers take all that needs none, and nothing else:
    what does is for the ``workers`` alone, and only it counts when groups are shared out.
    """

    def __init__(
        self, plan: Plan, done: Callable[[str], bool], workers: int = 1, beside: int = 0
    ) -> None:
        self.workers = workers
        """How many there are; they may come and go."""
        self._beside = beside
        self._stages: Mapping[str, Stage] = plan.stages
        self._rank = {key: rank for rank, key in enumerate(plan.stages)}
        self._done = done
        self._there: set[str] = set()
        self._lost: set[str] = set()
        self._needed: set[str] = set()
        self._running: set[str] = set()
        self._failed: set[str] = set()
        self._waiting: Counter[str] = Counter()
        self._children: dict[str, set[str]] = {}
        # Of what the workers take, and of what those beside them do.
        self._ready: dict[bool, list[int]] = {False: [], True: []}
        self._order = list(plan.stages)
        self._groups: dict[Hashable, list[str]] = {}
        for key, stage in plan.stages.items():
            self._groups.setdefault(stage.group, []).append(key)
        self._alone: set[str] = set()
        self._families: dict[bool, Counter[Hashable]] = {False: Counter(), True: Counter()}
        for evaluation in plan.evaluations.values():
            self._need(evaluation.key)

    @property
    def pending(self) -> tuple[Stage, ...]:
        """Stages that are neither done nor failed, running ones among them."""
        return tuple(self._stages[key] for key in sorted(self._needed, key=self._rank.__getitem__))

    def next(self, *, beside: bool = False) -> tuple[Stage, ...]:
        """Hand out stages to be computed together, often one; none while nothing is ready.

        They are for a worker, or for one of those ``beside``.
        """
        ready = self._ready[beside]
        while ready:
            key = self._order[heapq.heappop(ready)]
            if self._is_ready(key):
                chosen = self._with(key)
                self._running.update(chosen)
                return tuple(self._stages[each] for each in chosen)
        return ()

    def part(self, key: str) -> None:
        """Note that a stage could not be computed with others: hand it out again, by itself."""
        self._running.discard(key)
        self._alone.add(key)
        self._offer(key)

    def finish(self, key: str) -> None:
        """Note that a stage is done: its children may follow."""
        self._running.discard(key)
        self._drop(key)
        self._there.add(key)
        for child in self._children.pop(key, ()):
            self._waiting[child] -= 1
            self._offer(child)

    def fail(self, key: str) -> tuple[Stage, ...]:
        """Note that a stage failed; return it and its descendants, which are given up."""
        self._running.discard(key)
        given_up = []
        doomed = [key]
        while doomed:
            current = doomed.pop()
            if current in self._needed:
                self._drop(current)
                self._failed.add(current)
                given_up.append(self._stages[current])
                doomed += self._children.pop(current, ())
        return tuple(given_up)

    def lose(self, key: str, finder: str) -> bool:
        """Note that the stage ``finder`` found a result gone: compute it again, then the finder.

        Tell whether this is news: several stages may find the same one gone.
        """
        news = key in self._there
        self._running.discard(finder)
        self._there.discard(key)
        self._lost.add(key)
        if self._need(key):
            self._wait(finder, key)
        else:
            self.fail(finder)
        return news

    def _need(self, key: str) -> bool:
        """Take a stage up with the parents it lacks; tell whether it can come to be at all."""
        if key in self._there or key in self._failed:
            return key in self._there
        if key in self._needed:
            return True
        if key not in self._lost and self._done(key):
            self._there.add(key)
            return True
        self._needed.add(key)
        self._count(key, 1)
        for parent in self._stages[key].parents:
            if not self._need(parent.key):
                self.fail(key)
                return False
            self._wait(key, parent.key)
        self._offer(key)
        return True

    def _drop(self, key: str) -> None:
        if key in self._needed:
            self._needed.discard(key)
            self._count(key, -1)

    def _count(self, key: str, change: int) -> None:
        stage = self._stages[key]
        self._families[self._is_beside(key)][stage.category, stage.seed] += change

    def _is_beside(self, key: str) -> bool:
        return self._beside > 0 and not self._stages[key].on_device

    def _is_ready(self, key: str) -> bool:
        return key in self._needed and key not in self._running and not self._waiting[key]

    def _with(self, key: str) -> list[str]:
        """Choose what a ready stage is computed with."""
        group = self._stages[key].group
        if group is None or key in self._alone:
            return [key]
        left = [each for each in self._groups[group] if each in self._needed - self._alone]
        share = math.ceil(len(left) * self._wholeness(beside=self._is_beside(key)))
        return [each for each in left if self._is_ready(each)][:share]

    def _wholeness(self, *, beside: bool) -> float:
        """Return the share of a group that one worker gets."""
        workers, counts = self._beside if beside else self.workers, self._families[beside]
        families = sum(count > 0 for count in counts.values())
        if workers == 1:
            return 1.0
        many = len(counts) >= ROUNDS * workers
        return min(1.0, families / (workers * (1 if many else SPARE)))

    def _wait(self, child: str, parent: str) -> None:
        if parent in self._needed and child not in self._children.setdefault(parent, set()):
            self._children[parent].add(child)
            self._waiting[child] += 1

    def _offer(self, key: str) -> None:
        if key in self._needed and not self._waiting[key]:
            heapq.heappush(self._ready[self._is_beside(key)], self._rank[key])


@dataclass(frozen=True)
class Forecast:
    """What a run would come to."""

    stages: int  # to be computed
    work: float  # seconds of all of them together
    makespan: float  # seconds from the first to the last
    workers: int  # that share the work
    beside: float = 0.0  # seconds of the work that is done by others, beside the workers

    @property
    def efficiency(self) -> float:
        """Share of the workers' time that is work of theirs, in [0, 1]; 1 where there is none."""
        if not self.makespan:
            return 1.0
        return (self.work - self.beside) / (self.makespan * self.workers)


def simulate(
    plan: Plan,
    seconds: Callable[[Stage], float],
    workers: int,
    done: Iterable[str] = (),
    *,
    beside: int = 0,
) -> Forecast:
    """Play a run of the plan through on equal workers, given how long each stage takes.

    What is computed together takes as long as all of it: a record's seconds are a share already.
    Results whose keys are in ``done`` are there already. For ``beside`` see `Schedule`.
    """
    there = frozenset(done)
    schedule = Schedule(plan, there.__contains__, workers, beside)
    now = 0.0
    count = 0
    free, work = {False: workers, True: beside}, {False: 0.0, True: 0.0}
    running: list[tuple[float, int, bool, tuple[Stage, ...]]] = []
    while True:
        for place in free:
            while free[place] and (together := schedule.next(beside=place)):
                duration = sum(map(seconds, together))
                free[place] -= 1
                work[place] += duration
                count += len(together)
                heapq.heappush(running, (now + duration, count, place, together))
        if not running:
            return Forecast(count, sum(work.values()), now, workers, work[True])
        now, _, place, together = heapq.heappop(running)
        free[place] += 1
        for stage in together:
            schedule.finish(stage.key)
