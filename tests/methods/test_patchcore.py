"""PatchCore: the published program's numbers on given weights, and the parts."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from bench.data.wide_resnet import WideResNet50
from bench.experiment.reading import load_experiment
from bench.methods.patchcore import METHOD, Config, backbones, last_step
from bench.methods.patchcore.coreset import (
    collect,
    draw_projection,
    draw_starts,
    greedy_cover,
    project,
)
from bench.methods.patchcore.embedding import (
    centre,
    embed,
    embeddings,
    patches,
    with_moved_statistics,
)
from bench.methods.patchcore.scoring import framed, nearest, reweighted, smooth_maps
from destseg.batches import as_tensor, normalise
from destseg.errors import InputError
from destseg.inference import upsample
from destseg.resnet import ResNet18
from tests.method.filling import deviation, fill
from tests.methods.rivals import StubSite, inputs, published

ARRAYS, NUMBERS = published("patchcore")
RELATIVE = 1e-5
ANCHOR = 2e-4  # distances of points to themselves are rounding noise in float32
PIPELINES = [name for name in NUMBERS if name.startswith(("r18", "wr50"))]


def backbone_of(net):
    network = WideResNet50() if net == "wr50" else ResNet18(int(net.removeprefix("r18w")), 3)
    return fill(nn.ModuleDict({"teacher_net": nn.ModuleDict({"encoder": network})})).eval()


def projection_of(golden, dims):
    if "proj_seed" not in golden:
        return None
    bound = 1 / math.sqrt(dims)
    drawn = np.random.RandomState(golden["proj_seed"]).uniform(-bound, bound, (128, dims))
    return torch.from_numpy(drawn.astype(np.float32))


def starts_of(golden, count):
    return torch.from_numpy(np.random.RandomState(golden["start_seed"]).permutation(count)[:10])


def radius(points, picks):
    return torch.cdist(points.double(), points[picks].double()).min(dim=1).values.max().item()


def assert_picks(name, points, starts):
    picks, values = greedy_cover(points, len(ARRAYS[f"{name}_coreset_indices"]), starts)
    assert picks.tolist() == ARRAYS[f"{name}_coreset_indices"].tolist()
    assert deviation(values, ARRAYS[f"{name}_anchor_at_pick"]) <= ANCHOR
    return picks


@pytest.mark.parametrize("name", PIPELINES)
@torch.no_grad()
def test_the_programs_pipeline(name):
    golden = NUMBERS[name]
    height, width = golden["size"]
    network = backbone_of(golden["net"])["teacher_net"]["encoder"]
    moved = with_moved_statistics(network, golden["size"])
    for state, (before, after) in golden["batchnorm_l2_before_after_load"].items():
        kept, changed = network.state_dict()[state], moved.state_dict()[state]
        assert kept.double().norm().item() == pytest.approx(before, rel=RELATIVE)
        assert changed.double().norm().item() == pytest.approx(after, rel=RELATIVE)
    if golden["batchnorm"] == "as_program":
        network = moved

    train = inputs(golden["train_seed"], (golden["n_train"], 3, height, width))
    test = inputs(golden["test_seed"], (golden["n_test"], 3, height, width))
    test[::2, :, height // 4 : height // 2, width // 4 : width // 2] = golden["flat"]
    assert test.flatten()[:3].tolist() == pytest.approx(golden["input_first3_test"])

    def described(images):
        levels = network(images)[1:]
        dims = {"level_dims": golden["d_pre"], "dims": golden["d_target"]}
        return embed(levels, side=golden["patchsize"], **dims)

    bank, queries = described(train), described(test)
    assert list(bank.shape) == golden["bank_shape"]
    assert deviation(bank[golden["bank_rows"]], ARRAYS[f"{name}_bank_rows"]) <= RELATIVE
    assert deviation(bank.norm(dim=1), ARRAYS[f"{name}_bank_row_l2"]) <= RELATIVE
    assert deviation(queries[golden["query_rows"]], ARRAYS[f"{name}_query_rows"]) <= RELATIVE
    assert bank.double().norm().item() == pytest.approx(golden["bank_l2"], rel=RELATIVE)

    starts = starts_of(golden, len(bank))
    assert starts.tolist() == ARRAYS[f"{name}_start_points"].tolist()
    points = project(bank, projection_of(golden, bank.shape[1]))
    picks = assert_picks(name, points, starts)
    assert len(picks) == golden["coreset_size"] == int(golden["percentage"] * len(bank))
    assert radius(bank, picks) == pytest.approx(golden["cover_radius_full"], rel=RELATIVE)
    assert radius(points, picks) == pytest.approx(golden["cover_radius_projected"], rel=RELATIVE)

    found = nearest(queries, bank[picks], golden["k"])
    assert found.places.tolist() == ARRAYS[f"{name}_nn_position_in_coreset"].tolist()
    assert deviation(found.squared, ARRAYS[f"{name}_nn_squared_distance"]) <= RELATIVE
    scores = found.squared.mean(dim=1).reshape(len(test), -1)
    assert deviation(scores, ARRAYS[f"{name}_patch_scores"]) <= RELATIVE
    assert deviation(scores.max(dim=1).values, golden["image_scores"]) <= RELATIVE
    grid = scores.reshape(len(test), math.ceil(height / 8), math.ceil(width / 8)).numpy()
    enlarged = upsample(grid, (height, width))
    assert deviation(enlarged, ARRAYS[f"{name}_map_before_smoothing"]) <= RELATIVE
    assert deviation(smooth_maps(grid, (height, width), 4.0), ARRAYS[f"{name}_map"]) <= RELATIVE


@pytest.mark.parametrize("name", ["embed_a", "embed_b", "embed_c"])
def test_the_programs_poolings(name):
    golden = NUMBERS[name]
    levels = [
        inputs(seed, shape) for seed, shape in zip(golden["seeds"], golden["shapes"], strict=True)
    ]
    dims = {"level_dims": golden["d_pre"], "dims": golden["d_target"]}
    found = embed(levels, side=golden["patchsize"], **dims)
    assert deviation(found, ARRAYS[f"{name}_embedding"]) <= RELATIVE


@pytest.mark.parametrize("name", ["coreset_a", "coreset_b", "coreset_c", "coreset_exact"])
def test_the_programs_coresets(name):
    golden = NUMBERS[name]
    vectors = inputs(golden["seed"], (golden["n"], golden["d"]))
    starts = None
    if golden["sampler"] == "approx":
        starts = starts_of(golden, golden["n"])
        assert starts.tolist() == ARRAYS[f"{name}_start_points"].tolist()
    points = project(vectors, projection_of(golden, golden["d"]))
    picks = assert_picks(name, points, starts)
    assert radius(vectors, picks) == pytest.approx(golden["cover_radius_full"], rel=RELATIVE)
    assert radius(points, picks) == pytest.approx(golden["cover_radius_projected"], rel=RELATIVE)


def test_repeated_vectors_are_picked_once_while_there_are_others():
    """From then on rounding decides, so that only the distinct ones are compared."""
    golden = NUMBERS["coreset_repeated"]
    distinct = golden["n"]
    vectors = inputs(golden["seed"], (distinct, golden["d"]))
    points = vectors.repeat(golden["repeat"], 1)
    starts = starts_of(golden, len(points))
    picks, _ = greedy_cover(points, golden["coreset_size"], starts)
    assert len({index % distinct for index in picks[:distinct].tolist()}) == distinct
    assert len(picks) == golden["coreset_size"]


def test_the_programs_preprocessing():
    golden = NUMBERS["prep"]
    pixels = np.random.RandomState(golden["seed"]).randint(0, 256, [*golden["hw"], 3])
    height, width = golden["hw"]
    side = golden["resize"]
    image = Image.fromarray(pixels.astype(np.uint8))
    resized = image.resize((side * width // height, side), Image.Resampling.BILINEAR)
    cropped = centre(np.asarray(resized)[None], golden["imagesize"])
    (shown,) = normalise(as_tensor(cropped))
    assert shown.mean(dim=(1, 2)).tolist() == pytest.approx(golden["image_mean_per_channel"])
    assert deviation(shown[:, ::4, ::4], ARRAYS["prep_image_s4"]) <= RELATIVE


def test_patches_by_hand():
    """By channel, row and column, zeros beyond the border."""
    features = torch.arange(24.0).reshape(1, 2, 3, 4)
    padded = np.pad(features[0].numpy(), ((0, 0), (1, 1), (1, 1)))
    cut = patches(features, 3)
    assert cut.shape == (1, 18, 3, 4)
    for row, column in itertools.product(range(3), range(4)):
        window = padded[:, row : row + 3, column : column + 3]
        assert cut[0, :, row, column].tolist() == window.ravel().tolist()


def test_channels_keep_the_structure_of_the_authors_setting():
    """Of layer 2 the neighbours count half of the centre, of layer 3 pairs of channels are one."""
    torch.manual_seed(0)
    second = torch.rand(2, 8, 4, 4, dtype=torch.float64)
    third = torch.rand(2, 16, 2, 2, dtype=torch.float64)
    found = embed([second, third], side=3, level_dims=16, dims=16).reshape(2, 4, 4, 16)
    weights = torch.full((8, 1, 3, 3), 0.1, dtype=torch.float64)
    weights[:, :, 1, 1] = 0.2
    left = nn.functional.conv2d(second, weights, padding=1, groups=8)
    pairs = third.unflatten(1, (8, 2)).mean(dim=2)
    means = nn.functional.avg_pool2d(pairs, 3, stride=1, padding=1)
    right = nn.functional.interpolate(means, size=(4, 4), mode="bilinear")
    torch.testing.assert_close(found.permute(0, 3, 1, 2), torch.cat([left, right], dim=1))


@pytest.mark.parametrize("exact", [False, True])
def test_every_greedy_pick_is_the_farthest_of_all(exact):
    points = inputs(3, (40, 5)).double()
    starts = None if exact else draw_starts(40, seed=1)
    picks, values = greedy_cover(points, 12, starts)
    distances = torch.cdist(points, points)
    value = distances.norm(dim=1) if exact else distances[:, starts].mean(dim=1)
    for pick, at_pick in zip(picks, values, strict=True):
        assert pick == value.argmax()
        assert at_pick.item() == pytest.approx(value.max().item())
        value = torch.minimum(value, distances[:, pick])


def test_the_cover_is_at_most_twice_as_wide_as_the_best_there_is():
    """Farthest-first traversal's guarantee (Gonzalez 1985), against every choice of three."""
    points = inputs(5, (14, 2))
    picks, _ = greedy_cover(points, 3, None)
    best = min(
        radius(points, torch.tensor(choice)) for choice in itertools.combinations(range(14), 3)
    )
    assert best <= radius(points, picks) <= 2 * best


