import json
import socket
import time
from urllib.error import URLError

import pytest

from bench.data import download as module
from bench.data.download import DownloadFailed, download, forget
from destseg.application.progress import Progress

CONTENT = bytes(range(256)) * 40
HALF = len(CONTENT) // 2


@pytest.fixture
def script(server):
    server.script.content = CONTENT
    return server.script


@pytest.fixture
def part(tmp_path):
    return tmp_path / "archive.tar.xz.part"


@pytest.fixture
def get(server, part):
    def get(*, waits=(), url=None, room=lambda rest: None, most=12_000):
        download(url or server.url, part, room=room, most=most, waits=waits)
        return part.read_bytes()

    return get


def cut_once(script, get, length=HALF):
    """Leave a partial file, as an interrupted call does."""
    script.cuts.append(length)
    with pytest.raises(DownloadFailed):
        get()
    script.log.clear()


def test_a_whole_file(script, get, part, capsys):
    asked = []
    assert get(room=asked.append) == CONTENT
    assert asked == [len(CONTENT)]
    (sent,) = script.log
    assert (sent.status, sent.range, sent.if_range) == (200, None, None)
    assert "archive.tar.xz: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("content", [CONTENT, b""])
def test_a_whole_file_is_not_asked_for_again(script, get, content):
    script.content = content
    for _ in range(2):
        assert get() == content
    assert len(script.log) == 1


def test_the_next_call_gets_the_rest_alone(script, get):
    cut_once(script, get)
    asked = []
    assert get(room=asked.append) == CONTENT
    (sent,) = script.log
    assert (sent.status, sent.range, sent.if_range) == (206, f"bytes={HALF}-", '"one"')
    assert sent.body == asked[0] == len(CONTENT) - HALF


DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("etag", "date", "compared"), [(None, DATE, DATE), ('W/"weak"', None, None)]
)
def test_without_a_strong_etag_the_date_is_compared(script, get, etag, date, compared):
    script.etag, script.date = etag, date
    cut_once(script, get)
    assert get() == CONTENT
    assert [(sent.status, sent.if_range) for sent in script.log] == [(206, compared)]


@pytest.mark.parametrize("resets", [False, True], ids=["ended", "reset"])
def test_a_cut_connection_is_taken_up_in_the_same_call(script, get, capsys, resets):
    script.resets = resets
    script.cuts += [1000, 2000]
    assert get(waits=(0.01,)) == CONTENT
    assert [sent.status for sent in script.log] == [200, 206, 206]
    err = capsys.readouterr().err
    assert err.count("; again in 0.01 s") == 2
    assert "cut off" in err


def test_a_server_without_ranges_starts_over(script, get):
    cut_once(script, get)
    script.ranges = False
    assert get() == CONTENT
    assert [(sent.status, sent.body) for sent in script.log] == [(200, len(CONTENT))]


@pytest.mark.parametrize("heeds", [True, False], ids=["If-Range", "ETag of the answer"])
def test_a_changed_file_starts_over(script, get, heeds):
    cut_once(script, get)
    script.content, script.etag = CONTENT[::-1], '"two"'
    script.heeds_if_range = heeds
    assert get() == CONTENT[::-1]
    assert script.log[-1].status == 200


