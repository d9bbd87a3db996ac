"""The server behind `simkernel explore`: this machine only, and only whoever has the token.

A request is answered by a pure function of its path of choices. One at a time runs the system: a
process body belongs to one thread. A search has a process of its own, so that it blocks nobody.
"""

from __future__ import annotations

import hmac
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

from reports import explore_page as pages
from simkernel.cli.journey import Journey, path_of, path_text
from simkernel.errors import SimkernelError

HOST = "127.0.0.1"
BODY_MAX = 100_000
RUN_ON_MAX = 2_000
HEADERS = {
    "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}  # fmt: skip


class Desk:
    """What the page can ask for, as functions of what it sends; gives what becomes JSON."""

    def __init__(self, journey: Journey, folder: Path, search: dict[str, Any], told: list[str]):
        self.journey = journey
        self.folder = folder
        self.told = told
        self._search = search  # how a search is begun: what `simkernel.cli.seek` reads
        self._lock = threading.Lock()
        self._job = 0
        self._seeker: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    def page(self) -> str:
        """Give the page itself."""
        return pages.explore_page(self.journey.where, self.told)

    def situation(self, path: str) -> dict[str, Any]:
        """Give where a path leads."""
        with self._lock:
            at = self.journey.at(path_of(path))
        run, data = pages.run(at.scene)
        time = "" if at.now_ms is None else f" · {at.now_ms:,g} ms"
        return {
            "path": list(at.path),
            "here": f"after {len(at.path)} steps{time}",
            "over": bool(at.ended),
            "choices": pages.choices(at.options, at.cast, at.ended),
            "watch": pages.watch(at.findings, at.standing, at.logged, at.cast),
            "run": run,
            "data": data,
            "error": None if at.error is None else _error(at.error),
        }

    def on(self, path: str) -> dict[str, Any]:
        """Go on by the default schedule, to the end or to something that went wrong."""
        with self._lock:
            return {"path": list(self.journey.on(path_of(path), RUN_ON_MAX))}

    def save(self, path: str) -> dict[str, Any]:
        """Write the run of a path down."""
        with self._lock:
            trace, blob = self.journey.save(path_of(path), self.folder)
        return {"trace": trace, "blob": blob, "saved": pages.saved(trace, blob)}

    # --- Searching, beside everything else -------------------------------------------------------

    def search(self, path: str) -> dict[str, Any]:
        """Begin to search from a situation; the search before it is given up."""
        asked = {**self._search, "path": path_text(path_of(path))}
        self.stop()
        home = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH", ""))))
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it is open for as long as the search
        self._seeker = subprocess.Popen(
            [sys.executable, "-m", "simkernel.cli.seek", json.dumps(asked)],
            stdin=subprocess.DEVNULL, stdout=self._said, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": paths}, start_new_session=True,
        )  # fmt: skip
        self._job += 1
        return {"job": self._job}

    def searched(self, job: str) -> dict[str, Any]:
        """Say how far a search has come."""
        if job != str(self._job) or self._seeker is None or self._said is None:
            return {"done": True, "answer": "<p>this search was given up</p>"}
        code = self._seeker.poll()
        if code is None:
            seconds = f"for {self._search['seconds']:g} s at most"
            return {"done": False, "answer": f"<p>searching from here, {seconds} …</p>"}
        self._said.seek(0)
        text = self._said.read().decode(errors="replace")
        return {"done": True, "answer": _answer(text)}

    def stop(self) -> dict[str, Any]:
        """End a search that goes on."""
        if self._seeker is not None and self._seeker.poll() is None:
            self._seeker.kill()
            self._seeker.wait()
        if self._said is not None:
            self._said.close()
        self._seeker = self._said = None
        return {}

    def close(self) -> None:
        """End what is under way."""
        self.stop()
        self.journey.close()


def _error(error: SimkernelError) -> str:
    return pages.error(error.what, error.where, error.hint)


def _answer(text: str) -> str:
    """Give the answer of a search as markup; what is none is shown as what it is."""
    try:
        told = json.loads(text.splitlines()[-1])
        found = [(one["kind"], one["text"]) for one in told["findings"]]
        return pages.answer(told["path"], found, told["steps"], told["told"])
    except (ValueError, KeyError, IndexError, TypeError):
        return pages.error("the search has failed", "", text[-2_000:])


class Server(ThreadingHTTPServer):
    """One desk, on this machine's own address."""

    daemon_threads = True

    def __init__(self, desk: Desk, token: str, port: int):
        self.desk = desk
        self.token = token
        super().__init__((HOST, port), Handler)

    @property
    def address(self) -> str:
        """Give the address of the page."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"


class Handler(BaseHTTPRequestHandler):
    """Checks where a request comes from and what it knows, and asks the desk."""

    server: Server
    server_version = "simkernel"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer the page, a situation, or how a search stands."""
        desk = self.server.desk
        self._served({
            "situation": lambda asked: desk.situation(_one(asked, "path")),
            "on": lambda asked: desk.on(_one(asked, "path")),
            "search": lambda asked: desk.searched(_one(asked, "job")),
        }, dict(parse_qs(urlsplit(self.path).query)))  # fmt: skip

    def do_POST(self) -> None:
        """Begin a search, end it, or save."""
        desk = self.server.desk
        given = self._body()
        if given is not None:
            self._served({
                "search": lambda asked: desk.search(_one(asked, "path")),
                "stop": lambda asked: desk.stop(),
                "save": lambda asked: desk.save(_one(asked, "path")),
            }, given)  # fmt: skip

    def _body(self) -> dict[str, Any] | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_MAX:
            self._answer(413, "text/plain", "a body has a length, and is short")
            return None
        raw = self.rfile.read(int(length))
        try:
            given = json.loads(raw or b"{}")
        except ValueError:
            given = None
        is_json = self.headers.get("Content-Type", "").partition(";")[0] == "application/json"
        if not isinstance(given, dict) or not is_json:
            self._answer(400, "text/plain", "a JSON object was expected")
            return None
        return given

    def _served(
        self, answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]], asked: dict[str, Any]
    ) -> None:
        _, token, *rest = (*urlsplit(self.path).path.split("/"), "", "")
        known = hmac.compare_digest(token.encode(), self.server.token.encode())
        if not known or self._is_foreign():
            self._answer(403, "text/plain", "forbidden: use the address that was printed")
            return
        what = rest[0]
        if what == "" and self.command == "GET":
            self._answer(200, "text/html", self.server.desk.page())
        elif what in answers:
            self._asked(answers[what], asked)
        else:
            self._answer(404, "text/plain", "there is no such thing")

    def _is_foreign(self) -> bool:
        """Tell whether another site asks, through a name that it gave this address."""
        own = f"{HOST}:{self.server.server_port}"
        origin = self.headers.get("Origin")
        return self.headers.get("Host") != own or origin not in (None, f"http://{own}")

    def _asked(
        self, answer: Callable[[dict[str, Any]], dict[str, Any]], asked: dict[str, Any]
    ) -> None:
        try:
            told = answer(asked)
        except SimkernelError as error:
            self._answer(422, "text/plain", str(error))
        except Exception as error:
            self._answer(500, "text/plain", f"a bug of simkernel: {type(error).__name__}: {error}")
        else:
            self._answer(200, "application/json", json.dumps(told))

    def _answer(self, code: int, kind: str, text: str) -> None:
        data = text.encode()
        try:
            self.send_response(code)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            return  # whoever asked has gone

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal has the address, and what is wrong is on the page."""


def _one(asked: dict[str, Any], name: str) -> str:
    found = asked.get(name, "")
    return str(found[0] if isinstance(found, list) else found)