def test_random_parts_are_seeded_and_shaped_as_the_programs():
    first, again, other = (draw_projection(200, seed) for seed in (1, 1, 2))
    assert first.shape == (128, 200)
    assert first.dtype == torch.float32
    bound = 1 / math.sqrt(200)
    assert 0.99 * bound < first.abs().max() <= bound
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert draw_projection(128, 0) is None
    assert sorted(draw_starts(7, 0).tolist()) == list(range(7))
    assert len(set(draw_starts(50, 0).tolist())) == 10
    assert draw_starts(50, 0).tolist() != draw_starts(50, 1).tolist()


@pytest.mark.parametrize("count", [1, 3])
def test_neighbours_are_those_of_a_search_one_by_one(count, monkeypatch):
    monkeypatch.setattr("bench.methods.patchcore.scoring.COMPARED", 100)
    kept, queries = inputs(1, (30, 20)), inputs(2, (25, 20))
    queries[4] = kept[11]
    found = nearest(queries, kept, count)
    search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(kept.double())
    distances, places = search.kneighbors(queries.double())
    assert found.places.tolist() == places.tolist()
    np.testing.assert_allclose(found.squared, distances**2, rtol=1e-6)
    assert found.squared[4, 0] == 0, "exactly"


def test_more_neighbours_than_there_are_kept():
    kept = torch.rand(2, 4)
    assert nearest(kept, kept, 5).places.tolist() == [[0, 1], [1, 0]]


