"""What every method must keep, whoever wrote it: run over all there are, and the example."""

import dataclasses

import pytest

from bench.experiment.grid import Grid
from bench.methods import METHODS_VARIABLE, PAPER
from bench.methods.codecs import SCORES
from bench.methods.steps import Member, Scores, Step, UndeclaredRead
from bench.planning.stages import plan, stage_key
from bench.running.runner import run
from bench.running.site import StageSite
from bench.running.workers import Children, InProcess
from bench.store.runs import RunStore
from destseg.descent import UNKEPT
from tests.interrupting import Interrupting, gone_on
from tests.methods.conftest import EXAMPLE, METHODS, TEST, small_config

ALONE = pytest.StashKey()

each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def laid_out(experiment, inputs):
    grid = Grid(experiment.grid.categories, experiment.grid.variants, experiment.grid.seeds)
    return plan(experiment, grid.cells(), inputs)


def computed(stages, inputs, kind, keepers=lambda: UNKEPT):
    """The bytes of every stage's artifact, each computed from its parents' bytes."""
    results, contents = {}, {}
    for stage in stages:
        parents = [results[parent.key] for parent in stage.parents]
        keeper = keepers()
        site = StageSite(stage, inputs, kind, "cpu", lambda kept=keeper: kept)
        result = gone_on(stage.step.run, site, *parents)
        if stage.kind == "evaluation":
            contents[stage.key] = result
            continue
        name, content = stage.step.codec.encode(result)
        results[stage.key] = stage.step.codec.decode(content)
        contents[stage.key] = content
        assert stage.step.codec.encode(results[stage.key]) == (name, content), "and back"
    return contents, results


@pytest.fixture
def alone(method, small_experiment, small_inputs, kind, request):
    """The stages of one category, and what each gives by itself; computed once for a method."""
    known = request.config.stash.setdefault(ALONE, {})
    if method.name not in known:
        laid = laid_out(small_experiment(method), small_inputs)
        stages = [stage for stage in laid.stages.values() if stage.category in ("one", "")]
        known[method.name] = laid, stages, *computed(stages, small_inputs, kind)
    return known[method.name]


@each_method
def test_the_same_bits_twice_and_the_shape_of_scores(method, alone, small_inputs, kind):
    """The second time interrupted, where a step has itself kept."""
    laid, stages, first, results = alone
    again, _ = computed(stages, small_inputs, kind, Interrupting)
    assert first == again
    for evaluation in laid.evaluations.values():
        (last,) = evaluation.parents
        if last.key in results:
            scores = results[last.key]
            assert isinstance(scores, Scores)
            assert scores.maps.dtype == "float32"
            assert scores.maps.shape[0] == TEST
            assert scores.maps.ndim == 3
            assert scores.image_scores is None or scores.image_scores.shape == (TEST,)


@each_method
def test_together_the_same_bits_as_alone(method, alone, small_inputs, kind):
    _, stages, contents, results = alone
    groups = {}
    for stage in stages:
        groups.setdefault(stage.group, []).append(stage)
    groups.pop(None, None)
    for group in groups.values():
        keeper = Interrupting()
        members = [
            Member(
                stage.step,
                StageSite(stage, small_inputs, kind, "cpu", lambda kept=keeper: kept),
                tuple(results[parent.key] for parent in stage.parents),
            )
            for stage in group
        ]
        found = gone_on(type(group[0].step).run_together, members)
        for stage, result in zip(group, found, strict=True):
            _, content = stage.step.codec.encode(result)
            assert content == contents[stage.key]


@each_method
def test_what_says_so_computes_on_no_device(method, alone, small_inputs, kind):
    _, stages, contents, results = alone
    for stage in stages:
        if not stage.on_device:
            site = StageSite(stage, small_inputs, kind, "nowhere")
            result = stage.step.run(site, *(results[parent.key] for parent in stage.parents))
            measured = stage.kind == "evaluation"
            assert contents[stage.key] == (
                result if measured else stage.step.codec.encode(result)[1]
            )


def other(value):
    """A value of the same kind that is another."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value * 2 + 1
    if isinstance(value, tuple):
        return (*value, 99)
    if dataclasses.is_dataclass(value):
        first = dataclasses.fields(value)[0].name
        return dataclasses.replace(value, **{first: other(getattr(value, first))})
    return f"another {value}"


@each_method
def test_every_field_of_a_step_moves_its_key(method):
    config = small_config(method)
    for name in method.design:
        for step in lineage(method.last(config, method.variants[name])):
            before = stage_key(step.kind, step.version, step.settings, ())
            for field in dataclasses.fields(step):
                value = getattr(step, field.name)
                if not isinstance(value, Step):
                    value = "given" if value is None else other(value)
                    changed = dataclasses.replace(step, **{field.name: value})
                    assert stage_key(step.kind, step.version, changed.settings, ()) != before


@each_method
def test_undeclared_reads_raise(method, small_experiment, small_inputs, kind):
    laid = laid_out(small_experiment(method), small_inputs)
    for stage in laid.stages.values():
        site = StageSite(stage, small_inputs, kind, "cpu")
        for name in {"images", "masks", "rotation", "textures", "anything"} - {*stage.step.reads}:
            with pytest.raises(UndeclaredRead, match=name):
                site[name]
        if not stage.step.seeded:
            with pytest.raises(UndeclaredRead, match="not seeded"):
                site.seed("data")


@each_method
def test_no_method_sees_the_ground_truth(method):
    config = small_config(method)
    for variant in method.variants.values():
        assert all("masks" not in step.reads for step in lineage(method.last(config, variant)))


@each_method
def test_what_a_method_says_of_itself_fits_together(method):
    config = small_config(method)
    assert set(method.design) <= set(method.variants)
    assert all(callable(part) for part in {**method.factors, **method.parts}.values())
    read = {
        name
        for variant in method.variants.values()
        for step in lineage(method.last(config, variant))
        for name in step.reads
    }
    known = {"images", "rotation", "textures", *method.backbones(config)}
    assert read <= known
    assert method.least_images(config) >= 1
    for step in lineage(method.last(config, method.variants[method.full])):
        settings = step.settings | {"size": 32}
        assert step.work(settings) > 0
        assert set(step.traits) <= {field.name for field in dataclasses.fields(step)}
        assert type(step).version >= 1
    if method.factors:
        assert len(method.design) == 2 ** len(method.factors), "a factorial design"
    assert method.name != PAPER or next(iter(METHODS)) == PAPER
    assert {method.last(config, variant).codec for variant in method.variants.values()} == {SCORES}


@pytest.fixture(scope="module")
def two_children():
    """Two processes for all methods: starting them takes longer than their stages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(METHODS_VARIABLE, str(EXAMPLE))
        with Children(["cpu", "cpu"]) as workers:
            yield workers


@each_method
def test_any_number_of_workers_gives_the_same_bits(
    method, small_experiment, small_inputs, tmp_path, two_children
):
    experiment = small_experiment(method)
    variants = {method.name: (method.full,)}
    laid = plan(experiment, Grid(("one", "two"), variants, (0,)).cells(), small_inputs)
    found = []
    for name, workers in {"one": InProcess("cpu"), "two": two_children}.items():
        store = RunStore(tmp_path / name)
        summary = run(laid, experiment, small_inputs, store, workers)
        assert (summary.done, summary.failures) == (2, ())
        found.append({record.key: (record.metrics, record.digest) for record in store.records()})
    assert found[0] == found[1]
    assert len(found[0]) == len(laid.stages)


def lineage(step):
    for parent in step.parents:
        yield from lineage(parent)
    yield step
