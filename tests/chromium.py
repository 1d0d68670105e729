"""A page in headless Chromium, driven through a pipe by its DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PATIENCE = 60


def find() -> str | None:
    """Return the path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """A page; what went wrong in it gathers in ``errors``."""

    def __init__(self, commands: int, answers: int) -> None:
        self.errors: list[str] = []
        self._commands = commands
        self._answers = answers
        self._left = b""
        self._ids = itertools.count(1)
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self.call("Page.navigate", url=url)
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def run(self, script: str) -> Any:
        """Return the value of an expression, awaited if it is a promise."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def emulate(self, width: int, height: int, scheme: str = "light") -> None:
        """Show pages as a screen of this size does, in a colour scheme; a narrow one is a phone's."""
        is_phone = width < 600
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        self.call("Emulation.setTouchEmulationEnabled", enabled=is_phone)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key and release it: its name in `KeyboardEvent.key`, its number on Windows, and what it types."""
        names = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", **names, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **names)

    def screenshot(self, path: Path) -> None:
        """Write a picture of what is on the screen, in the format that the path's ending names."""
        shot = self.call("Page.captureScreenshot", format=path.suffix[1:])
        path.write_bytes(base64.b64decode(shot["data"]))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to a command."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != number:
            pass
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._answers], [], [], _PATIENCE)
            assert ready, f"Chromium has said nothing for {_PATIENCE} seconds"
            block = os.read(self._answers, 1 << 16)
            assert block, "Chromium ended"
            self._left += block
        raw, _, self._left = self._left.partition(b"\0")
        message = json.loads(raw)
        method, found = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(found["exceptionDetails"]))
        elif method == "Log.entryAdded" and found["entry"]["level"] in ("error", "warning"):
            self.errors.append(json.dumps(found["entry"]))
        elif method == "Runtime.consoleAPICalled" and found["type"] in ("error", "warning", "assert"):
            self.errors.append(json.dumps(found))
        elif method == "Network.requestWillBeSent" and not found["request"]["url"].startswith(("data:", "file:")):
            self.errors.append(f"loads {found['request']['url']}")
        return message


@contextmanager
def opened(program: str, profile: Path) -> Iterator[Page]:
    """Start Chromium with an empty profile, and end it."""
    command_end, commands = os.pipe()
    answers, answer_end = os.pipe()
    # The protocol has its pipe at the descriptors 3 and 4.
    shell = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
    switches = [
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
        *("--disable-background-networking", "--remote-debugging-pipe", f"--user-data-dir={profile}"),
    ]
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", str(command_end), str(answer_end), program, *switches],
        pass_fds=(command_end, answer_end),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(command_end)
    os.close(answer_end)
    try:
        yield Page(commands, answers)
    finally:
        os.close(commands)
        os.close(answers)
        process.terminate()
        process.wait(30)
