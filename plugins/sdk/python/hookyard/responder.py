"""The answer to the request that brought the event, for sources with `ack = "responder"`."""

import json
from collections.abc import Mapping
from typing import Any

from .host import current


def respond(body: bytes | str = b"", *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
    """Answers the request that brought the event.

    The answer is sent if the handler returns, and in time. Raises `HostError` if the host refuses it, for example
    because the source does not ask for a response.
    """
    content = body.encode() if isinstance(body, str) else body
    current().respond(status, list((headers or {}).items()), content)


def respond_json(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
    """Answers with a value as JSON, as `respond` does."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    respond(body, status=status, headers={"content-type": "application/json", **(headers or {})})
