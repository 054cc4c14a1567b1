"""A job on a machine of a cluster: what is sent there, what is done there, what comes back.

The client's side is `bench.running.cluster`.
"""

import dataclasses
import multiprocessing
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.data.cache import CACHE_VARIABLE
from bench.planning.stages import SCHEMA, step_types
from bench.running.execution import Job, Outcome
from bench.running.isolation import Child
from bench.store.runs import RECORD
from destseg.application.devices import choose_device
from destseg.errors import InputError

Files = Mapping[str, bytes]
"""Of one stage, by name, as `RunStore.pack` reads them."""


def code_versions() -> dict[str, int]:
    """Return the versions that must be the same wherever stages of one run are computed."""
    return {"schema": SCHEMA, **{kind: step.version for kind, step in step_types().items()}}


@dataclass(frozen=True)
class Needs:
    """What a run asks of every worker."""

    inputs: tuple[Path, ...]  # decoded images, textures and teacher
    token: Path  # a file in the folder of results: a worker that sees it shares that folder
    device: str  # torch device, or ``auto``
    versions: Mapping[str, int]  # of the code, as `code_versions` returns them


@dataclass(frozen=True)
class Sight:
    """What a worker says to that: what is wrong, and whether it shares the folder of results."""

    fault: str
    shared: bool


@dataclass(frozen=True)
class Parcel:
    """A job on its way to a worker."""

    job: Job
    needs: Needs  # looked at again before each job: workers may join at any time
    run: str  # name of the run, by which its stages are stopped
    timeout: float | None = None  # seconds that a stage may take
    # Files of the stages' parents, by key, for a worker that does not see them.
    parents: Mapping[str, Files] | None = None


@dataclass(frozen=True)
class Delivery:
    """What a worker sends back."""

    # Of every stage; none when the job needs its parents' files and came without.
    outcomes: tuple[Outcome, ...]
    # Of stages that are done, by key: all of them where results are not shared, else the record.
    files: Mapping[str, Files] = dataclasses.field(default_factory=dict)


def survey(needs: Needs) -> Sight:
    """Look whether inputs, device and code are here, and the folder of results."""
    missing = next((path for path in needs.inputs if not path.exists()), None)
    fault = ""
    own = code_versions()
    # A method that only one side has is told of when a stage of it comes.
    if any(own.get(kind, version) != version for kind, version in needs.versions.items()):
        fault = "another version of destseg-bench is installed; install the same one everywhere"
    elif missing is not None:
        fault = (
            f"{missing} is not there; set {CACHE_VARIABLE} to a folder that this machine and all "
            "workers see under the same path"
        )
    else:
        try:
            choose_device(needs.device)
        except InputError as error:
            fault = str(error)
    return Sight(fault, needs.token.exists())


def compute(parcel: Parcel) -> Delivery:
    """Compute a job in a child process of this worker."""
    from distributed import get_worker  # only workers are sure to have it

    job = parcel.job
    sight = survey(parcel.needs)
    if sight.fault:
        where = get_worker().address
        return Delivery(job.all("unwritable", f"worker {where}: {sight.fault}"))
    if parcel.parents is None:
        if not sight.shared:
            return Delivery(())
        outcomes = _run(job, parcel)
        there = [each.key for each in outcomes if each.status in ("done", "cached")]
        packed = {key: job.store.pack(key) for key in there}
        records = {
            key: {name: files[name] for name in files if name == RECORD}
            for key, files in packed.items()
        }
        return Delivery(outcomes, records)
    with tempfile.TemporaryDirectory(prefix="destseg-bench-") as folder:
        store = dataclasses.replace(job.store, root=Path(folder))
        for parent, content in parcel.parents.items():
            store.unpack(parent, content)
        outcomes = _run(dataclasses.replace(job, store=store), parcel)
        done = {each.key: store.pack(each.key) for each in outcomes if each.status == "done"}

        # The folder is gone when somebody reads the message.
        def lasting(outcome: Outcome) -> Outcome:
            message = outcome.message.replace(folder, str(job.store.root))
            return dataclasses.replace(outcome, message=message)

        return Delivery(tuple(map(lasting, outcomes)), done)


def stop(run: str) -> None:
    """End the children that compute for a run, and those that are idle."""
    with _lock:
        ended = [place for place in _places if place.run in ("", run)]
        for place in ended:
            _places.remove(place)
    for place in ended:
        place.child.close()


@dataclass(eq=False)
class _Place:
    """A child of this worker, and the run it computes for; an idle one has none."""

    child: Child
    settings: tuple[str, float | None]
    run: str


# A worker keeps its children: one that has loaded torch, teacher and images begins at once.
_places: list[_Place] = []
_lock = threading.Lock()


def _run(job: Job, parcel: Parcel) -> tuple[Outcome, ...]:
    with _child(parcel) as child:
        return child.run(job)


@contextmanager
def _child(parcel: Parcel) -> Iterator[Child]:
    """Lend a child with the parcel's settings."""
    # Dask's nanny marks its worker as a daemon, which multiprocessing allows no children.
    process = multiprocessing.current_process()
    if process.daemon:
        process.daemon = False
    settings = (choose_device(parcel.needs.device), parcel.timeout)
    with _lock:
        idle = [place for place in _places if not place.run]
        fitting = [place for place in idle if place.settings == settings]
        # A child of other settings holds memory that nobody may ever ask for again.
        others = [place for place in idle if place.settings != settings]
        for other in others:
            _places.remove(other)
        place = fitting[0] if fitting else _Place(Child(*settings), settings, "")
        place.run = parcel.run
        if not fitting:
            _places.append(place)
    for other in others:
        other.child.close()
    try:
        yield place.child
    finally:
        with _lock:
            place.run = ""
