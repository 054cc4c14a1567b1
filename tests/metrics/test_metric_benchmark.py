"""The benchmark's rivals agree with the metrics, and the speed target holds."""

import json

import pytest

from bench.benchmarks import metrics as benchmark
from bench.benchmarks.stages import evaluation_parts, grid_parts


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


def test_parts_of_an_evaluation_add_up():
    *_, header, _, none, full = evaluation_parts(1)
    assert "maps, ms | upsampling, ms | six metrics, ms" in header
    for line, name in ((none, "none"), (full, "den+ed+seg")):
        variant, *times, share = (cell.strip() for cell in line.strip("|").split("|"))
        assert variant == name
        part = float(times[2]) / sum(map(float, times))
        assert float(share.strip("%")) / 100 == pytest.approx(part, abs=0.02)


def test_parts_of_a_grid_are_summed_by_kind(tmp_path):
    for key, kind, seconds in (
        ("a1", "student", 3.0),
        ("b2", "evaluation", 0.5),
        ("c3", "student", 6.5),
    ):
        (tmp_path / key[0] / key).mkdir(parents=True)
        record = {"kind": kind, "seconds": seconds}
        (tmp_path / key[0] / key / "record.json").write_text(json.dumps(record))
    assert grid_parts(tmp_path)[-2:] == [
        "| student | 2 | 9.5 | 95.0% |",
        "| evaluation | 1 | 0.5 | 5.0% |",
    ]


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
def test_command_prints_the_tables(capsys, monkeypatch, tmp_path):
    for variable in benchmark._THREAD_VARIABLES:
        monkeypatch.setenv(variable, "1")
    options = ["--images", "4", "--repeats", "1", "--scale", "100000", "--runs", str(tmp_path)]
    assert benchmark.main(options) == 0
    printed = capsys.readouterr().out
    assert "| PRO by its definition |" in printed
    assert "| 131072 |" in printed
    assert "share of the metrics" in printed
    assert "| stage | finished |" in printed
