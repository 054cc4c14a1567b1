import dataclasses
import hashlib
import itertools
from pathlib import Path

import pytest

from bench.data.categories import CategoryRef
from bench.data.teacher import TeacherRef
from bench.data.textures import TexturesRef
from bench.experiment.experiment import Experiment, GridConfig
from bench.experiment.grid import Cell, Grid
from bench.methods.destseg import METHOD, Config
from bench.methods.destseg.steps import Map, TrainSegmentation, TrainStudent
from bench.methods.destseg.variants import Variant
from bench.methods.interface import Method
from bench.methods.steps import Step
from bench.planning import stages
from bench.planning.evaluation import Evaluate
from bench.planning.inputs import Inputs
from bench.planning.stages import Stage, families, plan, shard
from destseg.errors import InputError

EXPERIMENT = Experiment("tiny", GridConfig({"DeSTSeg": METHOD.design}), {"DeSTSeg": Config()})
TEACHER = TeacherRef(Path("cache/teacher"), "teacher", 64, "procedural", 0.9)
INPUTS = Inputs(
    categories={
        name: CategoryRef(name, Path("cache") / name, f"images of {name}", 40, 34)
        for name in ("bottle", "tile")
    },
    textures=TexturesRef(Path("cache/textures"), "textures", 69),
    backbones={("procedural", width): TEACHER for width in (64, 65)},
)
ALL = {"student", "segmentation", "maps off", "maps on", "evaluation off", "evaluation on"}
WITH_SEGMENTATION = {"segmentation", "maps on", "evaluation on"}
EVALUATIONS = {"evaluation off", "evaluation on"}


def keys(experiment=EXPERIMENT, inputs=INPUTS, *, category="bottle", den=True, ed=True, seed=0):
    """The keys of the stages of two variants that differ in seg only."""
    found = {}
    for seg, suffix in ((False, "off"), (True, "on")):
        shape = "encoder-decoder" if ed else "encoder"
        variant = Variant(den, shape, seg)
        cell = Cell("DeSTSeg", variant.name, category, seed)
        evaluation = plan(experiment, [cell], inputs).evaluations[cell]
        (maps,) = evaluation.parents
        found[f"evaluation {suffix}"] = evaluation.key
        found[f"maps {suffix}"] = maps.key
        found.setdefault("student", maps.parents[0].key)
        assert found["student"] == maps.parents[0].key
        if seg:
            found["segmentation"] = maps.parents[1].key
            assert maps.parents[1].parents == (maps.parents[0],)
        else:
            assert len(maps.parents) == 1
    return found


def changed(after, before=None):
    before = before or keys()
    assert after.keys() == before.keys() == ALL
    return {name for name in ALL if after[name] != before[name]}


def test_every_stage_has_a_key_of_its_own():
    found = keys()
    assert len(set(found.values())) == len(ALL)
    assert all(len(key) == 64 for key in found.values())


def test_a_key_is_the_digest_of_canonical_json():
    parent = Stage("student", 2, {"b": [1, 2], "a": 0.1})
    text = (
        f'{{"code":2,"kind":"student","parameters":{{"a":0.1,"b":[1,2]}},'
        f'"parents":[],"schema":{stages.SCHEMA}}}'
    )
    assert parent.key == hashlib.sha256(text.encode()).hexdigest()
    assert parent == Stage("student", 2, {"a": 0.1, "b": [1, 2]}, (), "bottle", 0)
    assert hash(parent) == hash(Stage("student", 2, {"a": 0.1, "b": [1, 2]}))
    assert parent != Stage("student", 2, {"a": 0.1, "b": [2, 1]})
    assert parent != Stage("student", 1, parent.parameters)
    assert parent != Stage("segmentation", 2, parent.parameters)
    assert Stage("maps", 1, {}, (parent,)) != Stage("maps", 1, {})


def other(value):
    """A value of the same kind that is another."""
    if isinstance(value, tuple):
        return (*value, 99)
    return value + 1 if isinstance(value, int) else value / 2


def every(moved, names):
    return dict.fromkeys(names.split(), moved)


