"""Handlers, and what they receive besides the event."""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

H = TypeVar("H", bound=Callable[..., None])


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The facts that the host knows about an event and about this attempt."""

    event_id: str
    """The host's id of the event: a UUID, which is the same on every attempt."""
    tenant: str
    """The tenant that received the event."""
    source: str
    """The source that received the event."""
    provider: str
    """The provider of the event, such as `topper`."""
    event_type: str | None
    """The sender's name for the type of the event, if the host could determine it."""
    key: str
    """The text that identifies the event: the sender repeats it when it sends the event again."""
    attempt: int
    """The number of this attempt, from 1."""
    received_at: datetime
    """The time at which the host received the event."""


class Header(NamedTuple):
    """A header of the request. The name is in lower case."""

    name: str
    value: bytes


@dataclass(frozen=True)
class Message:
    """An event as the sender wrote it."""

    headers: list[Header]
    body: bytes

    def header(self, name: str) -> str | None:
        """Returns the first header of this name."""
        return next((h.value.decode("utf-8", "replace") for h in self.headers if h.name == name.lower()), None)

    def json(self) -> Any:
        """Returns the body as JSON. Numbers with a fraction become `float`."""
        return json.loads(self.body)


handlers: dict[str, Callable[..., None]] = {}


def plugin(handler: H) -> H:
    """Makes a function the handler of the typed events: `handle(event, delivery)`."""
    return _register("plugin", handler)


def untyped(handler: H) -> H:
    """Makes a function the handler of events as raw bytes: `handle(message, delivery)`."""
    return _register("untyped", handler)


def _register(kind: str, handler: H) -> H:
    if inspect.iscoroutinefunction(handler):
        raise TypeError(f"@{kind}: `{handler.__name__}` is async, but the host runs handlers to their end; write `def`")
    handlers[kind] = handler
    return handler
