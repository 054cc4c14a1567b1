"""The kernels for CUDA, run by Triton's interpreter, against torch in double precision."""

import contextlib
import copy
import importlib
import shutil
import sys
import sysconfig

import numpy as np
import pytest
import torch
from torch import nn

from destseg import batch_norm, fused
from destseg.batch_norm import norm_relu
from destseg.features import cosine_distances, feature_distances, normalised

pytest.importorskip("triton")

ROUNDED = 2**-7
"""What one rounding to bfloat16 may change; the interpreter cuts off instead."""

SUMMED = 2e-6
"""What sums in float32 may change."""

SHAPES = [(2, 64, 8, 8), (3, 5, 7, 9), (1, 96, 3, 40), (32, 130, 1, 1)]
"""Whole tiles, parts of one, several, and what a pooled branch is."""


@pytest.fixture
def interpreted(monkeypatch):
    """Let kernels run on the CPU, in small tiles so that there are several of each kind."""
    monkeypatch.setattr(torch.cuda, "device_of", lambda _: contextlib.nullcontext())
    names = ("batch_norm", "distances")
    norms, distances = (importlib.import_module(f"destseg.fused.{name}") for name in names)
    monkeypatch.setattr(norms, "ROWS", 64)
    monkeypatch.setattr(norms, "SUMMED", 32)
    monkeypatch.setattr(norms, "PARTS", 2)
    monkeypatch.setattr(distances, "VALUES", 512)
    return norms, distances


def maps(shape, offset=0.0):
    drawn = (torch.randn(shape) * 2 + offset).bfloat16()
    return drawn.contiguous(memory_format=torch.channels_last)


def doubled(tensor):
    return None if tensor is None else tensor.detach().double().requires_grad_()


def drawn_norm(channels):
    norm = nn.BatchNorm2d(channels)
    nn.init.uniform_(norm.weight, -1, 2)
    nn.init.normal_(norm.bias)
    nn.init.normal_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    return norm, copy.deepcopy(norm).double()


