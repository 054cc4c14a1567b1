"""Small inputs for any method's steps, and the example method beside the shipped ones."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import methods as package
from bench.data.cache import publish
from bench.data.categories import CategoryRef
from bench.data.kinds import find_kind
from bench.data.teacher import TeacherRef, tensor_digest
from bench.data.textures import TexturesRef
from bench.experiment.experiment import DatasetConfig, Experiment, GridConfig
from bench.methods.dsr.config import Latent
from bench.metrics import Protocol
from bench.planning.inputs import Inputs
from destseg.config import AnomalyConfig, ModelConfig, TrainingConfig
from destseg.resnet import ResNet18

EXAMPLE = Path(__file__).parent / "example"
SIDE, TRAIN, TEST = 32, 5, 4

SMALL = {
    "DSR": {
        "width": 4,
        "latent": Latent(codes=16, batch_size=1, steps=2),
        "batch_size": 2,
        "steps": 2,
        "upsampling_steps": 2,
    },
    "DRAEM": {"width": 4, "discriminative_width": 2, "batch_size": 2, "steps": 2},
    "DeSTSeg": {
        "model": ModelConfig(width=8, segmentation_width=8, dilations=(1, 2)),
        "anomalies": AnomalyConfig(lattice_exponents=3),
        "training": TrainingConfig(
            batch_size=4, student_steps=2, segmentation_steps=2, student_lr=0.05
        ),
    },
    "STFPM": {"width": 8, "batch_size": 3, "steps": 3, "lr": 0.1},
    "PatchCore": {"backbone": "resnet18", "width": 8},
}
"""Settings of seconds, of methods whose own defaults take longer."""


def every_method():
    """The shipped methods and the example, which lies elsewhere."""
    package.__path__.append(str(EXAMPLE))
    package.forget()
    try:
        return dict(package.methods())
    finally:
        package.__path__.remove(str(EXAMPLE))
        package.forget()


METHODS = every_method()


def small_config(method):
    return method.config(**SMALL.get(method.name, {}))


@pytest.fixture(scope="session")
def small_inputs(tmp_path_factory):
    """Decoded images, textures and a backbone, made without any dataset."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)

    def pixels(count):
        return rng.integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)

    def fill(draft):
        np.save(draft / "train.npy", pixels(TRAIN))
        np.save(draft / "test.npy", pixels(TEST))
        masks = np.zeros((TEST, SIDE, SIDE), bool)
        masks[2:, 8:16, 4:20] = True
        np.save(draft / "masks.npy", masks)
        (draft / "names.json").write_text(json.dumps(["good/0", "good/1", "hole/0", "hole/1"]))

    refs = {
        name: CategoryRef(name, publish(folder / name, fill), f"images of {name}", TRAIN, TEST)
        for name in ("one", "two")
    }
    textures = publish(folder / "textures", lambda draft: np.save(draft / "images.npy", pixels(3)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = ResNet18(8, 3).state_dict()
    teacher = publish(folder / "teacher", lambda draft: torch.save(state, draft / "trunk.pth"))
    trunk = TeacherRef(teacher / "trunk.pth", tensor_digest(state), 8, "random")
    return Inputs(refs, TexturesRef(textures, "textures", 3), {("random", 8): trunk})


@pytest.fixture
def small_experiment(with_example):
    """An experiment of one method, its variants those of its design."""

    def small_experiment(method, **changes):
        config = small_config(method)
        return Experiment(
            "small",
            GridConfig({method.name: method.design}, ("one", "two"), (0,)),
            {method.name: dataclasses.replace(config, **changes)},
            teacher="random",
            dataset=DatasetConfig(size=SIDE),
            protocol=Protocol(name="small", size=SIDE, top_t=10),
        )

    return small_experiment


@pytest.fixture(scope="session")
def kind():
    return find_kind("miniature")
