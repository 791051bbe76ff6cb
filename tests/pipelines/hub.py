"""A stand-in for the Hugging Face Hub: what an upload of a dataset asks of it, kept in memory."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlparse

Repo = dict[str, bytes]


class Hub(ThreadingHTTPServer):
    """Repositories by name, the requests that came, and the faults to show."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[str, Repo] = {}
        self.private: dict[str, bool] = {}
        self.paths: list[str] = []
        self.tokens: set[str] = set()
        self.num_sent: list[int] = []  # files of each commit
        self.refuse = False  # answers 401 and repeats the token
        self.fail_commits = 0  # how many commits are still to fail
        self.max_commits = 1000  # refused after so many

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._begin()
        path = urlparse(self.path).path.strip("/").split("/")
        name = "/".join(path[2:4])
        if path[:2] == ["api", "datasets"] and name in self.server.repos:
            files = [_entry(path, data) for path, data in self.server.repos[name].items()]
            about = {"id": name, "sha": "0" * 40, "private": self.server.private[name], "siblings": []}
            self._answer(files if path[4:5] == ["tree"] else about)
        else:
            self._answer({"error": "not found"}, 404)

    def do_POST(self) -> None:
        body = self._begin()
        path = urlparse(self.path).path.strip("/").split("/")
        if self.server.refuse:
            self._answer({"error": f"bad credentials: {self.headers['Authorization']}"}, 401)
        elif path == ["api", "repos", "create"]:
            self._create(json.loads(body))
        elif path == ["api", "validate-yaml"]:
            self._answer({"errors": [], "warnings": []})
        elif path[4:5] == ["preupload"]:
            self._preupload("/".join(path[2:4]), json.loads(body))
        elif path[4:5] == ["commit"]:
            self._commit("/".join(path[2:4]), body)
        else:
            self._answer({"error": f"no {path}"}, 404)

    def _begin(self) -> bytes:
        self.server.paths.append(self.path)
        self.server.tokens.add(self.headers.get("Authorization", ""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status >= 400:
            self.send_header("X-Error-Message", str(value["error"]))
        self.end_headers()
        self.wfile.write(data)

    def _create(self, asked: dict[str, Any]) -> None:
        name = "/".join(part for part in (asked.get("organization"), asked["name"]) if part)
        if name in self.server.repos:
            self._answer({"error": "exists", "url": f"{self.server.url}/datasets/{name}"}, 409)
            return
        self.server.repos[name], self.server.private[name] = (
            {},
            "private" in (asked.get("visibility"), asked.get("private") and "private"),
        )
        self._answer({"url": f"{self.server.url}/datasets/{name}", "name": name, "id": "1"})

    def _preupload(self, name: str, asked: dict[str, Any]) -> None:
        repo = self.server.repos[name]
        files = [
            {
                "path": one["path"],
                "uploadMode": "regular",
                "shouldIgnore": False,
                "oid": _oid(repo[one["path"]]) if one["path"] in repo else None,
            }
            for one in asked["files"]
        ]
        self._answer({"files": files})

    def _commit(self, name: str, body: bytes) -> None:
        if self.server.fail_commits:
            self.server.fail_commits -= 1
            self._answer({"error": "the disk of the Hub is full"}, 507)
            return
        if len(self.server.num_sent) >= self.server.max_commits:
            self._answer({"error": "no more today"}, 403)
            return
        lines = [json.loads(line) for line in body.splitlines()]
        files = [line["value"] for line in lines if line["key"] == "file"]
        self.server.repos[name] |= {one["path"]: base64.b64decode(one["content"]) for one in files}
        for line in lines:
            if line["key"] == "deletedFile":
                del self.server.repos[name][line["value"]["path"]]
        self.server.num_sent.append(len(files))
        url = f"{self.server.url}/datasets/{name}/commit/{'0' * 40}"
        self._answer({"commitUrl": url, "commitOid": "0" * 40, "success": True})


def _entry(path: str, data: bytes) -> dict[str, Any]:
    """A file as the Hub lists it."""
    return {"type": "file", "path": path, "oid": _oid(data), "size": len(data)}


def _oid(data: bytes) -> str:
    """What git calls these bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A Hub that serves until the block ends."""
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
