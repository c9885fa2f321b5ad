"""A small HTTP server that speaks like an OpenAI-compatible one, or as badly as a test wants."""

import contextlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from metaagent_ros.instructions.schema import Plan
from metaagent_ros.instructions.server import ServerParser

SECRET = "sk-very-secret-0815"
SENTENCE = "put the red cube in the left bin"
STEP = {"skill": "grasp", "object": {"color": "red", "shape": "cube", "size": None}}
FINE = {"status": "ok", "reason": None, "steps": [STEP]}
Reply = Callable[[BaseHTTPRequestHandler], None]


class Endpoint:
    """An address, what came in, and what shall go out."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.reply: Reply = says(json.dumps(FINE))
        self.stop = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                seen = (self.path, dict(self.headers), json.loads(self.rfile.read(size)))
                endpoint.requests.append(seen)
                with contextlib.suppress(OSError):
                    endpoint.reply(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def parser(self, timeout: float = 5.0, key: str = SECRET) -> ServerParser:
        return ServerParser(self.url, "some-model", key, timeout)

    def parse(self, text: str = SENTENCE, timeout: float = 5.0) -> Plan:
        return self.parser(timeout).parse(text)


def sends(body: bytes, status: int = 200, **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def says(content: Any) -> Reply:
    return sends(json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode())


def drips(endpoint: Endpoint, head: bytes, part: bytes) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        while not endpoint.stop.is_set():
            handler.wfile.write(part)
            handler.wfile.flush()
            time.sleep(0.05)

    return reply
