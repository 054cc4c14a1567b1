import itertools
import os
import re
from dataclasses import replace

import pytest
import torch

from destseg import checkpoint
from destseg.card import TRAINING_IMAGES, Card
from destseg.checkpoint import authors_state_dict, load, save, save_authors
from destseg.config import FUSION_INPUTS, STUDENT_KINDS, ModelConfig
from destseg.errors import InputError
from destseg.model import DeSTSeg
from destseg.prediction import Scale
from destseg.resnet import ResNet18
from tests.method.filling import deviation
from tests.method.small_networks import CONFIG, changed, small_model, snapshot
from tests.method.test_golden import ARRAYS, BATCH, RELATIVE, filled_model

BN = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def weightless(width=64, sizes=None, **options):
    """Shapes and names of a model, without the time that its initial weights take."""
    with torch.device("meta"):
        return DeSTSeg(ResNet18(width, 3), sizes or ModelConfig(), **options)


def plain_model():
    """At a width whose dilations are those that an authors' file is taken to have."""
    return DeSTSeg(ResNet18(8, 3), ModelConfig(8, 8)).eval()


def refusal(path):
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The authors' names, written from "Checkpoints" in docs/method.md and not from the model


def norm(prefix):
    return {f"{prefix}.{name}" for name in BN}


def blocks(prefix, *, downsample):
    names = set()
    for block, part in itertools.product((0, 1), (1, 2)):
        names |= {f"{prefix}.{block}.conv{part}.weight"} | norm(f"{prefix}.{block}.bn{part}")
    if downsample:
        names |= {f"{prefix}.0.downsample.0.weight"} | norm(f"{prefix}.0.downsample.1")
    return names


def trunk(prefix, layers):
    names = {f"{prefix}.conv1.weight"} | norm(f"{prefix}.bn1")
    for layer in range(1, layers + 1):
        names |= blocks(f"{prefix}.layer{layer}", downsample=layer > 1)
    return names


def authors_names(*, ed=True):
    names = trunk("teacher_net.encoder", 3) | trunk("student_net.encoder", 4)
    if ed:
        for layer in (4, 3, 2, 1):
            names |= blocks(f"student_net.decoder_layer{layer}", downsample=layer < 4)
    names |= blocks("segmentation_net.res", downsample=True)
    pyramid = "segmentation_net.head.0"
    extractors = f"{pyramid}.aspp_feature_extractors"
    for place in (f"{extractors}.0.1", *(f"{extractors}.{branch}" for branch in (1, 2, 3))):
        names |= {f"{place}.conv.weight"} | norm(f"{place}.norm")
    names |= {f"{pyramid}.aspp_fusion_layer.conv.weight"}
    names |= norm(f"{pyramid}.aspp_fusion_layer.norm")
    names |= {"segmentation_net.head.1.weight"} | norm("segmentation_net.head.2")
    return names | {"segmentation_net.head.4.weight", "segmentation_net.head.4.bias"}


@pytest.mark.parametrize(("student", "ed"), [("encoder-decoder", True), ("encoder", False)])
def test_names_are_the_authors(student, ed):
    assert set(authors_state_dict(small_model(student=student))) == authors_names(ed=ed)
    assert len(authors_names()) == 392


def test_shapes_are_the_authors():
    shapes = {
        k: tuple(v.shape) for k, v in authors_state_dict(filled_model("encoder-decoder")).items()
    }
    pyramid = "segmentation_net.head.0"
    assert shapes[f"{pyramid}.aspp_fusion_layer.conv.weight"] == (256, 1024, 3, 3)
    assert shapes[f"{pyramid}.aspp_feature_extractors.0.1.conv.weight"] == (256, 256, 1, 1)
    assert shapes["segmentation_net.head.1.weight"] == (256, 256, 3, 3)
    assert shapes["segmentation_net.head.4.weight"] == (1, 256, 1, 1)
    assert shapes["segmentation_net.head.4.bias"] == (1,)
    assert shapes["student_net.decoder_layer3.0.downsample.0.weight"] == (256, 512, 1, 1)


# The authors' files


