"""Unit tests of a handler, without WebAssembly and without a host.

    world = World(settings={"paused": "yes"})
    with self.assertRaises(Retry):
        world.run(app.handle, world.event("fixtures/good.json"))

`hookyard test` runs the same fixtures on the real component; where the two differ, the component is right.
"""

import copy
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, get_type_hints

from . import host
from .decode import event_of
from .handler import Delivery, Header, Message, handlers
from .host import Request
from .http import Response
from .outcome import HostError


@dataclass(frozen=True)
class Sent:
    """A message that a handler sent: a typed `payload`, or a `body` as raw bytes."""

    destination: str | None
    function: str | None = None
    payload: Any = None
    body: bytes = b""
    ordering_key: str | None = None


@dataclass(frozen=True)
class Responded:
    """The answer to the request that brought the event."""

    status: int
    headers: dict[str, str]
    body: bytes


class World:
    """A host in memory. As with the real one, a handler that raises writes, sends and answers nothing."""

    def __init__(
        self,
        settings: dict[str, str] | None = None,
        store: dict[str, dict[str, Any]] | None = None,
        answer: Callable[[Request], Response] | None = None,
        destinations: Iterable[str] | None = None,
        asks_response: bool = True,
    ) -> None:
        self.store: dict[str, dict[str, Any]] = copy.deepcopy(store or {})
        """The values, as JSON: `world.store["customers"]["c-1"]`."""
        self.sent: list[Sent] = []
        self.response: Responded | None = None
        """The response of the last run, with the names of headers in lower case."""
        self.log_lines: list[str] = []
        """The lines of the log, such as `warn: no price`, also those of a handler that raised."""
        self.requests: list[Request] = []
        self._settings = settings or {}
        self._answer = answer
        self._asks_response = asks_response
        self._destinations = None if destinations is None else set(destinations)
        self.delivery = Delivery(
            event_id="00000000-0000-7000-8000-000000000001",
            tenant="acme",
            source="test",
            provider="test",
            event_type=None,
            key="test",
            attempt=1,
            received_at=datetime(2026, 1, 1, tzinfo=timezone.utc),
        )

    def event(self, fixture: str | Path, edit: Callable[[Any], None] | None = None) -> Any:
        """Returns the event of a fixture, in the types of the handler. `edit` changes the event."""
        content = json.loads(Path(fixture).read_text(encoding="utf-8"))["event"]
        kinds = list(get_type_hints(handlers["plugin"]).values())
        event_type, provider = content.get("type"), content.get("provider", "test")
        event = event_of(kinds[0], content["body"], event_type, Path(fixture).stem)
        self.delivery = replace(self.delivery, provider=provider, event_type=event_type)
        if edit:
            edit(event.value)
        return event

    def message(self, body: bytes | str, headers: dict[str, str] | None = None) -> Message:
        """Returns an event for an untyped handler."""
        content = body.encode() if isinstance(body, str) else body
        return Message([Header(name.lower(), value.encode()) for name, value in (headers or {}).items()], content)

    def run(self, handler: Callable[[Any, Delivery], None], event: Any, **delivery: Any) -> None:
        """Runs the handler once. The keywords change its `Delivery`, as in `attempt=2`."""
        kept = copy.deepcopy(self.store), list(self.sent)
        self.response = None
        previous = host.enter(self)
        try:
            handler(event, replace(self.delivery, **delivery))
        except BaseException:
            self.store, self.sent = kept
            self.response = None
            raise
        finally:
            host.enter(previous)

    # The methods of `Host`:

    def get(self, bucket: str, key: str) -> bytes | None:
        values = self.store.get(bucket, {})
        if key not in values:
            return None
        value = values[key]
        return value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()

    def set(self, bucket: str, key: str, value: bytes) -> None:
        try:
            decoded = json.loads(value)
        except ValueError:
            decoded = value
        self.store.setdefault(bucket, {})[key] = decoded

    def delete(self, bucket: str, key: str) -> None:
        self.store.get(bucket, {}).pop(key, None)

    def keys(self, bucket: str) -> Iterable[str]:
        return sorted(self.store.get(bucket, {}), key=str.encode)

    def increment(self, bucket: str, key: str, by: int) -> int:
        total = int(self.store.get(bucket, {}).get(key, 0)) + by
        self.store.setdefault(bucket, {})[key] = total
        return total

    def setting(self, name: str) -> str | None:
        return self._settings.get(name)

    def settings(self) -> dict[str, str]:
        return dict(self._settings)

    def log(self, level: str, context: str, text: str) -> None:
        self.log_lines.append(text if level == "info" else f"{level}: {text}")

    def send(self, destination: str, body: bytes, ordering_key: str | None) -> str:
        return self._post(Sent(destination, body=body, ordering_key=ordering_key))

    def answer(self, interface: str, function: str, arguments: tuple[Any, ...], destination: str | None) -> Any:
        return self._post(Sent(destination, function, copy.deepcopy(arguments[0])))

    def _post(self, sent: Sent) -> str:
        if self._destinations is not None and sent.destination and sent.destination not in self._destinations:
            raise HostError(f'outbox: no destination "{sent.destination}" is granted')
        self.sent.append(sent)
        return f"00000000-0000-7000-8000-{len(self.sent):012}"

    def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if not self._asks_response:
            raise HostError("responder: not asked")
        if self.response is not None:
            raise HostError("responder: already")
        self.response = Responded(status, {name.lower(): value for name, value in headers}, body)

    def request(self, request: Request) -> tuple[int, list[tuple[str, bytes]], bytes]:
        self.requests.append(request)
        if self._answer is None:
            raise HostError(f"http: {request.method} {request.url}: http request denied")
        answer = self._answer(request)
        return answer.status, [(name, value.encode()) for name, value in answer.headers.items()], answer.body