def test_the_papers_weight_of_the_image_score():
    kept = torch.tensor([[0.0], [1.0], [3.0], [200.0]])
    patch = torch.tensor([-2.0])
    share = math.exp(2) / (math.exp(2) + math.exp(3) + math.exp(5))
    score = reweighted(patch, torch.tensor(0), kept, 3)
    assert score.item() == pytest.approx(2 * (1 - share))
    far = reweighted(torch.tensor([-900.0]), torch.tensor(0), kept, 3)
    assert torch.isfinite(far), "though its exponential is not"


def test_a_map_of_one_value_stays_and_a_point_becomes_a_gaussian():
    flat = np.full((1, 4, 4), 3.0, np.float32)
    np.testing.assert_allclose(smooth_maps(flat, (32, 32), 4.0), 3.0, rtol=1e-6)
    point = np.zeros((1, 65, 65), np.float32)
    point[0, 32, 32] = 1
    steps = np.arange(-16, 17)
    kernel = np.exp(-(steps**2) / 32)
    kernel /= kernel.sum()
    found = smooth_maps(point, (65, 65), 4.0)[0]
    np.testing.assert_allclose(found[16:49, 16:49], np.outer(kernel, kernel), atol=1e-7)
    assert not found[:16].any(), "it ends after four sigma"


