"""A headless Chromium, driven over its own pipe: nothing to install beside the browser itself.

The protocol is Chrome DevTools': one JSON message each, ended by a zero byte, on file descriptors 3 and 4.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking", "--hide-scrollbars",
    "--no-default-browser-check", "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
)  # fmt: skip
PATIENCE = 60.0  # seconds for one answer


def found() -> str | None:
    """The browser's program, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of one browser; ``errors`` is what it complained of: exceptions, console errors, refusals."""

    def __init__(self, program: str):
        self.folder = tempfile.mkdtemp(prefix="narrows-browser-")
        there, ours = os.pipe()  # what the browser reads, what we write
        mine, theirs = os.pipe()
        # The browser expects them as 3 and 4: the shell moves them there.
        words = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", words, "bash", str(there), str(theirs), program, *FLAGS, f"--user-data-dir={self.folder}"],
            pass_fds=(there, theirs), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(there)
        os.close(theirs)
        self.write, self.read, self.buffer = ours, mine, b""
        self.count, self.session = 0, None
        self.events: list[dict[str, Any]] = []
        self.errors: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.write)
        os.close(self.read)
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its answer."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read], [], [], max(0.0, end - time.monotonic()))
            chunk = os.read(self.read, 1 << 20) if ready else b""
            if not chunk:
                raise TimeoutError("the browser does not answer")
            self.buffer += chunk
        text, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(text)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description", details["text"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.errors.append(str([a.get("value") for a in params["args"]]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.errors.append(params["entry"]["text"])
            case "Network.requestWillBeSent" if not params["request"]["url"].startswith(("file:", "data:")):
                self.errors.append(f"asked for {params['request']['url']}")
            case None:
                return
        self.events.append(message)

    def open(
        self,
        path: Path,
        width: int = 1000,
        height: int = 800,
        dark: bool = False,
        touch: bool = False,
        scripts: bool = True,
    ) -> None:
        """Show a file, in a window of this size."""
        self.ask("Emulation.setScriptExecutionDisabled", value=not scripts)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=touch,
        )
        self.ask("Emulation.setTouchEmulationEnabled", enabled=touch)
        self.events.clear()
        self.ask("Page.navigate", url=path.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._next()
        if scripts:
            self.settle()

    def run(self, script: str) -> Any:
        """The value of an expression in the page; promises are awaited."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", "an exception"))
        return answer["result"].get("value")

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.run(
            "Promise.all([...document.images].map((image) => image.decode().catch(() => null))).then(() => 1)"
        )

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """``kind``: moved, pressed, released or wheel; x and y in the window."""
        self.ask("Input.dispatchMouseEvent", type=f"mouse{kind.capitalize()}", x=x, y=y, **more)
        self.settle()

    def click(self, x: float, y: float) -> None:
        for kind in ("pressed", "released"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def touches(self, kind: str, *points: tuple[float, float]) -> None:
        """``kind``: start, move or end; fingers at these places."""
        fingers = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        self.ask("Input.dispatchTouchEvent", type=f"touch{kind.capitalize()}", touchPoints=fingers)
        self.settle()

    def key(self, name: str, text: str | None = None) -> None:
        """Press and release a key, by the name that the page sees."""
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Escape": 27, "Tab": 9}
        given = {"key": name, "windowsVirtualKeyCode": codes.get(name, ord(name[0]))}
        if text is not None:
            given["text"] = text
        self.ask("Input.dispatchKeyEvent", type="keyDown", **given)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **given)
        self.settle()

    def screenshot(
        self, path: Path, clip: tuple[float, float, float, float] | None = None, quality: int = 85
    ) -> None:
        """Write what is seen, or a part of the page (x, y, width, height), as .png or .jpg."""
        form = {"format": "png"} if path.suffix == ".png" else {"format": "jpeg", "quality": quality}
        if clip is not None:
            form["clip"] = dict(zip(("x", "y", "width", "height"), clip, strict=True)) | {"scale": 1}
        answer = self.ask("Page.captureScreenshot", captureBeyondViewport=clip is not None, **form)
        path.write_bytes(base64.b64decode(answer["data"]))
