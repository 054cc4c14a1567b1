import dataclasses
import os
import re
from pathlib import Path

import pytest

from bench.experiment.experiment import DatasetConfig, Experiment, GridConfig
from bench.experiment.library import EXPERIMENTS
from bench.experiment.protocols import load_protocol
from bench.experiment.reading import load_experiment
from bench.methods import FLOORS, method
from bench.methods.destseg import METHOD, Config
from bench.metrics import PROTOCOLS
from bench.presentation.tables import tables
from destseg.config import TrainingConfig
from destseg.errors import InputError

SHIPPED = sorted(EXPERIMENTS.glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_experiment_is_valid(path):
    experiment = load_experiment(path)
    assert experiment.name == path.stem
    assert experiment.title
    assert all(
        variant in method(name).variants
        for name, variants in experiment.grid.variants.items()
        for variant in variants
    )
    assert set(experiment.tables) <= set(tables())


@pytest.mark.parametrize("name", ["ablation", "mvtec", "mvtec-cpu", "bottle"])
def test_ablations_have_the_papers_eight_variants(name):
    variants = load_experiment(EXPERIMENTS / f"{name}.toml").grid.variants
    assert variants == {"DeSTSeg": METHOD.design} | dict.fromkeys(FLOORS, ("",))


@pytest.mark.parametrize("name", ["loss", "fusion-input", "students"])
@pytest.mark.parametrize(("kind", "base"), [("miniature", "ablation"), ("mvtec", "mvtec")])
def test_other_tables_have_the_settings_of_the_ablation(name, kind, base):
    """Or no student would be shared."""
    experiment = load_experiment(EXPERIMENTS / f"{name}.toml", kind)
    ablation = load_experiment(EXPERIMENTS / f"{base}.toml")
    assert experiment.tables[0] == name
    own = ("name", "title", "tables")
    same = {key: getattr(ablation, key) for key in own}
    grid = dataclasses.replace(experiment.grid, variants=ablation.grid.variants)
    assert dataclasses.replace(experiment, grid=grid, **same) == ablation
    assert load_experiment(EXPERIMENTS / f"{name}.toml").dataset.kind == "miniature"


@pytest.mark.parametrize(
    ("name", "paper"),
    [("mvtec", True), ("bottle", True), ("mvtec-cpu", False), ("ablation", False)],
)
def test_the_papers_setting_is_known_as_such(name, paper):
    assert load_experiment(EXPERIMENTS / f"{name}.toml").has_paper_setting == paper


def test_the_programs_readings_are_the_papers_setting_too():
    assert load_experiment(EXPERIMENTS / "program.toml", "mvtec").has_paper_setting


@pytest.mark.parametrize(
    "change",
    [
        {"teacher": "distilled"},
        {"teacher": "procedural"},
        {"teacher": "untrained"},
        {"configs": {"DeSTSeg": Config(training=TrainingConfig(student_steps=999))}},
        {"configs": {}},
        {"dataset": DatasetConfig("mvtec", size=128)},
        {"dataset": DatasetConfig("mvtec", rotation="none")},
    ],
)
def test_anything_else_is_another_setting(change):
    experiment = load_experiment(EXPERIMENTS / "mvtec.toml")
    assert not dataclasses.replace(experiment, **change).has_paper_setting


# Bases


BASES = {
    "small.toml": (
        'title = "small"\n[dataset]\nsize = 32\n[training]\nbatch_size = 4\ngamma = 2.0\n'
    ),
    "large.toml": 'title = "large"\n[dataset]\nkind = "mvtec"\nsize = 128\n',
}


@pytest.fixture
def with_bases(tmp_path):
    def write(text):
        for name, content in (BASES | {"own.toml": text}).items():
            (tmp_path / name).write_text(content, encoding="utf-8")
        return tmp_path / "own.toml"

    return write


def test_what_a_file_does_not_say_its_base_says(with_bases):
    path = with_bases('base = ["small.toml", "large.toml"]\n[training]\nbatch_size = 8\n')
    own = load_experiment(path)
    assert (own.name, own.title, own.dataset.size) == ("own", "small", 32)
    training = own.configs["DeSTSeg"].training
    assert (training.batch_size, training.gamma) == (8, 2.0)
    large = load_experiment(path, "mvtec")
    training = large.configs["DeSTSeg"].training
    assert (large.title, large.dataset.size, training.gamma) == ("large", 128, 4.0)
    assert training.batch_size == 8


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ('base = "small.toml"', None, "base is 'small.toml'; it must be an array of file names"),
        ('base = ["missing.toml"]', None, "missing.toml: no such experiment"),
        ('base = ["small.toml"]', "mvtec", "none of its bases, small.toml, is for the dataset"),
        ('base = ["own.toml"]', None, "its base own.toml has a base itself"),
        ('base = ["small.toml"]\n[training]\nbatch = 8', None, "did you mean batch_size"),
        ("tables = []", None, "tables is empty"),
    ],
)
def test_a_bad_base_is_told(with_bases, text, kind, message):
    with pytest.raises(InputError, match=message):
        load_experiment(with_bases(text), kind)