SECTIONS = {
    "model": {"width": ALL} | every(WITH_SEGMENTATION, "segmentation_width dilations"),
    "anomalies": every(
        ALL, "lattice_exponents threshold max_rotation max_original_weight rotation_stream"
    ),
    "training": every(ALL, "batch_size momentum weight_decay student_steps student_lr precision")
    | every(WITH_SEGMENTATION, "segmentation_steps res_lr head_lr gamma data_stream")
    # A student with den has no use for them; see below.
    | {"den_off_statistics": set()},
    "dataset": {"size": ALL, "rotation": ALL, "kind": set()},
    "protocol": every(
        EVALUATIONS,
        "size mask_rule crop connectivity image_score top_t fpr_limit iap_k compat version",
    )
    | {"name": set()},
}
WORDS = {
    "rotation": "none",
    "kind": "mvtec",
    "mask_rule": "any",
    "crop": 224,
    "connectivity": 4,
    "image_score": "max",
    "name": "other",
    "rotation_stream": "fixed",
    "den_off_statistics": "both",
    "data_stream": "whole",
    "precision": "bf16",
    "compat": "authors",
}
CASES = [(section, field) for section, fields in SECTIONS.items() for field in fields]


@pytest.mark.parametrize(("section", "field"), CASES, ids=".".join)
def test_a_setting_moves_the_keys_of_what_it_moves_and_no_others(section, field):
    config = EXPERIMENT.configs["DeSTSeg"]
    of_method = hasattr(config, section)
    before = getattr(config if of_method else EXPERIMENT, section)
    value = WORDS.get(field) or other(getattr(before, field))
    assert value != getattr(before, field)
    change = {section: dataclasses.replace(before, **{field: value})}
    if of_method:
        change = {"configs": {"DeSTSeg": dataclasses.replace(config, **change)}}
    assert changed(keys(dataclasses.replace(EXPERIMENT, **change))) == SECTIONS[section][field]


def test_no_setting_is_forgotten():
    parts = [EXPERIMENT.configs["DeSTSeg"], EXPERIMENT]
    for section, fields in SECTIONS.items():
        of = next(getattr(part, section) for part in parts if hasattr(part, section))
        assert {field.name for field in dataclasses.fields(of)} == set(fields)
    assert {field.name for field in dataclasses.fields(Config)} <= set(SECTIONS)


OTHER_INPUTS = {
    "backbones": {("procedural", 64): dataclasses.replace(TEACHER, digest="other")},
    "textures": TexturesRef(Path("x"), "other", 69),
    "categories": {"bottle": CategoryRef("bottle", Path("x"), "other", 40, 34)},
}


@pytest.mark.parametrize(
    "change",
    [
        *({"seed": 1}, {"den": False}, {"ed": False}, {"category": "tile"}),
        *({"inputs": dataclasses.replace(INPUTS, **{k: v})} for k, v in OTHER_INPUTS.items()),
    ],
    ids=["seed", "den", "ed", "category", *OTHER_INPUTS],
)
def test_inputs_seed_and_variant_move_every_key(change):
    assert changed(keys(**change)) == ALL


def test_paths_names_titles_and_the_grid_move_no_key():
    inputs = Inputs(
        categories={
            "bottle": dataclasses.replace(INPUTS.categories["bottle"], path=Path("elsewhere"))
        },
        textures=dataclasses.replace(INPUTS.textures, path=Path("elsewhere"), count=1),
        backbones={("other", 64): TeacherRef(Path("elsewhere"), "teacher", 64, "another file")},
    )
    experiment = dataclasses.replace(
        EXPERIMENT,
        name="other",
        title="other",
        teacher="other",
        grid=GridConfig({"DeSTSeg": ("seg",)}, seeds=(7,)),
    )
    assert changed(keys(experiment, inputs)) == set()


@pytest.mark.parametrize(
    ("step", "moved"),
    [
        (TrainStudent, ALL),
        (TrainSegmentation, WITH_SEGMENTATION),
        (Map, {"maps off", "maps on", *EVALUATIONS}),
        (Evaluate, EVALUATIONS),
    ],
)
def test_a_new_code_version_moves_its_stage_and_the_descendants(monkeypatch, step, moved):
    before = keys()
    monkeypatch.setattr(step, "version", step.version + 1)
    assert changed(keys(), before) == moved


def test_a_new_schema_moves_everything(monkeypatch):
    before = keys()
    monkeypatch.setattr(stages, "SCHEMA", stages.SCHEMA + 1)
    assert changed(keys(), before) == ALL


