"""HTTP requests to the hosts that the operator granted. Credentials come from the grant, never from the code."""

import json as _json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .host import Request, current
from .outcome import HostError, Retry


@dataclass(frozen=True)
class Response:
    """An answer. The names of the headers are in lower case."""

    url: str
    status: int
    headers: dict[str, str]
    body: bytes

    def text(self) -> str:
        """Returns the body as text; bytes that are not UTF-8 become U+FFFD."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Returns the body as JSON."""
        return _json.loads(self.body)

    def or_retry(self) -> "Response":
        """Returns a good answer. 408, 429 and 5xx become a `Retry`, other errors a `HostError`."""
        words = f"http: {self.url}: status {self.status}"
        if self.status in (408, 429) or self.status >= 500:
            seconds = self.headers.get("retry-after", "")
            raise Retry(words, after=float(seconds) if seconds.isdecimal() else None)
        if self.status >= 400:
            raise HostError(words)
        return self


def get(url: str, *, headers: Mapping[str, str] | None = None, timeout: float | None = None) -> Response:
    """Sends a GET request."""
    return request("GET", url, headers=headers, timeout=timeout)


def post(
    url: str,
    *,
    json: Any = None,
    body: bytes | str = b"",
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Response:
    """Sends a POST request."""
    return request("POST", url, json=json, body=body, headers=headers, timeout=timeout)


def request(
    method: str,
    url: str,
    *,
    json: Any = None,
    body: bytes | str = b"",
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Response:
    """Sends a request and waits for the whole answer, at most `timeout` seconds for each part of it.

    A request stays sent even if the attempt fails later and is made again. So each request has the header
    `idempotency-key`, which is the same on every attempt, unless `headers` has one.
    """
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    content = body.encode() if isinstance(body, str) else body
    if json is not None:
        content = _json.dumps(json, ensure_ascii=False, separators=(",", ":")).encode()
        sent.setdefault("content-type", "application/json")

    status, received, answer = current().request(Request(method, url, sent, content, timeout))
    return Response(url, status, {name.lower(): value.decode("latin-1") for name, value in received}, answer)
