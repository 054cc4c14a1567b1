"""A real HTTP server on this machine that misbehaves as it is told, and tells what it sent."""

import socket
import struct
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Sent:
    """One answer."""

    status: int
    range: str | None
    if_range: str | None
    body: int = 0


@dataclass
class Script:
    """How the server behaves; the lists are used up, one item for each request."""

    content: bytes = b""
    etag: str | None = '"one"'
    date: str | None = None
    ranges: bool = True
    content_type: str = "application/x-tar"
    length: bool = True
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    resets: bool = False
    heeds_if_range: bool = True
    content_range: str | None = None
    log: list[Sent] = field(default_factory=list)


class Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self):
        self.script = Script()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/archive.tar.xz"


@contextmanager
def running_server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_):
        pass

    def do_GET(self):
        script = self.server.script
        asked, if_range = self.headers["Range"], self.headers["If-Range"]
        sent = Sent(200, asked, if_range)
        script.log.append(sent)
        if script.statuses and (status := script.statuses.pop(0)) != 200:
            sent.status = status
            self.send_error(status)
            return
        start, total = 0, len(script.content)
        same = if_range in (None, script.etag, script.date) or not script.heeds_if_range
        if asked and script.ranges and same:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= total:
                sent.status = 416
                self.send_error(416)
                return
            sent.status = 206
        self.send_response(sent.status)
        self.send_header("Content-Type", script.content_type)
        if sent.status == 206:
            default = f"bytes {start}-{total - 1}/{total}"
            self.send_header("Content-Range", script.content_range or default)
        if script.length:
            self.send_header("Content-Length", str(total - start))
        for name, value in {"ETag": script.etag, "Last-Modified": script.date}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        body = script.content[start:]
        cut = script.cuts.pop(0) if script.cuts else None
        body = body if cut is None else body[:cut]
        sent.body = len(body)  # before the other side can have it
        self.wfile.write(body)
        if cut is not None and script.resets:
            # Closing with this option sends a reset instead of an orderly end.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
