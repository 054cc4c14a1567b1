"""The cache folder: where it is, how a folder is published in it, digests of files."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from bench.data.changes import fingerprint, is_settled
from destseg.errors import InputError

CACHE_VARIABLE = "DESTSEG_BENCH_CACHE"

_only_cached: ContextVar[bool] = ContextVar("only_cached", default=False)


class NotCached(Exception):
    """Something is not in the cache, and was not to be made."""


@contextmanager
def only_cached() -> Iterator[None]:
    """Make whatever would fill the cache raise `NotCached` instead.

    Looking first is what makes a second run quick: workers take seconds to start.
    """
    token = _only_cached.set(True)
    try:
        yield
    finally:
        _only_cached.reset(token)


def require_leave(folder: Path) -> None:
    """Raise `NotCached` inside `only_cached`; call it before filling a folder of the cache."""
    if _only_cached.get():
        raise NotCached(folder)


def cache_root() -> Path:
    """Return the absolute path of the cache folder, which need not exist yet.

    ``$DESTSEG_BENCH_CACHE``, else ``$XDG_CACHE_HOME/destseg-bench``, else
    ``~/.cache/destseg-bench``. As the XDG specification asks, a relative
    ``XDG_CACHE_HOME`` is ignored.
    """
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own).expanduser().absolute()
    xdg = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    base = xdg if xdg.is_absolute() else Path.home() / ".cache"
    return base / "destseg-bench"


def publish(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Make a folder appear complete or not at all; one that exists is left as it is.

    ``fill`` writes the content into the temporary sibling it is given; when it raises, the sibling
    is removed and nothing is published. The folder that is returned may be that of a concurrent
    process which was faster.

    Raises
    ------
    InputError
        When the cache cannot be written to.
    NotCached
        Inside `only_cached`, when the folder does not exist.
    """
    if folder.is_dir():
        return folder
    require_leave(folder)
    # Not tempfile.mkdtemp, whose mode 0700 would survive the rename and lock out the other
    # users of a shared cache.
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    try:
        draft.mkdir(parents=True)
    except OSError as error:
        raise unwritable(folder.parent, error) from error
    try:
        fill(draft)
        draft.replace(folder)
    except OSError as error:
        # A rename onto a folder that is not empty fails: someone else published it.
        if not folder.is_dir():
            raise unwritable(folder.parent, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def unwritable(folder: Path, error: OSError) -> InputError:
    """Describe a cache folder that cannot be written to."""
    return InputError(
        f"{folder}: the cache cannot be written ({error.strerror or error}); "
        f"make room or set {CACHE_VARIABLE} to a folder you can write to."
    )


def content_digest(root: Path, files: Iterable[Path], cache: Path) -> str:
    """Digest files by their paths below ``root`` and their contents, in 64 hexadecimal digits.

    The digest is the same on every machine, wherever ``root`` lies and in whatever order the files
    come. That of many bytes is remembered in the cache under their sizes, times and inodes, so that
    gigabytes are read once and not at every start.
    """
    ordered = sorted((file.relative_to(root).as_posix(), file) for file in files)
    if not is_settled(file.stat() for _, file in ordered):
        return combined_digest({name: file_digest(file) for name, file in ordered})
    seen = hashlib.sha256(os.fsencode(root.resolve()))
    for name, file in ordered:
        status = file.stat()
        seen.update(f"\0{name}\0{fingerprint(status)}".encode())
    memory = cache / "digests" / seen.hexdigest()
    if not memory.is_dir():
        require_leave(memory)
        digest = combined_digest({name: file_digest(file) for name, file in ordered})
        publish(memory, lambda draft: (draft / digest).touch())
    return next(memory.iterdir()).name


def recipe_key(recipe: Any) -> str:
    """Make the part of a folder's name that tells results of other recipes apart.

    A recipe is all that the content of the folder depends on, in plain JSON values.
    """
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file's content, read afresh."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def combined_digest(contents: Mapping[str, str]) -> str:
    """Digest relative POSIX paths and their files' digests, as `content_digest` does."""
    total = hashlib.sha256()
    for name, content in sorted(contents.items()):
        total.update(f"{name}\0{content}\n".encode())
    return total.hexdigest()
