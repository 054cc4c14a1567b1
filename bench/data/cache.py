"""The cache folder: where it is, how a folder is published in it, digests of files.

A published folder is sealed: a file in it holds the digests of all others. Whoever computes with
what is in the folder checks that first.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bench.common.plain_files import TEXT_LIMIT, open_plain, read_plain
from bench.data.changes import fingerprint, is_settled
from destseg.errors import InputError

CACHE_VARIABLE = "DESTSEG_BENCH_CACHE"

SEAL = "seal.json"
"""File of a published folder: the SHA-256 of every other file in it, by its relative path."""

_only_cached: ContextVar[bool] = ContextVar("only_cached", default=False)
_trusting: ContextVar[bool] = ContextVar("trusting", default=False)


class NotCached(Exception):
    """Something is not in the cache, or is damaged there, and was not to be made."""


@contextmanager
def only_cached(*, check: bool) -> Iterator[None]:
    """Make whatever would fill the cache raise `NotCached` instead.

    Looking first is what makes a second run quick: workers take seconds to start. Whoever computes
    nothing with what is found need not ``check`` its seals, which reads all of it.
    """
    tokens = _only_cached.set(True), _trusting.set(not check)
    try:
        yield
    finally:
        _only_cached.reset(tokens[0])
        _trusting.reset(tokens[1])


def require_leave(folder: Path) -> None:
    """Raise `NotCached` inside `only_cached`; call it before filling a folder of the cache."""
    if _only_cached.get():
        raise NotCached(folder)


def cache_root() -> Path:
    """Return the absolute path of the cache folder, which need not exist yet.

    ``$DESTSEG_BENCH_CACHE``, else ``$XDG_CACHE_HOME/destseg-bench``, else
    ``~/.cache/destseg-bench``. As the XDG specification asks, a relative
    ``XDG_CACHE_HOME`` is ignored.

    Raises
    ------
    InputError
        When nothing says where the home folder is, as for a user without a name in a container.
    """
    own, xdg = os.environ.get(CACHE_VARIABLE), os.environ.get("XDG_CACHE_HOME")
    try:
        if own:
            return Path(own).expanduser().absolute()
        base = Path(xdg or "~/.cache").expanduser()
        return (base if base.is_absolute() else Path.home() / ".cache") / "destseg-bench"
    except RuntimeError:
        raise InputError(
            f"{own or xdg or '~'}: this user has no home folder for the cache; set "
            f"{CACHE_VARIABLE} to the path of a folder that can be written to."
        ) from None


def publish(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Make a folder appear complete and sealed or not at all; one that is whole is left as it is.

    ``fill`` writes the content into the temporary sibling it is given; when it raises, the sibling
    is removed and nothing is published. The folder that is returned may be that of a concurrent
    process which was faster. One that is damaged is named on standard error and made again.

    Raises
    ------
    InputError
        When the cache cannot be written to.
    NotCached
        Inside `only_cached`, when the folder does not exist or is found damaged.
    """
    fault = _damage(folder) if folder.is_dir() and not _trusting.get() else None
    if folder.is_dir() and fault is None:
        return folder
    require_leave(folder)
    draft = _draft_of(folder)
    try:
        if fault is not None:
            tqdm.write(f"{fault}; it is made again", file=sys.stderr)
            # Renamed first, so that no other process finds a part of it.
            folder.replace(draft)
            shutil.rmtree(draft)
        _clear_drafts(folder)
        # Not tempfile.mkdtemp, whose mode 0700 would survive the rename and lock out the other
        # users of a shared cache.
        draft.mkdir(parents=True)
    except OSError as error:
        raise unwritable(folder.parent, error) from error
    try:
        fill(draft)
        _seal(draft)
        draft.replace(folder)
    except OSError as error:
        # A rename onto a folder that is not empty fails: someone else published it.
        if not folder.is_dir():
            raise unwritable(folder.parent, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def require_whole(folder: Path) -> None:
    """Check a published folder against its seal.

    Raises
    ------
    InputError
        When it is not what was published.
    """
    fault = _damage(folder)
    if fault is not None:
        raise InputError(f"{fault}; start again, and `python -m bench reproduce` makes it anew.")


def seal_digest(folder: Path) -> str:
    """Return the digest of a folder's seal, and so of all that is in a folder that is whole."""
    return file_digest(folder / SEAL)


def _seal(folder: Path) -> None:
    """Write the digests of all files in a folder into another one."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {file.relative_to(folder).as_posix(): file_digest(file) for file in files}
    (folder / SEAL).write_text(json.dumps(digests, indent=1), encoding="utf-8")


def _damage(folder: Path) -> str | None:
    """Say what of a folder is not as it was sealed; None where all is."""
    try:
        sealed: Mapping[str, str] = dict(json.loads(read_plain(folder / SEAL, TEXT_LIMIT)))
    except FileNotFoundError:
        return f"{folder}: has no digests of its files, as older releases left it"
    except (OSError, ValueError, TypeError, RecursionError):
        return f"{folder / SEAL}: the digests of its folder cannot be read"
    for name, digest in sealed.items():
        try:
            whole = file_digest(folder / name) == digest
        except (OSError, ValueError):
            whole = False
        if not whole:
            return f"{folder / name}: its content is not what was written there"
    return None


def _draft_of(folder: Path) -> Path:
    """Name a sibling for what is being made; the machine and the process are part of it."""
    return folder.with_name(f".{folder.name}.{_machine()}.{os.getpid()}.{uuid.uuid4().hex[:8]}")


def _clear_drafts(folder: Path) -> None:
    """Remove what processes of this machine left that were killed while they made the folder."""
    start = f".{folder.name}.{_machine()}."
    for entry in folder.parent.iterdir() if folder.parent.is_dir() else ():
        process = entry.name.removeprefix(start).partition(".")[0]
        if entry.name.startswith(start) and process.isdecimal() and _has_ended(int(process)):
            shutil.rmtree(entry, ignore_errors=True)


def _has_ended(process: int) -> bool:
    if os.name != "posix":
        return False  # elsewhere a signal, even none, ends it
    with suppress(PermissionError):
        try:
            os.kill(process, 0)
        except (ProcessLookupError, OverflowError):
            return True
    return False


def _machine() -> str:
    return re.sub(r"\W", "-", platform.node())


def require_writable(cache: Path) -> None:
    """Refuse a cache that cannot be written to: once, and not for all that is to go into it.

    Raises
    ------
    InputError
        When it cannot be written to.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as error:
        raise unwritable(cache, error) from None


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
    names = [entry.name for entry in memory.iterdir()] if memory.is_dir() else []
    known = [name for name in names if re.fullmatch(r"[0-9a-f]{64}", name)]
    if len(known) == 1:
        return known[0]
    require_leave(memory)
    digest = combined_digest({name: file_digest(file) for name, file in ordered})
    try:
        memory.mkdir(parents=True, exist_ok=True)
        (memory / digest).touch()
    except OSError as error:
        raise unwritable(memory.parent, error) from error
    return digest


def recipe_key(recipe: Any) -> str:
    """Make the part of a folder's name that tells results of other recipes apart.

    A recipe is all that the content of the folder depends on, in plain JSON values.
    """
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:16]


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file's content, read afresh."""
    with open_plain(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def combined_digest(contents: Mapping[str, str]) -> str:
    """Digest relative POSIX paths and their files' digests, as `content_digest` does."""
    total = hashlib.sha256()
    for name, content in sorted(contents.items()):
        total.update(f"{name}\0{content}\n".encode())
    return total.hexdigest()
