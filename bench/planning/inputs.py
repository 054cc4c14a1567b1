"""Everything an experiment reads, validated and decoded before the first stage runs."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed, parallel_config

from bench.data import miniature
from bench.data.cache import NotCached, only_cached, require_leave, unwritable
from bench.data.layout import list_categories
from bench.data.mvtec import CategoryRef, prepare_category
from bench.data.teacher import TeacherRef, prepare_teacher
from bench.data.textures import TexturesRef, prepare_textures
from bench.experiment.experiment import Experiment
from bench.metrics import resize_mask
from destseg.application.progress import progress
from destseg.errors import InputError

UNPREPARED = "not prepared"
"""Stands for the digest of an input that the cache does not have."""


@dataclass(frozen=True)
class Sources:
    """Where a machine keeps its data.

    Parameters
    ----------
    data : Path or None
        A folder in MVTec AD layout; None for the miniature.
    textures : Path or None
        Anomaly source images; None for the embedded set.
    cache : Path
        Where decoded images and teachers are kept.
    """

    data: Path | None
    textures: Path | None
    cache: Path


@dataclass(frozen=True)
class Inputs:
    """References to what the stages read; small enough to be sent to every worker."""

    categories: Mapping[str, CategoryRef]
    textures: TexturesRef
    teacher: TeacherRef


def available_categories(experiment: Experiment, sources: Sources) -> tuple[str, ...]:
    """List the categories the dataset has.

    Raises
    ------
    InputError
        When MVTec AD's folder is not given, missing or empty.
    """
    if experiment.dataset.kind == "miniature":
        return miniature.CATEGORIES
    if sources.data is None:
        raise InputError(
            "--data: the dataset 'mvtec' needs a folder in MVTec AD layout; add --data DIR."
        )
    return list_categories(sources.data)


def prepare_inputs(
    experiment: Experiment, categories: Sequence[str], sources: Sources, jobs: int
) -> Inputs:
    """Generate or read, validate and decode the inputs; quick when the cache has them.

    Parameters
    ----------
    experiment : Experiment
        Dataset, teacher and protocol.
    categories : sequence of str
        The categories needed, all available.
    sources : Sources
        Folders of this machine.
    jobs : int
        Processes.

    Raises
    ------
    InputError
        With the faults of all inputs together.
    """
    done = _prepare_all(_preparations(experiment, categories, sources), jobs)
    _raise_faults(done)
    refs: dict[str, CategoryRef] = dict(zip(categories, done[2:], strict=True))
    smallest = min(refs.values(), key=lambda ref: ref.train)
    batch_size = experiment.training.batch_size
    if smallest.train < batch_size:
        raise InputError(
            f"{smallest.category}: {smallest.train} training images are fewer than one batch of "
            f"{batch_size}; set a smaller training.batch_size in the experiment's file."
        )
    return Inputs(refs, done[1], done[0])


def look_up_inputs(experiment: Experiment, categories: Sequence[str], sources: Sources) -> Inputs:
    """Look up the inputs in the cache; nothing is made, and nothing written.

    Parameters
    ----------
    experiment, categories, sources
        As of `prepare_inputs`; MVTec AD's folder may be missing.

    Returns
    -------
    Inputs
        Where the cache lacks one, its digest is `UNPREPARED`.

    Raises
    ------
    InputError
        With the faults that show without reading the files.
    """
    homeless = experiment.dataset.kind == "mvtec" and sources.data is None
    prepares = _preparations(experiment, () if homeless else categories, sources)
    found = _cached(prepares)
    _raise_faults(found)
    blank = unprepared_inputs(experiment, categories)
    teacher, textures = found[:2]
    refs = zip(categories, found[2:], strict=False)
    return Inputs(
        {**blank.categories, **{name: ref for name, ref in refs if isinstance(ref, CategoryRef)}},
        textures if isinstance(textures, TexturesRef) else blank.textures,
        teacher if isinstance(teacher, TeacherRef) else blank.teacher,
    )


def unprepared_inputs(experiment: Experiment, categories: Sequence[str]) -> Inputs:
    """Return inputs of which nothing is known but what they are."""
    return Inputs(
        {name: CategoryRef(name, Path(), UNPREPARED, 0, 0) for name in categories},
        TexturesRef(Path(), UNPREPARED, 0),
        TeacherRef(Path(), UNPREPARED, experiment.model.width, experiment.teacher),
    )


def cached_images(
    experiment: Experiment, categories: Sequence[str], sources: Sources
) -> dict[str, CategoryRef]:
    """Return those of the categories that are decoded in the cache."""
    readers = [functools.partial(prepare_images, experiment, name, sources) for name in categories]
    done = zip(categories, _cached(readers), strict=True)
    return {name: found for name, found in done if isinstance(found, CategoryRef)}


def prepare_images(experiment: Experiment, category: str, sources: Sources) -> CategoryRef:
    """Generate or read, validate and decode one category.

    Raises
    ------
    InputError
        With every fault of the category.
    """
    root = sources.data
    if experiment.dataset.kind == "miniature":
        size = experiment.dataset.size
        if size < miniature.MIN_SIZE:
            raise InputError(
                f"dataset.size is {size}; the miniature is drawn at {miniature.MIN_SIZE} pixels "
                "at least."
            )
        root = sources.cache / f"miniature-v{miniature.VERSION}-{size}"
        try:
            if not (root / category).is_dir():
                require_leave(root / category)
                miniature.write(root, size, category)
        except OSError as error:
            raise unwritable(root, error) from error
    assert root is not None
    protocol = experiment.protocol
    return prepare_category(
        root,
        category,
        experiment.dataset.size,
        sources.cache,
        resize_mask=functools.partial(resize_mask, protocol=protocol),
        rule=f"{protocol.mask_rule}-{protocol.size}",
    )


def _preparations(
    experiment: Experiment, categories: Sequence[str], sources: Sources
) -> list[Callable[[], Any]]:
    """List what provides the teacher, the textures, and each category's images."""
    textures = functools.partial(
        prepare_textures, sources.textures, experiment.dataset.size, sources.cache
    )
    teacher = functools.partial(
        prepare_teacher, experiment.teacher, sources.cache, width=experiment.model.width
    )
    readers = [functools.partial(prepare_images, experiment, name, sources) for name in categories]
    # The teacher first: it takes longest, the others fill the remaining processes.
    return [teacher, textures, *readers]