def test_an_experiment_of_the_project_is_a_base_anywhere(with_bases):
    own = load_experiment(with_bases('base = ["ablation"]\n[grid]\nseeds = [5]'))
    ablation = load_experiment(EXPERIMENTS / "ablation.toml")
    assert own.configs == ablation.configs
    assert own.grid.seeds == (5,)


def test_the_default_is_the_whole_grid_on_the_miniature():
    experiment = load_experiment(next(path for path in SHIPPED if path.stem == "ablation"))
    assert (experiment.dataset.kind, experiment.teacher) == ("miniature", "distilled")
    assert experiment.grid.categories == ()
    assert len(experiment.grid.seeds) == 3


def test_the_mvtec_experiment_is_the_papers_setting():
    experiment = load_experiment(next(path for path in SHIPPED if path.stem == "mvtec"))
    training = experiment.configs["DeSTSeg"].training
    assert (experiment.dataset.kind, experiment.dataset.size) == ("mvtec", 256)
    assert (training.batch_size, training.student_steps + training.segmentation_steps) == (32, 5000)
    assert (training.student_steps, training.student_lr) == (1000, 0.4)
    assert (training.res_lr, training.head_lr) == (0.1, 0.01)
    assert (training.momentum, training.weight_decay, training.gamma) == (0.9, 1e-4, 4.0)
    assert experiment.configs["DeSTSeg"].model.dilations == (6, 12, 18)
    assert (experiment.protocol.size, experiment.protocol.top_t) == (256, 100)
    assert len(experiment.grid.seeds) == 5


def test_values_arrive_where_they_belong(tiny_file):
    experiment = load_experiment(tiny_file)
    assert experiment.grid.categories == ("tile", "bottle")
    assert experiment.configs["DeSTSeg"].model.dilations == (1, 2)
    assert experiment.protocol.top_t == 10
    assert experiment.configs["DeSTSeg"].training.momentum == 0.9, (
        "what is not stated is the default"
    )


def test_an_empty_file_is_all_defaults(tmp_path):
    path = tmp_path / "plain.toml"
    path.write_text("")
    found = load_experiment(path)
    assert found == Experiment(
        "plain",
        GridConfig({"DeSTSeg": METHOD.design} | dict.fromkeys(FLOORS, ("",))),
        {"DeSTSeg": Config()} | {name: method(name).config() for name in FLOORS},
        tables=found.tables,
    )
    assert found.tables[:2] == ("ablation", "main")


def test_a_whole_number_is_a_number(write_tiny):
    one = load_experiment(write_tiny({"student_lr = 0.2": "student_lr = 1"}))
    assert one == load_experiment(write_tiny({"student_lr = 0.2": "student_lr = 1.0"}))
    assert type(one.configs["DeSTSeg"].training.student_lr) is float


def test_an_optional_value_may_be_given(write_tiny):
    path = write_tiny({"top_t = 10": "top_t = 10\ncrop = 28"})
    assert load_experiment(path).protocol.crop == 28