def whole():
    grid = Grid(("bottle", "tile"), {"DeSTSeg": METHOD.design}, (0, 1))
    return plan(EXPERIMENT, grid.cells(), INPUTS), grid.cells()


def test_four_students_serve_eight_variants():
    laid, cells = whole()
    assert list(laid.evaluations) == list(cells)
    assert len({stage.key for stage in laid.evaluations.values()}) == len(cells) == 32
    students = {cell: stage.parents[0].parents[0].key for cell, stage in laid.evaluations.items()}
    assert len(set(students.values())) == 4 * 2 * 2

    def trained(cell):
        variant = METHOD.variants[cell.variant]
        return cell.category, cell.seed, variant.den, variant.ed

    for one, two in itertools.combinations(cells, 2):
        assert (students[one] == students[two]) == (trained(one) == trained(two))


def test_each_stage_has_a_name_of_its_own():
    laid, _ = whole()
    names = {str(stage) for stage in laid.stages.values()}
    assert len(names) == len(laid.stages)
    assert names >= {
        "bottle seed 0 student (encoder)",
        "bottle seed 0 student (den, encoder-decoder)",
        "bottle seed 1 segmentation (encoder-decoder, l1, product)",
        "bottle seed 1 evaluation of maps (den, encoder-decoder, l1, product, seg)",
    }


def test_each_stage_is_there_once_after_its_parents():
    laid, _ = whole()
    assert len(laid.stages) == 16 * 6
    kinds = [stage.kind for stage in laid.stages.values()]
    of_one = ["student"] * 4 + ["segmentation"] * 4 + ["maps"] * 8 + ["evaluation"] * 8
    assert kinds == of_one * 4, "category by category, what is computed together side by side"
    assert laid.kinds == ("student", "segmentation", "maps", "evaluation")
    seen = set()
    for key, stage in laid.stages.items():
        assert key == stage.key
        assert seen.issuperset(parent.key for parent in stage.parents)
        seen.add(key)
    assert [stage.seed for stage in laid.stages.values()] == [0] * 48 + [1] * 48, "seed by seed"
    for cell, evaluation in laid.evaluations.items():
        for stage in evaluation.lineage():
            assert (stage.category, stage.seed) == (cell.category, cell.seed)
            assert str(stage).startswith(f"{cell.category} seed {cell.seed} {stage.kind} ")


def test_stages_of_one_kind_and_stream_make_a_group():
    laid, _ = whole()
    groups = {}
    for stage in laid.stages.values():
        groups.setdefault(stage.group, []).append(stage)
    alone = groups.pop(None)
    assert {stage.kind for stage in alone} == {"evaluation"}
    assert {(found[0].kind, len(found)) for found in groups.values()} == {
        ("student", 4),
        ("segmentation", 4),
        ("maps", 8),
    }
    for found in groups.values():
        assert len({(stage.category, stage.seed, stage.kind) for stage in found}) == 1


@pytest.mark.parametrize("count", [1, 3, 4, 40])
def test_shards_are_the_whole_without_overlap(count):
    laid, _ = whole()
    parts = [shard(laid, index, count) for index in range(1, count + 1)]
    keys = [key for part in parts for key in part.stages]
    assert sorted(keys) == sorted(laid.stages)
    cells = [cell for part in parts for cell in part.evaluations]
    assert sorted(map(str, cells)) == sorted(map(str, laid.evaluations))
    for part in parts:
        wanted = {above.key for stage in part.evaluations.values() for above in stage.lineage()}
        assert set(part.stages) == wanted
    sizes = {len(part.stages) for part in parts}
    assert max(sizes) - min(sizes) <= 24, "a category and seed with all its stages"


def test_a_part_of_the_grid_has_the_keys_of_the_whole():
    laid, cells = whole()
    some = cells[5::3]
    part = plan(EXPERIMENT, reversed(some), INPUTS)
    assert {cell: part.evaluations[cell].key for cell in some} == {
        cell: laid.evaluations[cell].key for cell in some
    }


# Beyond the ablation


def stage_keys(variant, experiment=EXPERIMENT):
    cell = Cell("DeSTSeg", variant, "bottle", 0)
    (maps,) = plan(experiment, [cell], INPUTS).evaluations[cell].parents
    return [parent.key for parent in maps.parents]