def far(found, expected):
    """Distance of two tensors over the norm of the second."""
    difference = (found.detach().double() - expected.detach()).norm()
    return float(difference / expected.detach().norm().clamp(min=1e-12))


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("added", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_norm_relu_is_what_torch_computes_and_its_way_back_too(interpreted, shape, added, relu):
    torch.manual_seed(0)
    norm, reference = drawn_norm(shape[1])
    # The mean is ten deviations from zero: variances of squares minus squared means would be off.
    x = maps(shape, 20.0).requires_grad_()
    residual = maps(shape).requires_grad_() if added else None
    weight, bias = norm.weight, norm.bias
    out = interpreted[0].NormReLU.apply(x, weight, bias, residual, norm, relu)
    x2, residual2 = doubled(x), doubled(residual)
    expected = reference(x2) + (residual2 if added else 0)
    kept = (out > 0).double() if relu else torch.ones_like(expected)
    expected = expected * kept
    gradient = torch.randn(shape).bfloat16()
    out.backward(gradient)
    expected.backward(gradient.double())
    assert out.dtype == x.grad.dtype == torch.bfloat16
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert far(out, expected) < ROUNDED
    assert far(x.grad, x2.grad) < ROUNDED
    assert far(weight.grad, reference.weight.grad) < 10 * SUMMED
    assert far(bias.grad, reference.bias.grad) < SUMMED
    if added:
        assert torch.equal(residual.grad.double(), residual2.grad)
    assert far(norm.running_mean, reference.running_mean) < SUMMED
    assert far(norm.running_var, reference.running_var) < SUMMED
    assert norm.num_batches_tracked == 1


def test_running_statistics_do_where_nothing_is_trained(interpreted):
    torch.manual_seed(0)
    norm, reference = drawn_norm(96)
    x, residual = maps((2, 96, 5, 7)), maps((2, 96, 5, 7))
    found = interpreted[0].frozen_norm_relu(norm.eval(), x, residual, relu=True)
    expected = (reference.eval()(x.double()) + residual.double()).relu()
    assert far(found, expected) < ROUNDED
    assert norm.num_batches_tracked == 0


def test_a_gradient_may_be_some_channels_of_a_larger_one(interpreted):
    torch.manual_seed(0)
    x, gradient = maps((2, 64, 4, 8)), maps((2, 192, 4, 8))

    def back(given):
        torch.manual_seed(1)
        norm, _ = drawn_norm(64)
        own = x.clone().requires_grad_()
        interpreted[0].NormReLU.apply(own, norm.weight, norm.bias, None, norm, True).backward(given)
        return own.grad

    part = gradient[:, 64:128]
    found = back(part)
    for other in (part.contiguous(), part.contiguous(memory_format=torch.channels_last)):
        assert torch.equal(found, back(other))


def test_what_is_no_number_is_not_hidden(interpreted):
    norm, _ = drawn_norm(64)
    x = maps((2, 64, 4, 4))
    x[0, 3, 1, 1] = float("nan")
    out = interpreted[0].NormReLU.apply(x, norm.weight, norm.bias, None, norm, True)
    assert out[:, 3].isnan().all()
    assert out[:, 4].isfinite().all()


def test_what_is_infinite_is_not_hidden(interpreted):
    norm, _ = drawn_norm(64)
    x = maps((2, 64, 4, 4))
    x[1, 3, 1, 1] = float("inf")
    with np.errstate(invalid="ignore"):
        out = interpreted[0].NormReLU.apply(x, norm.weight, norm.bias, None, norm, True)
    assert out[:, 3].isnan().all()
    assert out[:, 4].isfinite().all()


def test_no_kernel_leaves_its_rounding_to_a_versions_default(interpreted, monkeypatch):
    interpreter = importlib.import_module("triton.runtime.interpreter").InterpretedFunction
    run, given = interpreter.run, []

    def spied(self, *arguments, **options):
        given.append(options.get("enable_fp_fusion"))
        return run(self, *arguments, **options)

    monkeypatch.setattr(interpreter, "run", spied)
    norm, _ = drawn_norm(64)
    x = maps((1, 64, 2, 2)).requires_grad_()
    out = interpreted[0].NormReLU.apply(x, norm.weight, norm.bias, None, norm, True)
    interpreted[1].CosineDistance.apply(maps((1, 64, 2, 2)), out, 1e-12).sum().backward()
    assert given == [True] * 8


def test_a_large_map_has_its_programs_along_the_only_axis_that_is_long_enough(interpreted):
    assert interpreted[0]._grid(130, 70_000) == (3 * 70_000,)


@pytest.mark.parametrize("shape", [(2, 64, 8, 8), (1, 100, 3, 5), (2, 256, 3, 3)])
def test_distances_are_those_of_normalised_features(interpreted, shape):
    torch.manual_seed(0)
    teacher, student = maps(shape).relu(), maps(shape).relu()
    student[0, :, 1, 1] = 0
    teacher[0, :, 2, 2] = 0
    own, reference = student.requires_grad_(), doubled(student)
    found = interpreted[1].CosineDistance.apply(teacher, own, 1e-12)
    (expected,) = cosine_distances(normalised([teacher.double()]), normalised([reference.relu()]))
    gradient = torch.rand(shape[0], 1, 1, shape[3]).expand_as(found)  # not laid out, as of a mean
    found.backward(gradient)
    expected.backward(gradient.double())
    assert found.dtype == torch.float32
    assert far(found, expected) < SUMMED
    assert found[0, 0, 1, 1] == found[0, 0, 2, 2] == 1
    # The ReLU behind lets pass what is above zero.
    assert far(own.grad * (student > 0), reference.grad) < ROUNDED
    assert not own.grad[0, :, 1, 1].any()


def test_torch_computes_what_no_kernel_is_for(monkeypatch):
    monkeypatch.setattr(fused, "has_triton", lambda: True)
    norm, _ = drawn_norm(64)
    x = maps((2, 64, 4, 4))
    assert not fused.fusible(x)  # on a CPU
    expected = torch.relu(copy.deepcopy(norm)(x) + x)
    assert torch.equal(norm_relu(norm, x, x), expected)
    monkeypatch.setattr(torch.Tensor, "is_cuda", True)
    assert fused.fusible(x)
    assert not fused.fusible(x.float())
    assert not fused.fusible(x.contiguous())
    # Kernels take all maps of a work as they take the first.
    for other in (x.float(), x.contiguous()):
        assert torch.equal(norm_relu(norm, x, other), torch.relu(norm(x).add_(other)))
        (found,) = feature_distances([other], [x])
        (expected,) = cosine_distances(normalised([other]), normalised([x]))
        assert torch.equal(found, expected)
    monkeypatch.setattr(fused, "has_triton", lambda: False)
    assert not fused.fusible(x)


@pytest.mark.parametrize("lacking", ["triton", "compiler", "chosen compiler", "headers"])
def test_without_what_builds_a_kernel_torch_computes(monkeypatch, tmp_path, lacking):
    programs = {"gcc"} - ({"gcc"} if lacking == "compiler" else set())
    include = {"include": str(tmp_path)}
    (tmp_path / "Python.h").touch()
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: name if name in programs else None)
    monkeypatch.setattr(sysconfig, "get_path", lambda name, _: include[name])
    there = fused.has_triton.__wrapped__
    assert there() is (lacking != "compiler")
    if lacking == "triton":
        # None: an import fails. So does that of one which lacks something itself.
        monkeypatch.setitem(sys.modules, "triton", None)
    elif lacking == "chosen compiler":
        monkeypatch.setenv("CC", "icc")
    elif lacking == "headers":
        (tmp_path / "Python.h").unlink()
    assert not there()


def test_frozen_statistics_with_a_way_back_are_torchs(monkeypatch):
    monkeypatch.setattr(batch_norm, "fusible", lambda _: True)
    norm, _ = drawn_norm(64)
    x = maps((2, 64, 4, 4)).requires_grad_()
    norm_relu(norm.eval(), x).sum().backward()
    assert x.grad.any()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        norm_relu(norm.train(), x[:1, :, :1, :1])