@pytest.mark.parametrize("ed", [1, 0])
def test_an_authors_checkpoint_gives_the_authors_outputs(tmp_path, ed):
    path = tmp_path / "DeSTSeg_MVTec_5000_bottle.pckl"
    model = filled_model("encoder-decoder" if ed else "encoder")
    torch.save(model.state_dict(), path)
    loaded = load(path)
    assert not loaded.training
    with torch.no_grad():
        output = loaded(BATCH.corrupted)
    assert output._fields == ("segmentation", "distance", "distances")
    assert output.segmentation.shape == output.distance.shape == (3, 1, 16, 16)
    tag = f"dest1_ed{ed}_infer"
    assert deviation(output.segmentation, ARRAYS[f"{tag}_seg"]) <= RELATIVE
    assert deviation(output.distance, ARRAYS[f"{tag}_dest"]) <= RELATIVE
    for level, distance in enumerate(output.distances, 1):
        assert deviation(distance, ARRAYS[f"{tag}_map{level}"]) <= RELATIVE
    assert (loaded.size, loaded.scale) == (256, Scale())


@pytest.mark.parametrize("student", ["encoder-decoder", "encoder"])
def test_what_we_write_for_the_authors_is_a_plain_state_dict(tmp_path, student):
    model = filled_model(student)
    path = save_authors(model, tmp_path / "ours.pckl")
    written = torch.load(path, weights_only=True)
    assert not changed(model, written)
    # What the authors' program does.
    weightless(student=student).load_state_dict(written, strict=True, assign=True)
    assert not changed(load(path), snapshot(model))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (weightless(8, CONFIG), "sizes: ModelConfig(width=8"),
        (weightless(sizes=ModelConfig(dilations=(2, 4, 6))), "dilations=(2, 4, 6)"),
        (weightless(student="decoder"), "student: decoder"),
        (weightless(fusion_input="distances"), "segmentation input: another"),
    ],
)
def test_what_the_authors_program_cannot_use_is_not_written_for_it(tmp_path, model, said):
    with pytest.raises(InputError, match=re.escape(said)):
        save_authors(model, tmp_path / "ours.pckl")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("student", STUDENT_KINDS)
@pytest.mark.parametrize("fusion_input", FUSION_INPUTS)
def test_shapes_are_read_off_the_tensors(tmp_path, student, fusion_input):
    model = DeSTSeg(ResNet18(8, 3), ModelConfig(8, 8), student=student, fusion_input=fusion_input)
    torch.save(model.state_dict(), tmp_path / "plain.pckl")
    loaded = load(tmp_path / "plain.pckl")
    assert loaded.student_net.kind == student
    assert loaded.segmentation_net.fusion_input == fusion_input
    assert (loaded.config.width, loaded.config.segmentation_width) == (8, 8)


def test_batch_counters_may_be_lacking(tmp_path):
    path = tmp_path / "old.pckl"
    state = plain_model().state_dict()
    torch.save({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}, path)
    assert load(path).teacher_net.encoder.bn1.num_batches_tracked == 0


# Our files


@pytest.mark.parametrize("student", STUDENT_KINDS)
@pytest.mark.parametrize("fusion_input", FUSION_INPUTS)
def test_our_file_holds_everything(tmp_path, student, fusion_input):
    model = small_model(
        student=student, fusion_input=fusion_input, size=96, scale=Scale(0.01, 0.6, 0.2)
    )
    loaded = load(save(model, tmp_path / "model.pt"))
    assert not changed(loaded, snapshot(model))
    assert loaded.config == CONFIG
    assert loaded.student_net.kind == student
    assert loaded.segmentation_net.fusion_input == fusion_input
    assert (loaded.size, loaded.scale) == (96, Scale(0.01, 0.6, 0.2))
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_a_write_that_fails_keeps_the_old_file(tmp_path, monkeypatch):
    path = save(small_model(), tmp_path / "model.pt")
    before = path.read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        save(small_model(student="encoder"), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "a model file of version 2; this program reads version 1"),
        ({"settings": None}, "has no settings"),
        ({"settings": {"width": 8}}, "its settings are not a model's"),
        ({"tensors": None}, "neither a model file nor a state dict"),
    ],
)
def test_a_file_of_another_form(tmp_path, change, said):
    path = save(small_model(), tmp_path / "model.pt")
    torch.save({**torch.load(path, weights_only=True), **change}, path)
    assert said in refusal(path)


