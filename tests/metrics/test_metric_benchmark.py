"""The benchmark's rivals agree with the metrics, and the speed target holds."""

import pytest

from benchmarks import metrics as benchmark


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
    lines = benchmark.compare(images=100, repeats=3)
    name, _, ratio, extra, _ = (cell.strip() for cell in lines[4].strip("|").split("|"))
    assert name == "bench.metrics, all six"
    assert float(ratio) <= 0.5
    assert float(extra) <= 400


@pytest.mark.slow
def test_command_prints_the_tables(capsys, monkeypatch):
    for variable in benchmark._THREAD_VARIABLES:
        monkeypatch.setenv(variable, "1")
    options = ["--images", "4", "--repeats", "1", "--scale", "100000"]
    assert benchmark.main(options) == 0
    printed = capsys.readouterr().out
    assert "| PRO by its definition |" in printed
    assert "| 131072 |" in printed
