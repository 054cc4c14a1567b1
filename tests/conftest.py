"""What the tests of the harness share: a cache of their own and an experiment of seconds."""

import gc
import os
from pathlib import Path

import pytest
import torch

from bench import methods
from bench.commands import curve, reproduce
from bench.data.cache import CACHE_VARIABLE
from bench.experiment.grid import Grid
from bench.experiment.reading import load_experiment
from bench.planning.experiment_plan import ExperimentPlan, required_inputs
from bench.planning.inputs import Sources, prepare_inputs
from bench.planning.stages import plan
from bench.results.lookup import finished_of
from bench.running.runner import run
from bench.running.workers import InProcess
from bench.store.runs import RunStore
from bench.workflows import reporting
from destseg.resnet import ResNet18
from tests.folders import write_category

# Before Triton is imported: its kernels run on the CPU then, in NumPy (tests/method/test_fused.py).
os.environ.setdefault("TRITON_INTERPRET", "1")

EXAMPLE = Path(__file__).parent / "methods" / "example"

TINY = """\
title = "tiny"
teacher = "WEIGHTS"

[dataset]
size = 32

[grid]
floors = false
categories = ["tile", "bottle"]
seeds = [0, 1]

[model]
width = 8
segmentation_width = 8
dilations = [1, 2]

[anomalies]
lattice_exponents = 3

[training]
batch_size = 4
student_steps = 2
segmentation_steps = 3
student_lr = 0.2
res_lr = 0.3
head_lr = 0.1

[protocol]
name = "tiny"
size = 32
top_t = 10
"""


def pytest_collection_finish():
    """Spare the garbage collector what torch and the tests consist of: it would look each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, shared_cache):
    """No test reads or writes the cache of whoever runs it."""
    monkeypatch.setenv(CACHE_VARIABLE, str(shared_cache))


@pytest.fixture(autouse=True, scope="session")
def not_to_wait_for():
    """Starting processes to prepare a few small images, and disks: nobody cuts the power.

    And fonts made for each PDF, which take longer than its figure: one test makes them.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.presentation.figures.pdf", lambda figure: b"%PDF")
        for command in (curve, reproduce):
            patch.setattr(command, "usable_cores", lambda: 1)
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


def leave_undrawn(monkeypatch):
    """Make runs leave empty files instead of figures and report, which take longer than the run.

    Returns the list of the commands of those runs.
    """
    commands = []

    def write_all(finished, folder, rerun):
        commands.append(rerun)
        (folder / "figures").mkdir(exist_ok=True)
        (folder / "report.html").touch()

    monkeypatch.setattr(reporting, "write_all", write_all)
    return commands


@pytest.fixture
def undrawn(monkeypatch):
    return leave_undrawn(monkeypatch)


@pytest.fixture
def page_alone(monkeypatch):
    """Runs write the report, of figures only those of variants, and without files of them."""
    draw = reporting.draw
    monkeypatch.setattr(
        reporting, "draw", lambda finished, kinds=("variants",): draw(finished, kinds)
    )
    monkeypatch.setattr(reporting, "write_figures", lambda chosen, folder: [])


@pytest.fixture(autouse=True)
def threads():
    """A job in this process leaves torch with one thread."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """The weight file of a teacher, so that none is pretrained."""
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.save(ResNet18(8, 3).state_dict(), path)
    return path


@pytest.fixture(scope="session")
def tiny_text(weights):
    return TINY.replace("WEIGHTS", str(weights))


@pytest.fixture
def write_tiny(tmp_path, tiny_text):
    """Write the tiny experiment, with passages of its text replaced."""

    def write(edits=None, name="tiny"):
        text = tiny_text
        for old, new in (edits or {}).items():
            assert text.count(old) == 1, f"{old!r} is not once in the tiny experiment"
            text = text.replace(old, new)
        path = tmp_path / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def with_example(monkeypatch):
    """The example method, in this process and in those it starts."""
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(EXAMPLE)])
    folders = [os.environ.get(methods.METHODS_VARIABLE, ""), str(EXAMPLE)]
    monkeypatch.setenv(methods.METHODS_VARIABLE, os.pathsep.join(filter(None, folders)))
    methods.forget()
    yield
    methods.forget()


@pytest.fixture
def tiny_file(write_tiny):
    return write_tiny()


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory, tiny_text):
    """The file of the tiny experiment, for tests that leave it as it is."""
    path = tmp_path_factory.mktemp("experiments") / "tiny.toml"
    path.write_text(tiny_text, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny(tiny_path):
    """The tiny experiment, read."""
    return load_experiment(tiny_path)


@pytest.fixture(scope="session")
def tiny_inputs(tiny, shared_cache):
    """Its inputs, prepared."""
    required = required_inputs(tiny, ("bottle", "tile"))
    return prepare_inputs(required, Sources(None, None, shared_cache), 1)


@pytest.fixture(scope="session")
def tiny_grid():
    """A grid of the tiny experiment that takes seconds."""
    return Grid(("bottle", "tile"), {"DeSTSeg": ("none", "den+ed+seg")}, (0, 1))


@pytest.fixture(scope="session")
def filled(tmp_path_factory, tiny, tiny_inputs, tiny_grid):
    """A store with all cells of the tiny grid; to be copied before it is changed."""
    store = RunStore(tmp_path_factory.mktemp("filled") / "runs")
    laid = plan(tiny, tiny_grid.cells(), tiny_inputs)
    run(laid, tiny, tiny_inputs, store, InProcess("cpu"))
    return store


@pytest.fixture(scope="session")
def tiny_plan(tiny_grid, shared_cache):
    """Lay the tiny grid of an experiment out."""

    def lay(experiment):
        categories = tiny_grid.categories
        required = required_inputs(experiment, categories)
        inputs = prepare_inputs(required, Sources(None, None, shared_cache), 1)
        laid = plan(experiment, tiny_grid.cells(), inputs)
        return ExperimentPlan(experiment, tiny_grid, inputs, laid)

    return lay


@pytest.fixture(scope="session")
def tiny_finished(tiny, tiny_plan, filled):
    """What is finished of the tiny grid: all of it."""
    return finished_of(tiny_plan(tiny), filled)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture(scope="session")
def real_data():
    """The folder of real images and weights that $DESTSEG_TEST_DATA names."""
    folder = os.environ.get("DESTSEG_TEST_DATA")
    if not folder:
        pytest.skip("DESTSEG_TEST_DATA names no folder of real data, see the README.")
    return Path(folder)


@pytest.fixture
def mvtec_folder(tmp_path):
    """A folder in MVTec AD's layout: one category, few small images."""
    write_category(tmp_path / "mvtec" / "bottle", (40, 36), 6, {"good": 3, "hole": 3})
    return tmp_path / "mvtec"
