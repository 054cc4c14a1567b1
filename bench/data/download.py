"""Downloads over HTTP that continue where they were cut off, in this call or in the next.

Beside the partial file lies a small JSON that tells where it came from, so that bytes of two
different files are not joined. What comes out is trusted only after its hash is checked.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from destseg.application.progress import Progress
from destseg.atomic import write_atomically

WAITS = (2.0, 8.0, 30.0, 60.0)
"""Seconds before each further attempt."""

TIMEOUT = 60.0
"""Seconds without a byte after which a connection counts as cut."""

CHUNK = 1 << 20

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may be gone in a minute."""

CUTS = (TimeoutError, ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
"""Errors of a connection that another attempt may not meet; unlike, say, an unknown host."""


class DownloadFailed(Exception):
    """A file cannot be had; the message names the address and the reason."""


class _Cut(Exception):
    """An attempt that ended early; another one may succeed."""


@dataclass(frozen=True)
class _Origin:
    """Where a partial file came from: address, ETag or date of the whole, size of the whole."""

    url: str
    validator: str | None
    total: int | None


def download(
    url: str,
    part: Path,
    *,
    room: Callable[[int], None],
    most: int,
    waits: Sequence[float] = WAITS,
) -> None:
    """Download a file over HTTP or HTTPS, continuing what an earlier call has left in ``part``.

    Where the server ignores ranges or its file has changed meanwhile, it starts over. ``waits`` are
    the seconds before each further attempt; after an attempt that brought something they are
    counted anew. `forget` removes the partial file with what lies beside it.

    Parameters
    ----------
    most : int
        Bytes that the file can have at most; what is larger is another one and not kept.
    room : callable
        Called with the bytes still to come before any of them is written; raises when they
        have no room.

    Raises
    ------
    DownloadFailed
        When the file cannot be had; what came so far is kept.
    OSError
        When the partial file cannot be written.
    """
    _require_http(url)
    failures = 0
    while True:
        before = _size(part)
        try:
            _attempt(url, part, room, most)
        except _Cut as cut:
            failures = 1 if _size(part) > before else failures + 1
            if failures > len(waits):
                kept = f"{_size(part)} bytes are kept and the same command continues"
                raise DownloadFailed(f"{url}: {cut}; tried {failures} times; {kept}") from cut
            wait = waits[failures - 1]
            print(f"{url}: {cut}; again in {wait:g} s", file=sys.stderr, flush=True)
            time.sleep(wait)
        else:
            return


def forget(part: Path) -> None:
    """Remove a partial file and what is remembered of it."""
    part.unlink(missing_ok=True)
    _memory(part).unlink(missing_ok=True)


def _require_http(url: str) -> None:
    try:
        split = urlsplit(url)
        # Asking for the port is what checks it.
        valid = split.scheme in ("http", "https") and split.hostname and split.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isprintable() or " " in url:
        raise DownloadFailed(f"{url}: not an address of the form https://host/file")


def _attempt(url: str, part: Path, room: Callable[[int], None], most: int) -> None:
    """Get the rest of the file over one connection."""
    start, origin = _size(part), _recall(part)
    if origin is None:
        # Nobody knows what these bytes are of.
        start = 0
    elif start == origin.total:
        room(0)
        return
    response = _request(url, start, origin)
    if response is None:
        response = _request(url, 0, None)
        assert response is not None
    with response:
        if response.status != 206:
            start = 0
            forget(part)
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        if total is not None and total > most:
            raise _too_large(url, part, most)
        room(0 if total is None else total - start)
        _remember(part, _Origin(url, _validator(response), total))
        _receive(response, part, start, total, most)
    if total is None:
        _remember(part, _Origin(url, _validator(response), _size(part)))


def _request(url: str, start: int, origin: _Origin | None) -> HTTPResponse | None:
    """Ask for a file from an offset on; None when the server does not continue that very file."""
    # An archive is never to be compressed again on its way: ranges would be those of the result.
    headers = {"User-Agent": "destseg-bench", "Accept-Encoding": "identity"}
    if start and origin is not None:
        headers["Range"] = f"bytes={start}-"
        if origin.validator is not None and origin.url == url:
            headers["If-Range"] = origin.validator
    try:
        # The scheme is checked by `_require_http`, and those of redirections by urllib.
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=TIMEOUT)  # noqa: S310
    except HTTPError as error:
        with error:
            if error.code == 416 and start:
                return None
            reason = f"the server answered {error.code} {error.reason}"
            raise (_Cut(reason) if error.code in PASSING else _failed(url, reason)) from error
    except URLError as error:
        reason = str(error.reason)
        raise (_Cut(reason) if isinstance(error.reason, CUTS) else _failed(url, reason)) from error
    except (HTTPException, OSError) as error:
        raise _Cut(f"no answer ({type(error).__name__} {error})") from error
    if response.headers.get_content_type() == "text/html":
        response.close()
        raise _failed(url, "the server sent a web page and not an archive")
    if response.status == 206 and not _continues(response, url, start, origin):
        response.close()
        return None
    return response


def _failed(url: str, reason: str) -> DownloadFailed:
    return DownloadFailed(f"{url}: {reason}")


def _too_large(url: str, part: Path, most: int) -> DownloadFailed:
    """Remove what came: it is of another file, and continuing it would be of no use."""
    forget(part)
    return _failed(url, f"more than {most} bytes, so not the file that is wanted")


def _continues(response: HTTPResponse, url: str, start: int, origin: _Origin | None) -> bool:
    """Whether a partial answer is the rest of what is on disk, as far as the server tells."""
    assert origin is not None
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != start:
        return False
    if match[2] != "*" and origin.total not in (None, int(match[2])):
        return False
    now = _validator(response)
    # Two servers name the same bytes differently.
    return origin.url != url or None in (now, origin.validator) or now == origin.validator


def _receive(response: HTTPResponse, part: Path, start: int, total: int | None, most: int) -> None:
    """Append an answer's body to the partial file."""
    with Progress(part.stem, total, done=start, unit="B") as shown, part.open("ab") as file:
        while total is None or shown.count < total:
            try:
                chunk = response.read1(CHUNK)
            except (HTTPException, OSError) as error:
                raise _Cut(f"cut off ({type(error).__name__} {error})") from error
            if not chunk:
                break
            if shown.count + len(chunk) > most:
                raise _too_large(response.url, part, most)
            file.write(chunk)
            shown.advance(len(chunk))
    if total is not None and shown.count < total:
        raise _Cut(f"cut off after {shown.count} of {total} bytes")


def _validator(response: HTTPResponse) -> str | None:
    """Return what tells a changed file from the same one: a strong ETag or else its date."""
    etag: str | None = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    date: str | None = response.headers.get("Last-Modified")
    return date


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _memory(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _remember(part: Path, origin: _Origin) -> None:
    write_atomically(_memory(part), json.dumps(asdict(origin)).encode())


def _recall(part: Path) -> _Origin | None:
    try:
        return _Origin(**json.loads(_memory(part).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