def _cached(prepares: Sequence[Callable[[], Any]]) -> list[Any]:
    with only_cached():
        return [_attempt(prepare) for prepare in prepares]


def _raise_faults(results: Sequence[Any]) -> None:
    faults = [str(result) for result in results if isinstance(result, InputError)]
    if faults:
        raise InputError("\n".join(faults))


def _prepare_all(prepares: Sequence[Callable[[], Any]], jobs: int) -> list[Any]:
    """Return each result or `InputError`; what the cache lacks is made by worker processes."""
    done = _cached(prepares)
    lacking = [index for index, result in enumerate(done) if isinstance(result, NotCached)]
    if lacking:
        # Set as in `bench.running.runner.run`, so that its workers are these and none start anew.
        with parallel_config(backend="loky", inner_max_num_threads=1):
            made = Parallel(n_jobs=jobs, return_as="generator")(
                delayed(_attempt)(prepares[index]) for index in lacking
            )
            shown = progress(made, "prepare", len(lacking), unit="input")
            for index, result in zip(lacking, shown, strict=True):
                done[index] = result
    return done


def _attempt(prepare: Callable[[], Any]) -> Any:
    """Return the error instead of raising it, so that all faults are seen at once."""
    try:
        return prepare()
    except (InputError, NotCached) as error:
        return error
