"""Everything an experiment reads, validated and decoded before the first stage runs."""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed, parallel_config

from bench.common.processes import end_with
from bench.data.cache import NotCached, only_cached, require_writable
from bench.data.categories import CategoryRef
from bench.data.kinds import DatasetKind
from bench.data.teacher import TeacherRef, obtain_weights, prepare_teacher
from bench.data.textures import TexturesRef, prepare_textures
from bench.metrics import Protocol
from destseg.application.progress import progress
from destseg.errors import InputError

UNPREPARED = "not prepared"
"""Stands for the digest of an input that the cache does not have."""


@dataclass(frozen=True)
class Sources:
    """Where a machine keeps its data."""

    data: Path | None  # a folder in MVTec AD layout; None for the miniature
    textures: Path | None  # anomaly source images; None for the embedded set
    cache: Path  # where decoded images and teachers are kept


@dataclass(frozen=True)
class RequiredInputs:
    """What an experiment is going to read, whatever the machine."""

    kind: DatasetKind  # of which the categories are
    size: int  # side in pixels of decoded images and textures
    protocol: Protocol  # its size and mask rule are those of the decoded masks
    categories: tuple[str, ...]  # of the dataset, all available
    # Source of each, as `prepare_teacher` takes it, and channels of layer 1 -> what sets those.
    backbones: Mapping[tuple[str, int], str]


@dataclass(frozen=True)
class Inputs:
    """References to what the stages read; small enough to be sent to every worker.

    Backbones are found by their source and width.
    """

    categories: Mapping[str, CategoryRef]
    textures: TexturesRef
    backbones: Mapping[tuple[str, int], TeacherRef]


def prepare_inputs(required: RequiredInputs, sources: Sources, jobs: int) -> Inputs:
    """Generate or read, validate and decode the inputs; quick when the cache has them.

    Raises
    ------
    InputError
        With the faults of all inputs together; that published weights cannot be had is told before
        any image is decoded.
    """
    for source, _ in required.backbones:
        obtain_weights(source)
    preparations = _preparations(required, sources)
    return _named(required, _prepare_all(preparations, sources.cache, jobs))


def look_up_inputs(required: RequiredInputs, sources: Sources) -> Inputs:
    """Look up the inputs in the cache; nothing is made, and nothing written.

    A folder of images may be missing. Where the cache lacks an input, its digest is `UNPREPARED`.

    Raises
    ------
    InputError
        With the faults that show without reading the files.
    """
    return _named(required, _cached(_preparations(required, sources), check=False))


def unprepared_inputs(required: RequiredInputs) -> Inputs:
    """Return inputs of which nothing is known but what they are."""
    return _named(required, ())


def cached_images(required: RequiredInputs, sources: Sources) -> dict[str, CategoryRef]:
    """Return those of the categories that are decoded in the cache."""
    found = zip(
        required.categories, _cached(_readers(required, sources), check=False), strict=False
    )
    return {name: ref for name, ref in found if isinstance(ref, CategoryRef)}


def _preparations(required: RequiredInputs, sources: Sources) -> list[Callable[[], Any]]:
    """List what provides the backbones, the textures, and each category's images."""
    backbones = (
        functools.partial(prepare_teacher, source, sources.cache, width=width, setting=setting)
        for (source, width), setting in required.backbones.items()
    )
    textures = functools.partial(prepare_textures, sources.textures, required.size, sources.cache)
    # Backbones first: they take longest, the others fill the remaining processes.
    return [*backbones, textures, *_readers(required, sources)]


def _readers(required: RequiredInputs, sources: Sources) -> list[Callable[[], CategoryRef]]:
    """List what provides the images; nothing where their folder is not known."""
    if required.kind.needs_data and sources.data is None:
        return []
    prepare = functools.partial(
        required.kind.prepare,
        size=required.size,
        protocol=required.protocol,
        data=sources.data,
        cache=sources.cache,
    )
    return [functools.partial(prepare, category) for category in required.categories]


def _named(required: RequiredInputs, results: Sequence[Any]) -> Inputs:
    """Tell results apart, in the order of `_preparations`, or raise the faults among them."""
    faults = [result.args for result in results if isinstance(result, InputError)]
    if faults:
        raise InputError(*chain.from_iterable(faults))
    found = {index: ref for index, ref in enumerate(results) if not isinstance(ref, NotCached)}
    count = len(required.backbones)
    return Inputs(
        {
            name: found.get(index, CategoryRef(name, Path(), UNPREPARED, 0, 0))
            for index, name in enumerate(required.categories, count + 1)
        },
        found.get(count, TexturesRef(Path(), UNPREPARED, 0)),
        {
            (source, width): found.get(index, TeacherRef(Path(), UNPREPARED, width, source))
            for index, (source, width) in enumerate(required.backbones)
        },
    )


def _cached(prepares: Sequence[Callable[[], Any]], *, check: bool) -> list[Any]:
    with only_cached(check=check):
        return [_attempt(prepare) for prepare in prepares]


def _prepare_all(prepares: Sequence[Callable[[], Any]], cache: Path, jobs: int) -> list[Any]:
    """Return each result or `InputError`; what the cache lacks is made by worker processes."""
    done = _cached(prepares, check=True)
    lacking = [index for index, result in enumerate(done) if isinstance(result, NotCached)]
    if lacking:
        require_writable(cache)
        # Set as in `bench.running.runner.run`, so that its workers are these and none start anew.
        with parallel_config(backend="loky", inner_max_num_threads=1):
            made = Parallel(n_jobs=jobs, return_as="generator")(
                delayed(_attempt_for)(os.getpid(), prepares[index]) for index in lacking
            )
            shown = progress(made, "prepare", len(lacking), unit="input")
            for index, result in zip(lacking, shown, strict=True):
                done[index] = result
    return done


def _attempt_for(parent: int, prepare: Callable[[], Any]) -> Any:
    """Attempt it in a worker, which would wait for minutes for more when its parent is killed."""
    end_with(parent)
    return _attempt(prepare)


def _attempt(prepare: Callable[[], Any]) -> Any:
    """Return the error instead of raising it, so that all faults are seen at once."""
    try:
        return prepare()
    except (InputError, NotCached) as error:
        return error
