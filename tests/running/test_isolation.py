import os
import runpy
import signal
import sys
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest

from bench.data.kinds import find_kind
from bench.running import isolation
from bench.running.execution import Job
from bench.running.isolation import ATTEMPTS, Child, _ending, alone
from bench.running.workers import Children, InProcess
from bench.store.runs import RunStore

DEADLINE = 120


class Deadly(RunStore):
    """Ends the process that stores a stage with signals, one for each attempt."""

    signals = (signal.SIGKILL,) * 10

    def put(self, record, artifact=None):
        count = self.root / "attempts"
        self.root.mkdir(exist_ok=True)
        with count.open("a") as file:
            file.write(f"{os.getpid()}\n")
        attempt = len(count.read_text().splitlines()) - 1
        if attempt < len(self.signals):
            os.kill(os.getpid(), self.signals[attempt])
        return super().put(record, artifact)


class DeadlyOnce(Deadly):
    signals = (signal.SIGKILL,)


class Crashing(Deadly):
    signals = (signal.SIGSEGV,) * 10


class Endless(RunStore):
    """Never finishes storing."""

    def put(self, record, artifact=None):
        del record, artifact
        (self.root / "begun").parent.mkdir(exist_ok=True)
        (self.root / "begun").touch()
        while True:
            time.sleep(60)


@pytest.fixture
def job_of(lay, with_codebook, tiny_inputs, tmp_path):
    """A stage that trains nothing: most of its time is the start of the process."""
    _, laid = lay(("",), method="codebook")
    stage = next(iter(laid.stages.values()))
    return lambda store: Job(
        (stage,), tiny_inputs, find_kind("miniature"), store(tmp_path / "runs")
    )


@pytest.fixture
def pair_of(lay, tiny_inputs, tmp_path):
    """Two students that are computed together."""
    _, laid = lay(("none", "den"))
    stages = tuple(stage for stage in laid.stages.values() if stage.kind == "student")
    return lambda store: Job(stages, tiny_inputs, find_kind("miniature"), store(tmp_path / "runs"))


@pytest.fixture
def child():
    child = Child("cpu")
    yield child
    child.close()


class Dying:
    """What starts a process that dies of each call."""

    def __init__(self):
        self.started = 0

    def __call__(self):
        self.started += 1
        return self

    def submit(self, function, job):
        found = Future()
        found.set_exception(
            BrokenProcessPool("... The exit codes of the workers are {SIGKILL(-9)}")
        )
        return found

    def shutdown(self, **options):
        pass


def blocked():
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


class Noting(Dying):
    """Notes which signals are blocked where a process is started."""

    def submit(self, function, job):
        self.blocked = blocked()
        return super().submit(function, job)


def test_a_child_is_started_likewise(job_of, child, monkeypatch):
    noting = Noting()
    monkeypatch.setattr(isolation, "_process", noting)
    child.run(job_of(RunStore))
    assert signal.SIGINT in noting.blocked
    assert signal.SIGINT not in blocked()


@pytest.mark.slow
def test_a_stage_that_is_killed_once_is_tried_again(job_of, child):
    job = job_of(DeadlyOnce)
    (outcome,) = child.run(job)
    assert outcome.status == "done"
    assert job.store.get(outcome.key) is not None
    pids = (job.store.root / "attempts").read_text().split()
    assert len(set(pids)) == 2, "another process"
    assert str(os.getpid()) not in pids
    assert child.run(job)[0].status == "cached", "the child lives on"


def test_a_stage_is_tried_by_as_many_processes_as_it_has_attempts(job_of, child, monkeypatch):
    dying = Dying()
    monkeypatch.setattr(isolation, "_process", dying)
    (outcome,) = child.run(job_of(RunStore))
    assert outcome.status == "failed"
    assert (outcome.failure.cause, outcome.failure.attempts) == ("killed", ATTEMPTS)
    assert outcome.message.endswith(
        f"ended by SIGKILL(-9), perhaps for want of memory, {ATTEMPTS} times"
    )
    assert dying.started == ATTEMPTS


