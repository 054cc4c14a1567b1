"""The benchmark's rivals agree with the metrics, and the speed target holds."""

import pytest

from benchmarks import metrics as benchmark
from benchmarks.figures import Setting


@pytest.fixture(scope="module")
def data():
    return benchmark.synthetic_maps(6)


@pytest.mark.parametrize("name", benchmark.IMPLEMENTATIONS)
def test_implementations_agree(data, name):
    ours = benchmark.all_six(*data)
    values = benchmark.IMPLEMENTATIONS[name](*data)
    assert values or name == "np.sort of the scores alone"
    for key, value in values.items():
        assert value == pytest.approx(ours[key], abs=1e-11), key


def test_implementations_agree_on_ties(data):
    maps, masks = data
    coarse = (maps * 8).round() / 8
    ours = benchmark.all_six(coarse, masks)
    for implementation in benchmark.IMPLEMENTATIONS.values():
        for key, value in implementation(coarse, masks).items():
            assert value == pytest.approx(ours[key], abs=1e-11), key


def test_the_benchmarks_maps_have_the_stated_regions():
    maps, masks = benchmark.synthetic_maps(100)
    assert maps.shape == (100, 256, 256)
    assert masks.any(axis=(1, 2)).sum() == 60
    assert 105 <= benchmark._labelled(masks)[1].size <= 120


@pytest.mark.slow
def test_all_six_take_half_the_time_of_pro_alone():
    figures = benchmark._compared(100, Setting(rounds=3))
    found = {figure.name: figure.value for figure in figures}
    assert found[f"{benchmark.OURS} ÷ {benchmark.PRO}"] <= 0.5
    assert found[f"{benchmark.OURS}, memory beside the input"] <= 400


def test_every_implementation_has_its_figures():
    found = {
        figure.name: figure.value for figure in benchmark.measure(Setting(rounds=1, smoke=True))
    }
    assert {f"4 maps, {name}" for name in benchmark.IMPLEMENTATIONS} <= found.keys()
    assert found["131072 pixels, six metrics"] > 0
    assert found[f"{benchmark.PRO}, largest deviation from ours"] < 1e-11