@pytest.mark.parametrize(
    "setting", [{"student": "transformer"}, {"fusion_input": "sum"}, {"depth": 3}, {"colour": 1}]
)
def test_unknown_settings(tmp_path, setting):
    path = save(small_model(), tmp_path / "model.pt")
    content = torch.load(path, weights_only=True)
    content["settings"] |= setting
    torch.save(content, path)
    assert "its settings are not a model's" in refusal(path)


# Files that are no model


@pytest.mark.parametrize(
    "content", [[torch.zeros(2)], {"a": "text"}, {1: torch.zeros(2)}, torch.zeros(3)]
)
def test_other_objects(tmp_path, content):
    path = tmp_path / "other.pt"
    torch.save(content, path)
    assert "neither a model file nor a state dict" in refusal(path)


def test_a_tensor_too_few_too_many_or_of_another_shape(tmp_path):
    path = tmp_path / "damaged.pckl"
    state = plain_model().state_dict()
    name = "student_net.decoder_layer2.0.conv1.weight"
    torch.save({k: v for k, v in state.items() if k != name}, path)
    assert f"has no tensor '{name}'" in refusal(path)
    torch.save({**state, "student_net.extra": torch.zeros(1)}, path)
    assert "'student_net.extra' is no tensor of a DeSTSeg model" in refusal(path)
    torch.save({**state, name: state[name][:1]}, path)
    assert f"{name} has shape (1, 32, 3, 3), the model needs (16, 32, 3, 3)" in refusal(path)
    torch.save(ResNet18(8, 3).state_dict(), path)
    assert "has no tensor 'teacher_net.encoder.conv1.weight'" in refusal(path)
    fused = "segmentation_net.res.0.conv1.weight"
    torch.save({**state, fused: state[fused][:, :5]}, path)
    assert "takes 5 channels" in refusal(path)


def test_loading_never_runs_code(tmp_path):
    trap = tmp_path / "trap"

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(trap),)

    path = tmp_path / "evil.pt"
    torch.save({"format": checkpoint.FORMAT, "version": 1, "settings": Evil()}, path)
    assert "not a PyTorch file of plain tensors" in refusal(path)
    assert not trap.exists()


@pytest.mark.parametrize("given", [None, b"model.pt", 3])
def test_what_is_no_path_is_refused(given):
    with pytest.raises(InputError, match=f"load: {type(given).__name__} given; give the path"):
        load(given)


def test_an_unknown_device_is_refused(tmp_path):
    path = save(small_model(), tmp_path / "model.pt")
    with pytest.raises(InputError, match="load: no device 'tpu9'; give 'cpu' or 'cuda'"):
        load(path, "tpu9")


def test_a_device_that_is_not_there_is_refused(tmp_path):
    path = save(small_model(), tmp_path / "model.pt")
    with pytest.raises(InputError, match="load: device cuda:99: cannot be used here"):
        load(path, "cuda:99")


def test_a_wrapped_checkpoint_is_read_and_one_of_no_numbers_is_not(tmp_path):
    state = authors_state_dict(plain_model())
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "a.pckl")
    loaded = load(tmp_path / "a.pckl").state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())
    broken = {k: v * float("nan") if "segmentation_net" in k else v for k, v in loaded.items()}
    torch.save(broken, tmp_path / "b.pckl")
    assert "holds values that are not finite" in refusal(tmp_path / "b.pckl")


def test_the_card_is_kept_and_an_older_file_has_none(tmp_path):
    model = small_model()
    card = Card("bottle", 9, {"size": 64}, "2026-01-31", "0.1", "x", (0.1, 0.2), 0.9, (0.3, 0.4))
    model.card = card
    path = save(model, tmp_path / "model.pt")
    assert load(path).card == card
    content = torch.load(path, weights_only=True)
    for change, expected in (({"later": 1}, card), ({"name": ""}, replace(card, name=""))):
        torch.save({**content, "card": {**content["card"], **change}}, path)
        assert load(path).card == expected
    del content["card"]["training_scores"]
    content["card"]["good"] = "the training images, which it knows"
    torch.save(content, path)
    assert load(path).card == replace(card, training_scores=(), good=TRAINING_IMAGES)
    for bad in ([], {"images": "many"}, {"good_scores": 3}, {"training_scores": 3}):
        torch.save({**content, "card": bad}, path)
        assert "settings are not a model's" in refusal(path)
    del content["card"]
    torch.save(content, path)
    assert load(path).card == Card()
