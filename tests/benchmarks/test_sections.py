"""Every section runs at the smallest sizes, and what it compares is what it says."""

import numpy as np
import pytest
import torch

from benchmarks import data, metrics, predict, store
from benchmarks.command import main
from benchmarks.figures import Setting, read_benchmark
from benchmarks.sections import SECTIONS
from destseg.batches import TrainingImages
from destseg.perlin import perlin_noise
from destseg.textures import procedural_texture

SMOKE = Setting(rounds=1, smoke=True)


def test_samples_are_timed_against_the_authors_way():
    found = {figure.name: figure.value for figure in data.measure(SMOKE)}
    assert min(found.values()) > 0
    parts = [value for name, value in found.items() if name.startswith("of it ")]
    assert len(parts) == 7
    assert sum(parts) <= found["authors' way, turned"]
    assert not [name for name in found if "finished" in name]  # that is for an accelerator


def test_the_finishing_of_a_batch_is_timed():
    pictures = np.stack([procedural_texture(index, 32) for index in range(2)])
    assert data._finishing(TrainingImages(pictures, pictures, data.FULL), 2, "cpu")() > 0


def test_the_authors_noise_is_ours():
    angles = 2 * np.pi * np.random.default_rng(0).random((5, 3))
    ours = perlin_noise(angles[None], np.array([[4, 2]]), (32, 32))[0]
    np.testing.assert_allclose(data.perlin(angles, 32), ours, atol=1e-12)


def test_a_sample_of_the_authors_differs_under_the_mask_alone(tmp_path):
    pictures = [procedural_texture(index, 64) for index in range(4)]
    authors = data.Authors(*data._files(tmp_path, pictures, SMOKE), 64)
    for index in range(8):
        corrupted, clean, mask = authors.sample(index)
        assert corrupted.shape == clean.shape == (3, 64, 64)
        assert set(mask.unique().tolist()) <= {0.0, 1.0}
        torch.testing.assert_close(corrupted * (1 - mask), clean * (1 - mask))


def test_one_image_and_many_are_predicted():
    found = {figure.name: figure for figure in predict.measure(SMOKE)}
    assert found["batch 32, rate"].unit == "images/s"
    assert min(figure.value for figure in found.values()) > 0


def test_all_ways_to_the_metrics_agree():
    maps, masks = metrics.synthetic_maps(4)
    ours = metrics.all_six(maps, masks)
    found = {name: run(maps, masks) for name, run in metrics.IMPLEMENTATIONS.items()}
    assert {name for name, values in found.items() if not values} == {"np.sort of the scores alone"}
    for values in found.values():
        assert values == {name: pytest.approx(ours[name], abs=1e-9) for name in values}


def test_a_store_is_read_both_ways():
    times = {figure.name: figure for figure in store.measure(SMOKE)}
    assert [figure.unit for figure in times.values()] == ["s", "s", ""]
    assert min(figure.value for figure in times.values()) > 0


@pytest.mark.slow
def test_all_sections_together(tmp_path, capsys):
    path = tmp_path / "figures.json"
    assert main(["--smoke", "--rounds", "1", "--json", str(path)]) == 0
    found = read_benchmark(path)
    assert list(found.sections) == [section.name for section in SECTIONS]
    assert all(found.sections.values())
    table = capsys.readouterr().out
    assert all(f"| {section} | {name} |" in table for section, name in found.figures())