@pytest.mark.parametrize("other", ["no-l1", "features", "distances", "no-l1+features"])
def test_loss_and_input_need_another_segmentation_net_on_the_same_student(other):
    student, segmentation = stage_keys("den+ed+seg")
    same, different = stage_keys(f"den+ed+seg+{other}")
    assert same == student
    assert different != segmentation


def test_each_shape_of_the_student_is_another():
    found = {stage_keys(variant)[0] for variant in ("den", "den+ed", "den+decoder")}
    assert len(found) == 3


def with_training(**changes):
    config = Config(training=dataclasses.replace(Config().training, **changes))
    return dataclasses.replace(EXPERIMENT, configs={"DeSTSeg": config})


def test_statistics_without_den_concern_students_without_den_alone():
    both = with_training(den_off_statistics="both")
    assert stage_keys("den+ed+seg", both) == stage_keys("den+ed+seg")
    assert stage_keys("ed+seg", both)[0] != stage_keys("ed+seg")[0]


def test_the_data_stream_concerns_the_segmentation_net_alone():
    before, after = stage_keys("ed+seg"), stage_keys("ed+seg", with_training(data_stream="whole"))
    assert before[0] == after[0]
    assert before[1] != after[1]


# What serves several categories or seeds


@dataclasses.dataclass(frozen=True)
class Codebook(Step):
    size: int
    kind = "test.codebook"
    reads = ("textures",)


@dataclasses.dataclass(frozen=True)
class Bank(Step):
    kind = "test.bank"
    seeded = False
    reads = ("images",)


@dataclasses.dataclass(frozen=True)
class Coded(Step):
    codebook: Codebook
    bank: Bank
    kind = "test.scores"
    reads = ("images",)
    seeded = False


@pytest.fixture
def shared(monkeypatch):
    """Plan a method with this last step."""

    def shared(last):
        method = Method("shared", "", Config, lambda *_: last, {"": None})
        monkeypatch.setattr(stages, "method", lambda _: method)
        monkeypatch.setattr(Experiment, "backbones", lambda *_: {})
        experiment = Experiment("shared", GridConfig({"shared": ("",)}), {"shared": Config()})
        grid = Grid(("bottle", "tile"), {"shared": ("",)}, (0, 1))
        return plan(experiment, grid.cells(), INPUTS)

    return shared


def test_a_step_without_images_is_computed_once_for_all_categories(shared):
    laid = shared(Coded(Codebook(9), Bank()))
    places = {(stage.kind, stage.category, stage.seed) for stage in laid.stages.values()}
    assert places == {
        *(("test.codebook", "", seed) for seed in (0, 1)),
        *(("test.bank", category, None) for category in ("bottle", "tile")),
        *(
            (kind, category, seed)
            for kind in ("test.scores", "evaluation")
            for category in ("bottle", "tile")
            for seed in (0, 1)
        ),
    }
    named = {str(stage) for stage in laid.stages.values()}
    assert named >= {"seed 0 test.codebook", "tile test.bank"}
    assert len(families(laid.evaluations)) == 4
    parts = [shard(laid, index, 2) for index in (1, 2)]
    assert [len(part.evaluations) for part in parts] == [2, 2]
    assert {key for part in parts for key in part.stages} == set(laid.stages)


def test_a_method_without_randomness_is_computed_once_for_all_seeds(shared):
    laid = shared(Bank())
    assert len(laid.evaluations) == 4
    assert len(laid.stages) == 2 * 2
    assert all(stage.seed is None for stage in laid.stages.values())


@dataclasses.dataclass(frozen=True)
class Reading(Step):
    kind = "test.reading"
    seeded = False


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("masks", "shared: the step 'test.reading' reads the masks, which are for the evaluation"),
        ("image", "shared: a step reads 'image'; there are images, rotation, textures, and the"),
    ],
)
def test_a_step_that_reads_what_it_may_not_is_refused(shared, monkeypatch, name, said):
    monkeypatch.setattr(Reading, "reads", (name,))
    with pytest.raises(InputError, match=said):
        shared(Reading())


def test_a_step_that_reads_the_rotation_alone_is_one_for_each_category(shared, monkeypatch):
    monkeypatch.setattr(Reading, "reads", ("rotation",))
    laid = shared(Reading())
    categories = [s.category for s in laid.stages.values() if s.kind == "test.reading"]
    assert categories == ["bottle", "tile"]
