"""llama.cpp's HTTP server as a side of the benchmarks: a child process on loopback, a connection for each thread."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.engines import LlamaSettings, Rows, Tokens
from testing.engine.server import build_server

_START_S = 120


class LlamaServer:
    """``llama-server --embeddings --pooling last`` with libllama's settings, asked for many inputs in one request.

    Token ids go there and base64 comes back, both of which spare it work that it has with texts and plain JSON.
    """

    def __init__(self, path: Path, n_threads: int, settings: LlamaSettings, lengths: Sequence[int]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        slots = settings.n_seq_max(lengths)
        options: dict[str, object] = {
            "model": path,
            "host": "127.0.0.1",
            "port": port,
            "pooling": "last",
            "threads": n_threads,
            "threads-batch": n_threads,
            "parallel": slots,
            # a slot's input has to be shorter than its share, which comes in steps of 256 cells
            "ctx-size": slots * (max(lengths) // 256 + 1) * 256,
            "batch-size": settings.n_batch,
            "ubatch-size": settings.n_ubatch,
            "flash-attn": {None: "auto", True: "on", False: "off"}[settings.flash_attn],
            "fit": "off",
        }
        command = [str(build_server()), "--embeddings", "--offline", "--no-webui"]
        command += ["--kv-unified" if settings.kv_unified else "--no-kv-unified"]
        command += [] if settings.use_extra_bufts else ["--no-repack"]
        for key, value in options.items():
            command += [f"--{key}", str(value)]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the server runs
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT)
        self.pid = self._process.pid
        self._port = port
        self._local = threading.local()
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def run(self, work: Tokens) -> Rows:
        """Embed token-id sequences."""
        rows = json.loads(self._ask("POST", "/v1/embeddings", {"input": work, "encoding_format": "base64"}))["data"]
        rows.sort(key=lambda row: row["index"])
        return np.stack([np.frombuffer(base64.b64decode(row["embedding"]), np.float32) for row in rows])

    def close(self) -> None:
        """End the server."""
        self._process.terminate()
        self._process.wait()
        self._log.close()

    @property
    def _connection(self) -> http.client.HTTPConnection:
        """The one of this thread."""
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self._port)
        connection: http.client.HTTPConnection = self._local.connection
        return connection

    def _ask(self, method: str, path: str, body: object = None) -> bytes:
        sent = None if body is None else json.dumps(body).encode()
        try:
            content = self._exchange(method, path, sent)
        except ConnectionError:
            # it closes a connection that is idle for seconds, which happens while the other sides run
            self._connection.close()
            content = self._exchange(method, path, sent)
        return content

    def _exchange(self, method: str, path: str, body: bytes | None) -> bytes:
        self._connection.request(method, path, body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        content = response.read()
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"llama-server answered {path} with {response.status}: {content.decode()}")
        return content

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._log.seek(0)
                log = self._log.read().decode(errors="replace")
                raise RuntimeError(f"llama-server doesn't answer; its log ends with:\n{log[-3000:]}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            self._exchange("GET", "/health", None)
        except (OSError, http.client.HTTPException, RuntimeError):
            self._connection.close()
            return False
        return True
