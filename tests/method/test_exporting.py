import numpy as np
import pytest

import destseg
from destseg import exporting
from destseg.application.commands import main
from destseg.errors import InputError
from destseg.exporting import export_onnx
from tests.method.small_networks import small_model


def test_what_is_lacking_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"onnx is not installed; `pip install"):
        export_onnx(small_model(size=64), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_export_says_what_goes_in_and_what_comes_out(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(exporting, "export_onnx", lambda _, path: path)
    destseg.save(small_model(size=64, scale=destseg.Scale(0.1, 0.4, 0.25)), tmp_path / "m.pt")
    assert main(["export", str(tmp_path / "m.pt"), "m.onnx"]) == 0
    said = "m.onnx: input pictures, (N, 64, 64, 3) uint8 RGB; outputs maps and scores, above 0.25"
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.slow  # torch's exporter traces for half a minute
def test_onnxruntime_gives_the_same_maps_and_scores(tmp_path):
    """Of one picture and of several, in a file with nothing beside it."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    model = small_model(size=64, scale=destseg.Scale(0.1, 0.4, 0.25))
    destseg.save(model, tmp_path / "model.pt")
    path = tmp_path / "model.onnx"
    assert main(["export", str(tmp_path / "model.pt"), str(path)]) == 0
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    for count in (1, 3):
        maps, scores = session.run(None, {"pictures": pictures[:count]})
        expected = model.predict(list(pictures[:count]))
        np.testing.assert_allclose(maps, [one.anomaly_map for one in expected], atol=1e-5)
        np.testing.assert_allclose(scores, [one.score for one in expected], atol=1e-5)
    facts = session.get_modelmeta().custom_metadata_map
    assert facts == {"size": "64", "limit": "0.25", "name": ""}
