"""A parser that asks an OpenAI-compatible server (vLLM, Ollama, llama.cpp, a hosted one). Off by default.

What leaves the machine then is told in ``docs/privacy.md``. The answer is data: it is read by the same
schema as every plan, and anything else becomes a question back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import queue
import socket
import threading
from typing import Any
from urllib.parse import SplitResult, urlsplit

from metaagent_ros.instructions import guard, prompt
from metaagent_ros.instructions.json_schema import plan_schema
from metaagent_ros.instructions.schema import Plan, PlanError, clarify, plan_from_json
from sim_envs.spec import SpecError

URL, MODEL, KEY = "METAAGENT_LLM_URL", "METAAGENT_LLM_MODEL", "METAAGENT_LLM_KEY"
MAX_ANSWER = 65_536  # [bytes]
MAX_MESSAGE = 300  # [characters]


class ServerError(RuntimeError):
    """The server did not answer as it should; the message holds nothing of the request."""


class ServerParser:
    """Asks the endpoint ``url`` (up to and without ``/chat/completions``), without proxies and redirects.

    Raises ``SpecError`` where address, model or key cannot be used. ``timeout`` [s] holds for the whole
    exchange, however slowly the server drips. One that fails gives a question back, never an exception.
    """

    name = "server"

    def __init__(self, url: str, model: str, key: str = "", timeout: float = 10.0) -> None:
        self._address, self._port = _address(url)
        self.model, self._key, self._timeout = model.strip(), key.strip(), timeout
        if not self.model:
            raise SpecError(f"{MODEL} is empty; name the model that {self._address.hostname} shall use.")
        if not (self._key.isascii() and self._key.isprintable()):
            raise SpecError(f"{KEY} holds characters that no key has (line ends, letters beyond ASCII).")

    @classmethod
    def from_environment(cls) -> ServerParser:
        """The server that the environment names."""
        return cls(os.environ.get(URL, ""), os.environ.get(MODEL, ""), os.environ.get(KEY, ""))

    def parse(self, text: str) -> Plan:
        """The plan that the server answers, checked; a question back where it answers none."""
        if (refusal := guard.check(text)) is not None:
            return refusal
        try:
            plan = plan_from_json(self._answer(text), self.name)
        except PlanError as error:
            plan = self._ask_back(f"The language model gave no valid plan: {error}")
        except ServerError as error:
            plan = self._ask_back(f"The language model did not answer: {error}")
        return dataclasses.replace(plan, parser=self.name, model=self.model)

    def _ask_back(self, message: str) -> Plan:
        """A question whose words, which may be the server's, are short, printable and without the key."""
        if self._key:
            message = message.replace(self._key, "***")
        message = "".join(c if c.isprintable() else " " for c in message[:MAX_MESSAGE])
        return clarify("ambiguous", message, self.name, confidence=0.0)

    def _answer(self, text: str) -> str:
        """What the model says, after ``timeout`` seconds at most, whatever the server does."""
        connect = (
            http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        )
        connection = connect(str(self._address.hostname), self._port, timeout=self._timeout)
        outcome = queue.SimpleQueue[str | Exception]()
        sockets: list[socket.socket] = []
        body = self._body(text)

        def ask() -> None:
            try:
                outcome.put(self._exchange(connection, body, sockets))
            except Exception as error:
                outcome.put(error)
            finally:
                connection.close()

        threading.Thread(target=ask, name="metaagent-server-parser", daemon=True).start()
        try:
            answer = outcome.get(timeout=self._timeout)
        except queue.Empty:
            for open_socket in sockets:  # wakes the thread, which then ends
                with contextlib.suppress(OSError, ValueError, AttributeError):
                    open_socket.shutdown(socket.SHUT_RDWR)
            raise ServerError(f"nothing whole came within {self._timeout:g} s.") from None
        if isinstance(answer, Exception):
            raise ServerError(_why(answer)) from answer
        return answer

    def _exchange(
        self, connection: http.client.HTTPConnection, body: bytes, sockets: list[socket.socket]
    ) -> str:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        connection.connect()
        sockets.append(connection.sock)
        connection.request("POST", f"{self._address.path}/chat/completions", body, headers)
        response = connection.getresponse()
        if response.status != 200:
            phrase = http.client.responses.get(response.status, "unknown status")
            raise ServerError(f"HTTP {response.status} {phrase}.")
        said = response.read(MAX_ANSWER + 1)
        if len(said) > MAX_ANSWER:
            raise ServerError(f"the answer is longer than {MAX_ANSWER} bytes.")
        content = json.loads(said)["choices"][0]["message"]["content"]
        if not isinstance(content, str):
            raise ServerError("the answer holds no text.")
        return content

    def _body(self, text: str) -> bytes:
        schema = {"name": "plan", "strict": True, "schema": answer_schema()}
        body = {
            "model": self.model,
            "messages": prompt.messages(text),
            "temperature": 0,
            "max_tokens": 600,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
        return json.dumps(body).encode()


def answer_schema() -> dict[str, Any]:
    """The plan's schema as strict servers take it: an object at the root, a type beside every enumeration.

    Which reason goes with which status is left to the check of the answer.
    """
    branches = [branch["properties"] for branch in plan_schema()["anyOf"]]
    steps = next(b["steps"] for b in branches if b["status"]["enum"] == ["ok"])
    reasons = [r for b in branches for r in b["reason"].get("enum", [None])]
    fields = {
        "status": {"enum": [b["status"]["enum"][0] for b in branches]},
        "reason": {"enum": list(dict.fromkeys(reasons))},
        "steps": {**steps, "minItems": 0},
    }
    root = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    typed: dict[str, Any] = _typed(root)
    return typed


def _typed(node: Any) -> Any:
    if isinstance(node, list):
        return [_typed(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: _typed(value) for key, value in node.items()}
    if isinstance(out.get("enum"), list) and "type" not in out:
        out["type"] = ["string", "null"] if None in out["enum"] else "string"
    return out


def _address(url: str) -> tuple[SplitResult, int | None]:
    """The parts of a usable address; the message never shows what may hold a password."""
    url = url.strip().rstrip("/")
    problem = "it is not an http(s) address" if url else "it is empty"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme in ("http", "https") and parts.hostname:
        plain = url.isascii() and url.isprintable() and " " not in url
        if plain and not (parts.username or parts.password or parts.query or parts.fragment):
            return parts, port
        problem = f"it holds spaces, odd characters, a user, a query or a fragment (a key belongs into {KEY})"
    raise SpecError(f"{URL} cannot be used: {problem}; allowed: an address such as http://localhost:8000/v1")


def _why(error: Exception) -> str:
    """The cause without the request, which holds the key."""
    if isinstance(error, ServerError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "it was silent for too long."
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}."
    if isinstance(error, http.client.HTTPException):
        return "it does not speak HTTP as it should."
    if isinstance(error, ValueError):
        return "what came is not JSON."
    return "what came is not the answer of a chat completion."
