"""A small file server that can resume, refuse to, break off, or fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What is served, and how.

    Attributes:
        files: Content by path.
        ranges: Whether a part of a file may be asked for.
        breaks_after: Bytes after which the next answer breaks off; None to serve all.
        status: Error that is answered instead, if any.
        asked: ``(path, Range header)`` of each request.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    breaks_after: int | None = None
    status: int | None = None
    address: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def part(self, path: str, wanted: str | None) -> tuple[int, bytes]:
        """Return status and content of an answer."""
        content = self.files.get(path)
        if self.status or content is None:
            return self.status or 404, b""
        if not wanted or not self.ranges:
            return 200, content
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        return (206, content[start:]) if start < len(content) else (416, b"")


@contextmanager
def serving() -> Iterator[Served]:
    """Serve files as long as the context lasts."""
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            served.asked.append((self.path, wanted))
            status, content = served.part(self.path, wanted)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: served.breaks_after])
            served.breaks_after = None

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
