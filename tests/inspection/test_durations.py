import pytest

from bench.inspection.durations import Duration, DurationEstimator, duration
from tests.inspection.inspected import SECONDS, of_kind, record_of


def test_the_median_of_stages_alike(filled):
    students = of_kind(filled, "student")
    records = [
        record_of(stage, seconds=value) for stage, value in zip(students, (1, 2, 9), strict=False)
    ]
    assert DurationEstimator(records, "cpu")(students[-1]) == Duration(2, "alike")


def test_other_settings_are_scaled_by_the_work(lay):
    ran = lay(student_steps=10, segmentation_steps=10)
    records = [record_of(stage) for stage in ran.stages.values()]
    other = lay(student_steps=100, segmentation_steps=10, batch_size=8, protocol={"size": 64})
    estimate = DurationEstimator(records, "cpu")
    assert estimate(of_kind(other, "student")[0]) == Duration(10.0 * 10 * 2, "scaled")
    assert estimate(of_kind(other, "segmentation")[0]) == Duration(30.0 * 2, "scaled")
    assert estimate(of_kind(other, "maps")[0]) == Duration(2.0, "alike")
    assert estimate(of_kind(other, "evaluation")[0]) == Duration(4.0, "scaled")


def test_rates_and_protocols_move_no_time(filled, lay):
    estimate = DurationEstimator([record_of(stage) for stage in filled.stages.values()], "cpu")
    other = lay(student_lr=0.7, momentum=0.5, protocol={"top_t": 3})
    for kind, seconds in SECONDS.items():
        assert estimate(of_kind(other, kind)[0]) == Duration(seconds, "alike")


def test_no_training_is_scaled_from_a_few_updates(filled, lay):
    estimate = DurationEstimator([record_of(stage) for stage in filled.stages.values()], "cpu")
    longer = lay(student_steps=300, segmentation_steps=300)
    assert [estimate(of_kind(longer, kind)[0]) for kind in ("student", "segmentation")] == [
        None
    ] * 2
    assert estimate(of_kind(longer, "maps")[0]) == Duration(2.0, "alike")
    assert estimate.short == {"student", "segmentation"}
    trained = record_of(of_kind(lay(student_steps=10), "student")[0])
    estimate = DurationEstimator([trained, record_of(of_kind(filled, "student")[0])], "cpu")
    assert estimate(of_kind(longer, "student")[0]) == Duration(300.0, "scaled")
    assert not estimate.short


def test_another_device_is_better_than_none_and_never_alike(lay):
    students = of_kind(lay(student_steps=10), "student")[::2]
    records = [record_of(students[0], seconds=1.0)]
    assert DurationEstimator(records, "GPU")(students[1]) == Duration(1.0, "elsewhere")
    records.append(record_of(students[1], seconds=0.1, provenance={"device": "GPU"}))
    assert DurationEstimator(records, "GPU")(students[2]) == Duration(0.1, "alike")


def test_the_device_does_not_matter_to_what_uses_none(filled):
    records = [record_of(stage) for stage in filled.stages.values()]
    estimate = DurationEstimator(records, "GPU")
    assert estimate(of_kind(filled, "evaluation")[0]).basis == "alike"
    assert estimate(of_kind(filled, "maps")[0]).basis == "elsewhere"


def test_what_never_ran_has_no_estimate(filled):
    records = [record_of(of_kind(filled, "student")[0])]
    assert DurationEstimator(records, "cpu")(of_kind(filled, "maps")[0]) is None


def test_other_methods_maps_say_nothing(filled):
    stage = of_kind(filled, "evaluation")[0]
    scored = record_of(stage, parameters={**stage.parameters, "maps": "digest"})
    assert DurationEstimator([scored], "cpu")(stage) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.9, "9.9 s"), (59.4, "59 s"), (61, "1 min 01 s"), (7265, "2 h 01 min")],
)
def test_a_duration_is_short_to_read(seconds, text):
    assert duration(seconds) == text