BAD = {
    "unknown key": (
        {"batch_size = 4": "batchsize = 4"},
        ("training: unknown key 'batchsize'", "did you mean batch_size?"),
    ),
    "unknown key at the top": (
        {"title =": "tittle ="},
        ("unknown key 'tittle'", "did you mean title?"),
    ),
    "unknown table": ({"[model]": "[modle]"}, ("unknown key 'modle'", "did you mean model?")),
    "key like no other": (
        {"batch_size = 4": "xyzzy = 4"},
        ("training: unknown key 'xyzzy'", "there are batch_size, student_steps"),
    ),
    "text for a number": (
        {"student_steps = 2": 'student_steps = "2"'},
        ("training.student_steps is '2'", "of type int"),
    ),
    "fraction for a count": (
        {"student_steps = 2": "student_steps = 2.5"},
        ("training.student_steps is 2.5", "of type int"),
    ),
    "truth for a count": (
        {"student_steps = 2": "student_steps = true"},
        ("training.student_steps is True", "of type int"),
    ),
    "truth for a fraction": (
        {"student_lr = 0.2": "student_lr = true"},
        ("training.student_lr is True", "of type float"),
    ),
    "not a number": (
        {"student_lr = 0.2": "student_lr = nan"},
        ("training.student_lr is nan", "finite"),
    ),
    "infinite": ({"res_lr = 0.3": "res_lr = inf"}, ("training.res_lr is inf", "finite")),
    "negative rate": (
        {"head_lr = 0.1": "head_lr = -0.1"},
        ("training.head_lr is -0.1", "positive"),
    ),
    "no rate": ({"head_lr = 0.1": "head_lr = 0"}, ("training.head_lr is 0", "positive")),
    "number for a list": (
        {"seeds = [0, 1]": "seeds = 0"},
        ("grid.seeds is 0", "must be an array"),
    ),
    "list of another type": (
        {"seeds = [0, 1]": 'seeds = [0, "1"]'},
        ("grid.seeds is '1'", "of type int"),
    ),
    "value for a table": (
        {"[anomalies]\nlattice_exponents = 3": "", 'title = "tiny"': "anomalies = 3"},
        ("anomalies is 3", "must be a table [methods.DeSTSeg.anomalies]"),
    ),
    "unknown dataset": (
        {"size = 32\n\n[grid]": 'kind = "visa"\n\n[grid]'},
        ("dataset.kind is 'visa'", "miniature, mvtec"),
    ),
    "unknown rotation": (
        {"size = 32\n\n[grid]": 'rotation = "all"\n\n[grid]'},
        ("dataset.rotation is 'all'", "'paper', 'none'"),
    ),
    "no seed": ({"seeds = [0, 1]": "seeds = []"}, ("grid.seeds is empty", "at least one")),
    "no variant": (
        {"seeds = [0, 1]": "variants = []"},
        ("grid.variants is empty", "at least one"),
    ),
    "repeated seed": ({"seeds = [0, 1]": "seeds = [1, 1]"}, ("grid.seeds repeats", "once")),
    "repeated category": (
        {'["tile", "bottle"]': '["tile", "tile"]'},
        ("grid.categories repeats", "once"),
    ),
    "unknown variant": (
        {"seeds = [0, 1]": 'variants = ["seg", "seg+den"]'},
        ("grid.variants", "'seg+den'", "den+seg"),
    ),
    "batch of one": (
        {"batch_size = 4": "batch_size = 1"},
        ("training.batch_size is 1", "at least 2"),
    ),
    "no step": (
        {"segmentation_steps = 3": "segmentation_steps = 0"},
        ("training.segmentation_steps is 0", "at least 1"),
    ),
    "no width": ({"\nwidth = 8": "\nwidth = 0"}, ("model.width is 0", "at least 1")),
    "no dilation": (
        {"dilations = [1, 2]": "dilations = [2, 0]"},
        ("model.dilations is 0", "at least 1"),
    ),
    "no lattice": (
        {"lattice_exponents = 3": "lattice_exponents = 0"},
        ("anomalies.lattice_exponents is 0", "at least 1"),
    ),
    "protocol's own check": (
        {"top_t = 10": "top_t = 10\nconnectivity = 6"},
        ("protocol.connectivity is 6", "4, 8"),
    ),
    "own name": ({'title = "tiny"': 'name = "other"'}, ("remove the key 'name'", "'tiny'")),
    "no TOML": ({"batch_size = 4": "batch_size 4"}, ("not valid TOML", "line 21")),
    "key twice": (
        {"student_steps = 2": "student_steps = 2\nstudent_steps = 3"},
        ("not valid TOML", "line 23"),
    ),
}