@pytest.mark.slow
def test_a_stage_that_is_always_killed_is_a_failure_and_others_go_on(job_of, child):
    (outcome,) = child.run(job_of(Deadly))
    assert outcome.status == "failed"
    assert (outcome.failure.cause, outcome.failure.attempts) == ("killed", ATTEMPTS)
    assert outcome.message == (
        "the process was ended by SIGKILL(-9), perhaps for want of memory, 2 times"
    )
    assert outcome.seconds > 0
    assert child.run(job_of(RunStore))[0].status == "done"


def test_what_is_killed_together_is_to_be_tried_one_by_one(pair_of, job_of, child):
    job = pair_of(Deadly)
    outcomes = child.run(job)
    assert [each.key for each in outcomes] == [stage.key for stage in job.stages]
    assert {each.status for each in outcomes} == {"parted"}
    assert {each.message for each in outcomes} == {
        "the process was ended by SIGKILL(-9), perhaps for want of memory"
    }
    assert len((job.store.root / "attempts").read_text().split()) == 1
    assert child.run(job_of(RunStore))[0].status == "done", "the next job has another process"


@pytest.mark.slow
def test_together_there_is_time_for_each(pair_of):
    child = Child("cpu", timeout=2)
    try:
        outcomes = child.run(pair_of(Endless))
        assert {(each.status, each.message) for each in outcomes} == {
            ("parted", "stopped after 4 s, the limit of 2 stages together")
        }
    finally:
        child.close()


@pytest.mark.slow
def test_a_crash_names_its_signal(job_of, child, capfd):
    assert "SIGSEGV" in child.run(job_of(Crashing))[0].message


def test_a_stage_that_takes_too_long_is_a_failure(job_of):
    child = Child("cpu", timeout=0.5)
    try:
        (outcome,) = child.run(job_of(Endless))
        assert outcome.status == "failed"
        assert (outcome.failure.cause, outcome.failure.attempts) == ("timeout", 1)
        assert outcome.message == "stopped after 0.5 s, the limit of a stage"
    finally:
        child.close()


@pytest.mark.slow
def test_children_that_are_closed_stop_what_they_do(job_of):
    workers = Children(["cpu"])
    job = job_of(Endless)
    future = workers.submit(job)
    deadline = time.monotonic() + DEADLINE
    while not (job.store.root / "begun").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    workers.close()
    (outcome,) = future.result(DEADLINE)
    assert (outcome.status, outcome.failure) == ("stopped", None)


def test_a_closed_child_starts_nothing(job_of, child):
    child.close()
    assert child.run(job_of(RunStore))[0].status == "stopped"


def test_in_process_is_this_process(job_of):
    job = job_of(DeadlyOnce)
    (job.store.root).mkdir()
    (job.store.root / "attempts").write_text("spent\n")
    with InProcess("cpu") as workers:
        assert workers.submit(job).result()[0].status == "done"
    assert (job.store.root / "attempts").read_text() == f"spent\n{os.getpid()}\n"


def test_alone_is_another_process_that_gives_back_what_it_finds():
    there, signals = alone(lambda: (os.getpid(), blocked()))
    assert there != os.getpid()
    assert signal.SIGINT in signals, "no interrupt reaches it while it starts"
    assert signal.SIGINT not in blocked()


@pytest.mark.slow
def test_alone_raises_what_is_raised():
    with pytest.raises(ZeroDivisionError):
        alone(divmod, 1, 0)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("... The exit codes of the workers are {SIGTERM(-15)}", "ended by SIGTERM(-15)"),
        ("... The exit codes of the workers are {EXIT(1)}", "ended by EXIT(1)"),
        ("something else", "ended by unknown"),
    ],
)
def test_how_a_process_ended_is_told(message, said):
    assert _ending(message) == f"the process was {said}"


def test_where_nothing_may_be_installed_joblibs_own_copy_serves(monkeypatch):
    with monkeypatch.context() as patch:
        for name in ("loky", "loky.process_executor"):
            patch.setitem(sys.modules, name, None)
        found = runpy.run_path(isolation.__file__)
    executor = found["_process"]()
    assert type(executor).__module__.startswith("joblib.")
    executor.shutdown(wait=True, kill_workers=True)