def test_the_centre_is_cut_and_put_back():
    images = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1).repeat(3, axis=3)
    inner = centre(images, 4)
    assert np.array_equal(inner, images[:, 2:6, 2:6])
    maps = framed(inner[..., 0].astype(np.float32), (8, 8))
    assert np.array_equal(maps[:, 2:6, 2:6], inner[..., 0])
    assert maps.sum() == inner[..., 0].sum()
    with pytest.raises(ValueError, match="crop is 9, images are 8x8"):
        centre(images, 9)


class Largest(TorchDispatchMode):
    """Counts results as large as a whole bank that have storage of their own."""

    def __init__(self, numbers):
        super().__init__()
        self.numbers, self.storages = numbers, set()

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        result = function(*arguments, **(options or {}))
        if isinstance(result, torch.Tensor) and result.numel() >= self.numbers:
            self.storages.add(result.untyped_storage().data_ptr())
        return result


@torch.no_grad()
def test_the_bank_is_held_once():
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)
    backbone = fill(ResNet18(8, 3)).eval()
    count = 40 * 4 * 4
    with Largest(count * 256) as seen:
        bank = collect(embeddings(backbone, images, side=3, dims=256), 40)
        points = project(bank, draw_projection(256, 0))
        greedy_cover(points, 20, draw_starts(count, 0))
    assert bank.shape == (count, 256)
    assert seen.storages == {bank.untyped_storage().data_ptr()}


def maps_of(seed=0, **settings):
    last = last_step(Config(backbone="resnet18", width=8, **settings), None)
    site = StubSite("backbone", 64, seed)
    memory = last.memory.run(site)
    return memory["kept"], last.run(site, memory)


def test_the_method_finds_what_is_unlike_the_training_images():
    kept, scores = maps_of()
    assert kept.shape == (64, 32)  # a tenth of 10 x 8 x 8 patches; as many as layer 3 has channels
    assert scores.maps.shape == (4, 64, 64)
    assert scores.maps.dtype == np.float32
    assert scores.image_scores.argmax() == 3
    row, column = np.unravel_index(scores.maps[3].argmax(), (64, 64))
    assert 12 <= row < 44
    assert 12 <= column < 44
    assert scores.image_scores[3] > scores.maps[3].max(), "taken before the smoothing"


@pytest.mark.parametrize(
    "settings",
    [
        {"dims": 1024},
        {"batchnorm": "as_program"},
        {"coreset": "exact"},
        {"fraction": 0.02},
        {"neighbours": 3},
        {"distance": "euclidean"},
        {"sigma": 1.0},
        {"sigma_side": 224},
        {"patch": 5},
        {"crop": 56},
    ],
    ids=str,
)
def test_every_setting_changes_the_maps(settings):
    _, plain = maps_of()
    _, scores = maps_of(**settings)
    assert scores.maps.shape == plain.maps.shape
    assert np.abs(scores.maps - plain.maps).max() > 1e-6


