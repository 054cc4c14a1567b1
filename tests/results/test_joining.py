from dataclasses import replace

import numpy as np
import pytest

from bench.methods import FLOORS
from bench.metrics import PROTOCOLS
from bench.results.joining import join
from destseg.errors import InputError
from tests.results.results_cases import OURS, RIVAL, cells_of, results_of, with_floors


def test_a_method_on_both_sides_bears_the_name_of_its_experiment():
    other = replace(OURS, experiment="longer")
    both = join(OURS, [other])
    assert list(both.variants) == ["DeSTSeg", "DeSTSeg (longer)"]
    assert both.fulls["DeSTSeg (longer)"] == "den+ed+seg"
    np.testing.assert_array_equal(
        both.scores("iap", method="DeSTSeg (longer)", variant="ed"),
        OURS.scores("iap", variant="ed"),
    )
    with pytest.raises(InputError, match=r"DeSTSeg \(longer\) is there already; include it once"):
        join(both, [other])


def test_precisions_of_either_side_stay_told():
    rounded = replace(OURS, cells=OURS.cells.assign(precision="bf16"), experiment="ablation-bf16")
    assert join(OURS, [rounded]).precisions == {"DeSTSeg (ablation-bf16)": "bf16"}
    assert join(rounded, [OURS]).precisions == {"DeSTSeg": "bf16"}


def test_floors_come_once():
    found = with_floors()
    both = join(found, [replace(found, experiment="longer")])
    assert list(both.variants) == ["DeSTSeg", *FLOORS, "DeSTSeg (longer)"]
    assert both.learners == ("DeSTSeg", "DeSTSeg (longer)")
    assert both.remarks == ()
    assert join(RIVAL, [found]).floors == FLOORS


def test_the_grid_stays_the_firsts_and_what_is_outside_is_told():
    wide = results_of(
        cells_of("Rival", ("",), seeds=(0, 1, 2, 3)),
        experiment="wide",
        seeds=(0, 1, 2, 3),
        provenance=("Command: score", "Setting: 3 steps", "Date: today"),
    )
    both = join(OURS, [wide])
    assert both.seeds == OURS.seeds
    assert len(both.cells) == len(OURS.cells) + 9
    assert both.remarks == ("Of wide 3 cells outside this grid are left out.",)
    assert both.provenance == ("Included: wide; Setting: 3 steps",)


def test_other_protocols_and_other_images_are_refused():
    crop = PROTOCOLS["crop224"]
    cropped = replace(RIVAL, cells=RIVAL.cells.assign(protocol=crop.label), protocol=crop)
    said = "ablation and score-Rival: measured under the protocols 'paper v1' and 'crop224 v1'"
    with pytest.raises(InputError, match=said):
        join(OURS, [cropped])
    wood = RIVAL.cells["category"] == "wood"
    moved = RIVAL.cells.assign(images=RIVAL.cells["images"].mask(wood, "others"))
    said = "ablation and score-Rival: measured on other images of wood"
    with pytest.raises(InputError, match=said):
        join(OURS, [replace(RIVAL, cells=moved)])


def test_results_without_a_category_in_common_are_refused():
    with pytest.raises(InputError, match="no category in common"):
        join(replace(OURS, categories=("bottle",)), [replace(RIVAL, categories=("wood",))])
