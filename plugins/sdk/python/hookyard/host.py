"""The one place where the SDK calls the host: a component's imports, or the world of a unit test."""

from collections.abc import Iterable
from typing import Any, Protocol


class Host(Protocol):
    """What a handler may ask of its host. Each method raises `HostError`."""

    def get(self, bucket: str, key: str) -> bytes | None: ...
    def set(self, bucket: str, key: str, value: bytes) -> None: ...
    def delete(self, bucket: str, key: str) -> None: ...
    def keys(self, bucket: str) -> Iterable[str]: ...
    def increment(self, bucket: str, key: str, by: int) -> int: ...
    def setting(self, name: str) -> str | None: ...
    def settings(self) -> dict[str, str]: ...
    def log(self, level: str, context: str, text: str) -> None: ...
    def send(self, destination: str, body: bytes, ordering_key: str | None) -> str: ...
    def answer(self, interface: str, function: str, arguments: tuple[Any, ...], destination: str | None) -> Any: ...
    def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...
    def request(self, request: "Request") -> "tuple[int, list[tuple[str, bytes]], bytes]": ...


class Request:
    """An HTTP request, as the host takes it."""

    def __init__(self, method: str, url: str, headers: dict[str, str], body: bytes, timeout: float | None) -> None:
        self.method, self.url, self.headers, self.body, self.timeout = method, url, headers, body, timeout


_current: Host | None = None


def enter(host: Host | None) -> Host | None:
    """Makes `host` the one that is called from now on, and returns the previous one."""
    global _current
    previous, _current = _current, host
    return previous


def current() -> Host:
    """Returns the host of the event that is being handled."""
    if _current is None:
        raise RuntimeError(
            "there is no event: call the host inside the handler, not while the module is imported; "
            "in a unit test, use `hookyard.testing.World.run`"
        )
    return _current
