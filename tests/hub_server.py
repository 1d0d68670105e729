"""A hub of the suite's own: as much of the Hugging Face hub's interface as its client needs to list and download.

Routes, with those headers that the client reads:

- ``GET /api/models/OWNER/NAME[/revision/REV]``: commit (``sha``) and names (``siblings``)
- ``GET /api/models/OWNER/NAME/tree/REV``: names, sizes and sha256 (huggingface_hub 2)
- ``HEAD /OWNER/NAME/resolve/REV/FILE``: a redirect to where the bytes are, ``X-Repo-Commit``, ``X-Linked-Etag``,
  ``X-Linked-Size``
- ``GET /bytes/SHA256``: the file, from an offset with ``Range``
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import unquote, urlsplit


@dataclass
class Repository:
    """What lies in one repository: files by commit, commits by branch or tag; and whether it asks for a login."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    token: str | None = None

    def commit(self, files: dict[str, bytes], ref: str = "main") -> str:
        """Add a commit and return its id."""
        sha = hashlib.sha1(repr([(name, hashlib.sha1(data).hexdigest()) for name, data in files.items()]).encode())
        self.commits[sha.hexdigest()] = files
        self.refs[ref] = sha.hexdigest()
        return sha.hexdigest()


class HubServer(ThreadingHTTPServer):
    """The server, on a free port of loopback.

    Attributes
    ----------
    repositories : dict
        By ``owner/name``.
    requests : list of (method, path, Range)
        All that were answered.
    cut_after : int or None
        The next transfer of bytes ends after so many, by closing the connection.
    cut_always : bool
        And all later ones.
    corrupt : bool
        Whether the bytes are others than the digest says.
    status : int or None
        Answer everything with this status.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.cut_after: int | None = None
        self.cut_always = False
        self.corrupt = False
        self.status: int | None = None
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def url(self) -> str:
        """What HF_ENDPOINT is to be."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def bytes_url(self) -> str:
        """The same server under another name, since the hub keeps the bytes of large files on another host."""
        return f"http://localhost:{self.server_port}"

    def sent(self, kind: str) -> list[tuple[str, str, str | None]]:
        """Return the requests whose path holds a string."""
        return [request for request in self.requests if kind in request[1]]

    def __enter__(self) -> HubServer:  # noqa: PYI034 - Self is of Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop listening, as a network that is down."""
        if self.thread.is_alive():
            self.shutdown()
            self.thread.join()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append((self.command, path, self.headers.get("Range")))
        if self.server.status is not None:
            return self._answer(self.server.status)
        if found := re.fullmatch(r"/bytes/(\w+)", path):
            return self._bytes(found[1])
        found = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path)
        found = found or re.fullmatch(r"/([^/]+/[^/]+)/(resolve)/([^/]+)/(.+)", path)
        if not found:
            return self._answer(404)
        repository = self.server.repositories.get(found[1])
        if repository is None:  # as the hub answers strangers, who are not to learn what is private
            return self._answer(401, {"X-Error-Code": "RepoNotFound"})
        commit = repository.refs.get(found[3] or "main", found[3])
        files = repository.commits.get(commit)
        if files is None:
            return self._answer(404, {"X-Error-Code": "RevisionNotFound"})
        if found[2] == "tree":
            return self._answer(200, body=[_entry(name, data) for name, data in files.items()])
        if found[2] != "resolve":
            siblings = [{"rfilename": name} for name in files]
            return self._answer(200, body={"id": found[1], "sha": commit, "siblings": siblings})
        if repository.token and self.headers.get("Authorization") != f"Bearer {repository.token}":
            return self._answer(401, {"X-Error-Code": "GatedRepo"})
        if found[4] not in files:
            return self._answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        data = files[found[4]]
        digest = hashlib.sha256(data).hexdigest()
        linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data)), "X-Repo-Commit": commit}
        return self._answer(302, {**linked, "Location": f"{self.server.bytes_url}/bytes/{digest}"})

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        # Else the client would go on talking to a thread of a server that has been stopped.
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: object = None) -> None:
        encoded = b"" if body is None else json.dumps(body).encode()
        self._begin(status, {**(headers or {}), "Content-Length": str(len(encoded))})
        if self.command != "HEAD":
            self.wfile.write(encoded)

    def _bytes(self, digest: str) -> None:
        everything = (d for r in self.server.repositories.values() for c in r.commits.values() for d in c.values())
        data = next(d for d in everything if hashlib.sha256(d).hexdigest() == digest)
        if self.server.corrupt:
            data = bytes(len(data))
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(wanted[1]) if wanted else 0
        part = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if wanted else {}
        self._begin(206 if wanted else 200, {"Content-Length": str(len(data) - first), **part})
        end = None if self.server.cut_after is None else first + self.server.cut_after
        if not self.server.cut_always:
            self.server.cut_after = None
        self.wfile.write(data[first:end])


def _entry(name: str, data: bytes) -> dict[str, object]:
    large = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest(), "lfs": large}