def test_settings_of_scores_do_what_they_say():
    _, squared = maps_of(sigma=0.0)
    _, roots = maps_of(sigma=0.0, distance="euclidean")
    np.testing.assert_allclose(roots.image_scores**2, squared.image_scores, rtol=1e-5)
    _, weighted = maps_of(reweighting=9)
    assert (weighted.image_scores < roots.image_scores).all()
    assert (weighted.image_scores > roots.image_scores / 2).all()
    _, cropped = maps_of(crop=48)
    assert not cropped.maps[:, :8].any()
    assert cropped.maps[:, 8:-8, 8:-8].all()


def test_the_seed_moves_the_choice_alone():
    first, again, other = maps_of()[0], maps_of()[0], maps_of(seed=1)[0]
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(maps_of(coreset="exact")[0], maps_of(seed=1, coreset="exact")[0])


def test_the_backbone_is_left_as_it_is():
    site = StubSite("backbone", 64)
    before = {key: value.clone() for key, value in site["backbone"].state_dict().items()}
    last_step(Config(backbone="resnet18", batchnorm="as_program"), None).memory.run(site)
    after = site["backbone"].state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert not site["backbone"].training


@pytest.mark.parametrize("dims", ["channels", 1024])
def test_dims_are_a_number_or_a_word(dims, tmp_path):
    path = tmp_path / "mine.toml"
    said = json.dumps(dims)
    path.write_text(f'[grid]\nmethods = ["PatchCore"]\n[methods.PatchCore]\ndims = {said}\n')
    assert load_experiment(path).configs["PatchCore"] == Config(dims=dims)
    path.write_text(path.read_text().replace(said, '"planes"'))
    with pytest.raises(InputError, match="dims is 'planes'"):
        load_experiment(path)


def test_the_backbone_is_the_teacher_or_the_authors():
    (wide,) = backbones(Config()).values()
    assert wide.source == "wide_resnet50_2"
    (teacher,) = backbones(Config(backbone="resnet18", width=16)).values()
    assert (teacher.source, teacher.width) == (None, 16)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"neighbours": 0}, "neighbours is 0; it must be at least 1"),
        ({"dims": 0}, "dims is 0"),
        ({"patch": 4}, "patch is 4; it must be odd"),
        ({"fraction": 0.0}, "fraction is 0.0; it must be above 0 and below 1"),
        ({"fraction": 1.0}, "fraction is 1.0; it must be above 0 and below 1"),
        ({"reweighting": 1}, "reweighting is 1; it must be at least 2"),
        ({"sigma": -1}, "sigma is -1; it must not be negative"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        Config(**settings)


@pytest.mark.parametrize(
    ("settings", "papers"),
    [
        ({}, True),
        ({"fraction": 0.01, "distance": "euclidean", "reweighting": 9, "crop": 224}, True),
        ({"batchnorm": "as_program", "dims": 1024}, True),
        ({"backbone": "resnet18"}, False),
        ({"neighbours": 5}, False),
    ],
)
def test_the_authors_setting_is_known_as_such(settings, papers):
    assert METHOD.is_papers(Config(**settings)) == papers


def test_what_the_foot_of_a_table_says():
    said = METHOD.summary(Config(backbone="resnet18", width=16, fraction=0.01))
    assert said == "ResNet-18 of width 16, 1 % of patches kept, dims layer 3's channels"
    assert METHOD.summary(Config(dims=1024)).endswith("10 % of patches kept, dims 1024")


def test_work_grows_with_size_and_fraction():
    step = last_step(Config(), None).memory
    small, large = (step.work(step.settings | {"size": size}) for size in (64, 128))
    assert 4 * small < large < 16 * small
    assert step.work(step.settings | {"size": 64, "fraction": 0.01}) < small
