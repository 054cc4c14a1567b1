"""Nets that are trained as one get the bits that each gets alone, wherever `fits` says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from destseg import grouping
from destseg.config import ModelConfig
from destseg.losses import focal_loss
from destseg.training import build_segmentation

SIZES = [
    # teacher's width, net's width, images, side of the maps, dilations, nets
    (16, 16, 8, 16, (2, 4, 6), 4),
    (16, 16, 8, 16, (2, 4, 6), 2),
    (16, 16, 15, 16, (2, 4, 6), 3),
    (16, 32, 8, 16, (2, 4, 6), 4),
    (32, 16, 6, 20, (2, 4), 4),
    (32, 32, 8, 16, (2, 4, 6), 4),
    (64, 64, 4, 16, (2, 4, 6), 4),
    (48, 80, 3, 9, (2,), 3),
    (16, 16, 5, 13, (2, 4, 6), 4),
    (16, 16, 4, 8, (1, 2), 4),
    (16, 16, 2, 4, (1,), 2),
    (16, 16, 3, 32, (6, 12, 18), 4),
]


pytestmark = pytest.mark.usefixtures("one_thread")


def some_nets(width, inside, dilations, count):
    levels = [width, 2 * width, 4 * width]
    sizes = ModelConfig(width=width, segmentation_width=inside, dilations=dilations)
    return [build_segmentation(levels, sizes, seed=seed).train() for seed in range(count)]


def optimiser_of(net):
    groups = [
        {"params": net.res.parameters(), "lr": 0.3},
        {"params": net.head.parameters(), "lr": 0.1},
    ]
    return torch.optim.SGD(groups, momentum=0.9, weight_decay=1e-4)


def update(net, optimiser, maps, mask):
    optimiser.zero_grad(set_to_none=True)
    own = [each.unsqueeze(1).contiguous() for each in net.logits(maps).unbind(1)]
    losses = [focal_loss(torch.sigmoid(each), mask) for each in own]
    torch.autograd.backward(losses)
    optimiser.step()
    return [loss.item() for loss in losses]


@pytest.mark.parametrize(("width", "inside", "images", "side", "dilations", "count"), SIZES)
def test_the_same_bits_as_alone(width, inside, images, side, dilations, count):
    alone, nets = (some_nets(width, inside, dilations, count) for _ in range(2))
    assert all(grouping.fits(net, images) for net in nets)
    whole = grouping.grouped(nets)
    generator = torch.Generator().manual_seed(0)
    shape = (images, 7 * width, side, side)
    optimisers = [optimiser_of(net) for net in alone]
    together = optimiser_of(whole)
    for _ in range(2):
        maps = [-(torch.rand(shape, generator=generator) ** 4) for _ in range(count)]
        mask = (torch.rand(images, 1, side, side, generator=generator) > 0.8).float()
        losses = update(whole, together, torch.cat(maps, dim=1), mask)
        for index, (net, optimiser) in enumerate(zip(alone, optimisers, strict=True)):
            assert update(net, optimiser, maps[index], mask) == [losses[index]]
    grouping.ungroup(whole, nets)
    for mine, other in zip(nets, alone, strict=True):
        expected = other.state_dict()
        for name, tensor in mine.state_dict().items():
            assert torch.equal(tensor, expected[name]), name
            assert tensor.shape == expected[name].shape


@pytest.mark.parametrize(
    ("width", "inside", "images"), [(16, 24, 8), (12, 16, 8), (16, 16, 16), (8, 8, 4)]
)
def test_where_bits_would_differ_it_does_not_fit(width, inside, images):
    (net,) = some_nets(width, inside, (1,), 1)
    assert not grouping.fits(net, images)


def test_several_threads_do_not_fit():
    (net,) = some_nets(16, 16, (1,), 1)
    assert grouping.fits(net, 8)
    torch.set_num_threads(2)
    assert not grouping.fits(net, 8)


def test_nets_of_other_layers_are_no_group():
    (net,), (wider,), (other,) = (
        some_nets(16, 16, (2, 4), 1),
        some_nets(16, 32, (2, 4), 1),
        some_nets(16, 16, (2, 6), 1),
    )
    assert len({grouping.shape(each) for each in (net, wider, other)}) == 3
    assert grouping.shape(net) == grouping.shape(some_nets(16, 16, (2, 4), 2)[1])


@pytest.mark.parametrize("capability", ["DEFAULT", "SVE256"])
def test_other_processors_do_not_fit(monkeypatch, capability):
    """With SSE4 alone frozen networks see other bits in larger batches."""
    (net,) = some_nets(16, 16, (1,), 1)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert not grouping.fits(net, 8)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["test_grouping.py", "test_looking.py"])
def test_on_a_machine_without_avx512_as_well(file):
    """Bits may differ from one instruction set to another, but not with the company."""
    here = Path(__file__).with_name(file)
    command = [sys.executable, "-m", "pytest", "-q", str(here), "-k", "the_same_bits"]
    machine = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    subprocess.run(command, env={**os.environ, **machine}, check=True, cwd=here.parents[2])
