"""PatchCore's backbone, as torchvision publishes it; stand-ins are narrow and shallow."""

import pytest
import torch
from torchvision import models
from torchvision.models.resnet import Bottleneck, ResNet

from bench.data import teacher as teacher_module
from bench.data.cache import NotCached, only_cached
from bench.data.teacher import load_backbone, load_teacher, prepare_teacher
from bench.data.wide_resnet import WIDE_RESNET, WideResNet50, wide_imagenet
from destseg.errors import InputError
from destseg.resnet import ResNet18
from destseg.weights import PublishedWeights


def narrow():
    return ResNet(Bottleneck, [1, 1, 1, 1], width_per_group=2)


@pytest.fixture
def at_hand(tmp_path, monkeypatch):
    """Stand-in weights where torch keeps them."""
    monkeypatch.setattr(models, "wide_resnet50_2", narrow)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    file = tmp_path / "torch" / "hub" / "checkpoints" / "wide.pth"
    file.parent.mkdir(parents=True)
    torch.manual_seed(3)
    torch.save(narrow().state_dict(), file)
    weights = PublishedWeights("stand-in", "http://127.0.0.1:9/wide.pth", "")
    monkeypatch.setattr(teacher_module, "wide_imagenet", lambda: weights)
    return file


def test_three_layers_are_those_of_torchvisions_network(monkeypatch):
    monkeypatch.setattr(models, "wide_resnet50_2", narrow)
    before = torch.random.get_rng_state()
    ours = WideResNet50().eval()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not any(name.startswith(("layer4", "fc")) for name in ours.state_dict())
    theirs = narrow().eval()
    ours.load("a file", theirs.state_dict())
    images = torch.randn(2, 3, 64, 64)
    x, found = images, ours(images)
    x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(x))))
    for index, layer in enumerate((theirs.layer1, theirs.layer2, theirs.layer3)):
        x = layer(x)
        assert torch.equal(found[index], x)
        assert found[index].shape[1] == ours.channels[index]


def test_it_is_prepared_once_and_loaded(tmp_path, at_hand):
    first = prepare_teacher(WIDE_RESNET, tmp_path / "cache")
    at_hand.unlink()
    loaded = load_backbone(first)
    assert isinstance(loaded, WideResNet50)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert (first.name, first.is_wide) == (WIDE_RESNET, True)


def test_any_other_backbone_is_a_teacher(tmp_path):
    ref = prepare_teacher("untrained", tmp_path, width=4)
    assert isinstance(load_backbone(ref), ResNet18)
    assert torch.equal(load_backbone(ref).conv1.weight, load_teacher(ref).conv1.weight)


def test_it_is_not_downloaded_while_only_looking(tmp_path, at_hand):
    at_hand.unlink()
    with only_cached(check=True), pytest.raises(NotCached):
        prepare_teacher(WIDE_RESNET, tmp_path / "cache")


def test_another_network_is_refused(tmp_path, at_hand):
    torch.save(ResNet18(4, 3).state_dict(), at_hand)
    with pytest.raises(InputError, match="is no Wide-ResNet-50-2"):
        prepare_teacher(WIDE_RESNET, tmp_path / "cache")


def test_the_published_file_is_known_by_the_digits_in_its_name():
    weights = wide_imagenet()
    assert weights.name == "torchvision's Wide_ResNet50_2_Weights.IMAGENET1K_V1"
    assert weights.place.name == f"wide_resnet50_2-{weights.sha256}.pth"
    assert len(weights.sha256) == 8