@pytest.mark.parametrize(("edits", "said"), BAD.values(), ids=BAD)
def test_a_bad_value_is_named_with_its_file_and_place(write_tiny, edits, said):
    path = write_tiny(edits)
    with pytest.raises(InputError) as caught:
        load_experiment(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    for part in said:
        assert part in message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.toml: no such experiment file"):
        load_experiment(tmp_path / "none.toml")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_experiment(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes('title = "é"'.encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.toml: cannot be read"):
        load_experiment(path)


def test_protocols_by_name_or_by_experiment(tiny_file):
    assert load_protocol("crop224") == PROTOCOLS["crop224"]
    assert load_protocol(str(tiny_file)).label == "paper v1 size=32 top_t=10"
    with pytest.raises(
        InputError,
        match=r"--protocol crop: neither a protocol nor .* TOML file; did you mean crop224\?",
    ):
        load_protocol("crop")
    with pytest.raises(InputError, match="no such experiment file"):
        load_protocol("none.toml")


# Several methods


@pytest.fixture
def with_methods(write_tiny, with_example):
    """The tiny experiment with further lines in its grid, and at its end."""

    def write(grid, end=""):
        edits = {"seeds = [0, 1]": f"seeds = [0, 1]\n{grid}", "top_t = 10": f"top_t = 10\n{end}"}
        return load_experiment(write_tiny(edits))

    return write


def test_methods_have_variants_and_settings_of_their_own(with_methods):
    found = with_methods('methods = ["mean-patch", "DeSTSeg"]', "[methods.mean-patch]\nside = 2")
    assert found.grid.variants == {"mean-patch": ("",), "DeSTSeg": METHOD.design}
    assert found.configs["mean-patch"].side == 2
    assert found.configs["DeSTSeg"].model.width == 8, "its tables need no prefix"
    table = '[grid.variants]\nDeSTSeg = ["seg", "none"]'
    found = with_methods(f'methods = ["mean-patch", "DeSTSeg"]\n{table}')
    assert found.grid.variants == {"mean-patch": ("",), "DeSTSeg": ("none", "seg")}
    assert with_methods('methods = ["mean-patch"]').tables[0] == "main"


@pytest.mark.parametrize(
    ("grid", "end", "said"),
    [
        ('methods = ["PatchCor"]', "", "grid.methods: unknown method 'PatchCor'"),
        ('methods = ["destseg"]', "", "unknown method 'destseg'; did you mean DeSTSeg?"),
        ("methods = []", "", "grid.methods is empty"),
        ('methods = ["mean-patch"]\nvariants = ["none"]', "", "0 of the methods have variants"),
        ('[grid.variants]\n"mean-patch" = [""]', "", "names 'mean-patch', which is not in grid"),
        ('methods = ["mean-patch"]', "[methods.mean-patch]\nsde = 2", "did you mean side"),
        ('methods = ["STFPM"]', "[methods.STFPM]\nwidth = 0", "STFPM.width is 0"),
        ("", "[methods.DeSTSeg.model]\nwidth = 8", "are the same; keep one"),
        ("", "[methods]\nDeSTSeg = 1", "methods.DeSTSeg is 1; it must be a table"),
        ("", "[methods.nobody]", "unknown method 'nobody'"),
    ],
)
def test_what_is_wrong_with_methods_is_told(with_methods, grid, end, said):
    with pytest.raises(InputError, match=re.escape(said)):
        with_methods(grid, end)


def test_a_part_of_an_experiment(with_methods):
    whole = with_methods('methods = ["mean-patch", "DeSTSeg"]')
    part = whole.narrowed(methods=["DeSTSeg"], variants=["seg", "none"], seeds=[5, 5])
    assert part.grid == GridConfig({"DeSTSeg": ("none", "seg")}, ("tile", "bottle"), (5,))
    part = whole.narrowed(variants=["seg"], categories=["tile"])
    assert part.grid.variants == {"mean-patch": ("",), "DeSTSeg": ("seg",)}
    assert part.grid.categories == ("tile",)
    assert part.tables == whole.tables
    assert whole.tables[:2] == ("main", "ablation")
    part = whole.narrowed(methods=["mean-patch"])
    assert part.tables == ("main", "image", "pixel", "instance", "categories", "intervals")
    named = dataclasses.replace(whole, tables=("ablation", "image"))
    assert named.narrowed(methods=["mean-patch"]).tables == ("image",)
    said = '--method PatchCore: tiny has mean-patch, DeSTSeg; write methods = ["mean-patch", '
    with pytest.raises(InputError, match=re.escape(f'{said}"DeSTSeg", "PatchCore"] in the [grid]')):
        whole.narrowed(methods=["PatchCore"])
    with pytest.raises(
        InputError, match=r"--method: unknown method 'destseg'; did you mean DeSTSeg\?"
    ):
        whole.narrowed(methods=["destseg"])
    with pytest.raises(
        InputError, match=r"--variant: unknown variant 'ed\+den'; did you mean den\+ed"
    ):
        whole.narrowed(variants=["ed+den"])


def test_floors_stand_in_every_experiment_but_where_they_are_not_wanted(write_tiny):
    without = load_experiment(write_tiny())
    assert without.grid.variants == {"DeSTSeg": METHOD.design}
    found = load_experiment(write_tiny({"floors = false": ""}))
    assert list(found.grid.variants) == ["DeSTSeg", *FLOORS]
    assert found.tables == without.tables
    one = 'methods = ["mean-image", "DeSTSeg"]'
    named = load_experiment(write_tiny({"floors = false": one})).grid
    assert list(named.variants) == ["mean-image", "DeSTSeg", "pixel-nn"]
    own = load_experiment(write_tiny({"floors = false": f"floors = false\n{one}"})).grid
    assert list(own.variants) == ["mean-image", "DeSTSeg"]
    assert found.narrowed(methods=["DeSTSeg"]).grid == without.grid
    assert found.narrowed(variants=["seg"]).grid.variants == {
        "DeSTSeg": ("seg",),
        "pixel-nn": ("",),
        "mean-image": ("",),
    }
    alone = found.narrowed(methods=["pixel-nn"])
    assert alone.grid.variants == {"pixel-nn": ("",)}
    assert alone.tables[0] == "main"
    with pytest.raises(InputError, match="unknown key 'sigma'; there are none"):
        load_experiment(write_tiny({"top_t = 10": "top_t = 10\n[methods.pixel-nn]\nsigma = 2"}))


def test_metrics_beyond_the_papers(write_tiny):
    line = 'title = "tiny"'
    found = load_experiment(write_tiny({line: f'{line}\nmetrics = ["pixel_f1max"]'}))
    assert found.metrics == ("pixel_f1max",)
    with pytest.raises(
        InputError, match="metrics names 'f1', and lists those beyond the paper's six; there are"
    ):
        load_experiment(write_tiny({line: f'{line}\nmetrics = ["f1"]'}))


def test_an_experiment_cannot_change_under_way(tiny):
    with pytest.raises(dataclasses.FrozenInstanceError):
        tiny.teacher = "imagenet"


@pytest.mark.parametrize(
    ("edit", "name", "most"),
    [
        ({"size = 32\n\n[grid]": "size = 1000000000\n\n[grid]"}, "dataset.size", "4096"),
        ({"student_steps = 2": "student_steps = 1000000000000"}, "student_steps", "10000000"),
        ({"batch_size = 4": "batch_size = 100000000"}, "batch_size", "65536"),
        ({"\nwidth = 8": "\nwidth = 1000000"}, "model.width", "8192"),
        ({"student_lr = 0.2": "student_lr = 1e300"}, "student_lr", "1000"),
        ({"student_lr = 0.2": "student_lr = 1" + 400 * "0"}, "student_lr", "1000"),
        ({"lattice_exponents = 3": "lattice_exponents = 64"}, "lattice_exponents", "12"),
        ({"dilations = [1, 2]": "dilations = [1, 99999]"}, "dilations", "1024"),
        ({"top_t = 10": "top_t = 99999999999"}, "protocol.top_t", "4294967296"),
    ],
)
def test_numbers_no_experiment_can_mean_are_refused(write_tiny, edit, name, most):
    with pytest.raises(InputError, match=f"{name} is too large; it must be at most {most}"):
        load_experiment(write_tiny(edit))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"seeds = [0, 1]": "seeds = [0, -1]"}, "grid.seeds is -1; it must not be negative"),
        ({"seeds = [0, 1]": "seeds = [" + 5000 * "9" + "]"}, "not valid TOML"),
        ({'title = "tiny"': 'title = "\\u001b[31m"'}, "title is .*, which cannot be printed"),
    ],
)
def test_other_values_no_file_can_mean_are_refused(write_tiny, edit, said):
    with pytest.raises(InputError, match=said):
        load_experiment(write_tiny(edit))


def test_a_byte_order_mark_and_other_line_ends_are_no_fault(write_tiny):
    """As Windows editors save."""
    path = write_tiny()
    whole = load_experiment(path)
    text = path.read_text(encoding="utf-8")
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load_experiment(path) == whole


def test_utf16_is_named_with_its_remedy(write_tiny):
    path = write_tiny()
    path.write_bytes(path.read_text(encoding="utf-8").encode("utf-16"))
    with pytest.raises(InputError, match="it is in UTF-16, not in UTF-8: save it as UTF-8"):
        load_experiment(path)
    path.write_bytes(b"title = '\xe9'")
    with pytest.raises(InputError, match=r"cannot be read .*; give a TOML file"):
        load_experiment(path)


@pytest.mark.parametrize("instead", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)])
def test_what_is_no_file_is_not_waited_for(tmp_path, instead):
    path = tmp_path / "x.toml"
    instead(path)
    with pytest.raises(InputError, match=r"x\.toml: cannot be read"):
        load_protocol(str(path))


def test_a_file_nested_too_deeply_is_refused(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("a = " + 100_000 * "[")
    with pytest.raises(InputError, match=r"x\.toml: nested too deeply"):
        load_experiment(path)