OTHER = {
    "size": (None, {"content": CONTENT[::-1] + b"more"}, 206),
    "range": ('"one"', {"content_range": f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}"}, 206),
    "length": ('"one"', {"etag": None, "content": CONTENT[:9], "heeds_if_range": False}, 416),
}


@pytest.mark.parametrize(("etag", "changes", "first"), OTHER.values(), ids=OTHER)
def test_what_is_not_the_rest_is_not_appended(script, get, etag, changes, first):
    script.etag = etag
    cut_once(script, get)
    for name, value in changes.items():
        setattr(script, name, value)
    assert get() == script.content
    assert [sent.status for sent in script.log] == [first, 200]


def test_a_mirror_continues_whatever_its_etag(script, get, server):
    cut_once(script, get)
    script.etag = '"the mirror\'s"'
    assert get(url=f"{server.url}?mirror") == CONTENT
    assert [(sent.status, sent.if_range) for sent in script.log] == [(206, None)]


@pytest.mark.parametrize("memory", [None, "{", "[]", '{"unknown": 1}'])
def test_a_part_of_unknown_origin_is_not_continued(script, get, part, memory):
    part.write_bytes(b"who knows")
    if memory is not None:
        part.with_name(f"{part.name}.json").write_text(memory)
    assert get() == CONTENT
    assert [sent.range for sent in script.log] == [None]


def test_a_part_longer_than_the_file_starts_over(script, get, part):
    get()
    part.write_bytes(CONTENT + b"more")
    assert get() == CONTENT


@pytest.mark.parametrize("length", [True, False])
def test_a_file_that_is_too_large_is_not_kept(script, get, part, length):
    script.length = length
    with pytest.raises(DownloadFailed, match="more than 10000 bytes, so not the file"):
        get(most=10_000)
    assert list(part.parent.iterdir()) == []


def test_without_a_length_the_end_is_the_end(script, get, part):
    script.length = False
    assert get() == CONTENT
    assert json.loads(part.with_name(f"{part.name}.json").read_text())["total"] == len(CONTENT)
    assert get() == CONTENT
    assert len(script.log) == 1


def test_a_passing_error_is_tried_again(script, get, capsys):
    script.statuses += [500, 503]
    assert get(waits=(0.0, 0.01)) == CONTENT
    err = capsys.readouterr().err
    assert "the server answered 500 Internal Server Error; again in 0 s" in err
    assert "the server answered 503 Service Unavailable; again in 0.01 s" in err


def test_waits_grow_and_end(script, get, server, monkeypatch):
    waited = []
    monkeypatch.setattr(time, "sleep", waited.append)
    script.statuses += [500] * 9
    with pytest.raises(DownloadFailed, match=r"500 .*tried 5 times; 0 bytes are kept and the same"):
        get(waits=module.WAITS)
    assert waited == sorted(module.WAITS)
    assert len(script.log) == 5


def test_what_brought_something_counts_anew(script, get):
    script.cuts += [1000] * 5
    assert get(waits=(0.0,)) == CONTENT


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_lasting_error_is_final(script, get, server, part, status):
    script.statuses += [status]
    with pytest.raises(DownloadFailed, match=f"{server.url}: the server answered {status} "):
        get(waits=(0.0,))
    assert len(script.log) == 1
    assert not part.exists()


def test_a_lasting_error_keeps_what_is_there(script, get, part):
    cut_once(script, get)
    script.statuses += [404]
    with pytest.raises(DownloadFailed):
        get()
    assert part.read_bytes() == CONTENT[:HALF]
    assert get() == CONTENT


def test_a_web_page_is_not_an_archive(script, get, part):
    script.content_type = "text/html; charset=utf-8"
    with pytest.raises(DownloadFailed, match="a web page and not an archive"):
        get()
    assert not part.exists()


def test_an_unknown_host_is_final(get, monkeypatch):
    def unknown(*_, **__):
        raise URLError(socket.gaierror(-2, "Name or service not known"))

    monkeypatch.setattr(module, "urlopen", unknown)
    with pytest.raises(DownloadFailed, match="Name or service not known"):
        get(waits=(99.0,))


def test_a_refused_connection_is_final(get):
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        with pytest.raises(DownloadFailed, match=r"[Rr]efused"):
            get(waits=(99.0,), url=f"http://127.0.0.1:{port}/a")


def test_a_silent_server_counts_as_cut(get, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        with pytest.raises(DownloadFailed, match=r"timed out.*tried 2 times"):
            get(waits=(0.0,), url=url)


@pytest.mark.parametrize(
    "url",
    ["file:///a", "ftp://host/a", "a.tar", "http://", "http://h:x/", "http://[/", "http://a b/"],
)
def test_other_addresses_are_refused(get, url):
    with pytest.raises(DownloadFailed, match="not an address of the form https://host/file"):
        get(url=url)


def test_no_room_is_noticed_before_anything_is_written(script, get, part):
    def none(rest):
        raise RuntimeError(f"{rest} bytes too many")

    with pytest.raises(RuntimeError, match=f"{len(CONTENT)} bytes too many"):
        get(room=none)
    assert not part.exists()


def test_an_interrupt_keeps_what_came(script, get, part, monkeypatch):
    advance = Progress.advance

    def interrupt(self, count=1, note=""):
        advance(self, count, note)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "CHUNK", 1000)
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "advance", interrupt)
        with pytest.raises(KeyboardInterrupt):
            get()
    kept = part.stat().st_size
    assert kept >= 1
    script.log.clear()
    assert get() == CONTENT
    assert [sent.range for sent in script.log] == [f"bytes={kept}-"]


def test_a_part_that_cannot_be_written_is_an_error_of_the_system(script, server, tmp_path):
    with pytest.raises(OSError, match="No such file"):
        download(server.url, tmp_path / "no" / "a.part", room=lambda rest: None, most=10**6)


def test_forgetting_leaves_nothing(script, get, part):
    get()
    forget(part)
    assert list(part.parent.iterdir()) == []
    forget(part)
