"""Messages to destinations, as raw bytes. A provider's typed events are in `gen/<provider>/outgoing.py`."""

import json
from typing import Any

from .host import current


def send(destination: str, body: bytes | str, ordering_key: str | None = None) -> str:
    """Asks the host to send a body to a destination, and returns the id of the message.

    The message is committed with the outcome: an attempt that fails sends nothing. Messages with the same destination
    and ordering key arrive in the order of these calls.
    """
    return current().send(destination, body.encode() if isinstance(body, str) else body, ordering_key)


def send_json(destination: str, value: Any, ordering_key: str | None = None) -> str:
    """Sends a value as JSON, as `send` does."""
    return send(destination, json.dumps(value, ensure_ascii=False, separators=(",", ":")), ordering_key)
