"""The host of a component: calls its imports, and turns their errors into `HostError`."""

import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from .host import Request
from .outcome import HostError

MODULES: dict[str, Any] = {}
"""componentize-py's bindings of the imports, by their names."""


def _imports(name: str, grant: str) -> Any:
    """Returns the bindings of an imported interface."""
    if name not in MODULES:
        raise HostError(
            f"the plugin does not import {grant}; add it to `imports` in hookyard.plugin.toml and to wit/plugin.wit"
        )
    return MODULES[name]


def _call(subject: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls an import. The bindings raise `Err` with the value of the WIT error, which this turns into words."""
    try:
        return function(*arguments)
    except Exception as error:
        if type(error).__name__ != "Err":
            raise
        raise HostError(f"{subject}: {words(getattr(error, 'value', error))}") from None


def words(value: Any) -> str:
    """Returns a WIT error in words."""
    text = getattr(value, "value", None)
    name = type(value).__name__.rpartition("_")[2]
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    if isinstance(text, str):
        return text
    return words if text is None else f"{words}: {text}"


def sayable(text: str) -> str:
    """Replaces surrogates, which a string of a component cannot contain."""
    return text.encode("utf-8", "replace").decode()


class Component:
    """The host's side of an attempt, through the component's imports."""

    def __init__(self, event_id: str) -> None:
        self._event_id = event_id
        self._requests = 0

    def _bucket(self, name: str) -> Any:
        return _call(f'store: bucket "{name}"', _imports("wasi_keyvalue_store", '"keyvalue"').open, name)

    def get(self, bucket: str, key: str) -> bytes | None:
        with self._bucket(bucket) as open_bucket:
            value: bytes | None = _call(f'store: bucket "{bucket}"', open_bucket.get, key)
        return value

    def set(self, bucket: str, key: str, value: bytes) -> None:
        with self._bucket(bucket) as open_bucket:
            _call(f'store: bucket "{bucket}"', open_bucket.set, key, value)

    def delete(self, bucket: str, key: str) -> None:
        with self._bucket(bucket) as open_bucket:
            _call(f'store: bucket "{bucket}"', open_bucket.delete, key)

    def keys(self, bucket: str) -> Iterable[str]:
        with self._bucket(bucket) as open_bucket:
            cursor, is_first = None, True
            while is_first or cursor is not None:
                page = _call(f'store: bucket "{bucket}"', open_bucket.list_keys, cursor)
                yield from page.keys
                cursor, is_first = page.cursor, False

    def increment(self, bucket: str, key: str, by: int) -> int:
        atomics = _imports("wasi_keyvalue_atomics", '"keyvalue"')
        with self._bucket(bucket) as open_bucket:
            total: int = _call(f'store: bucket "{bucket}"', atomics.increment, open_bucket, key, by)
        return total

    def setting(self, name: str) -> str | None:
        value: str | None = _call(f'setting "{name}"', _imports("wasi_config_store", '"config"').get, name)
        return value

    def settings(self) -> dict[str, str]:
        return dict(_call("settings", _imports("wasi_config_store", '"config"').get_all))

    def log(self, level: str, context: str, text: str) -> None:
        logging_module = MODULES.get("wasi_logging_logging")
        if logging_module:
            logging_module.log(logging_module.Level[level.upper()], context, sayable(text))
        else:
            print(text if level == "info" else f"{level}: {text}", file=sys.stderr if level == "error" else sys.stdout)

    def send(self, destination: str, body: bytes, ordering_key: str | None) -> str:
        outbox = _imports("hookyard_plugin_outbox", '"outbox"')
        return self._post(destination, outbox.send, destination, body, ordering_key)

    def answer(self, interface: str, function: str, arguments: tuple[Any, ...], destination: str | None) -> Any:
        return self._post(destination, getattr(_imports(interface, interface), function), *arguments)

    def _post(self, destination: str | None, function: Callable[..., Any], *arguments: Any) -> str:
        try:
            message: str = _call("outbox", function, *arguments)
        except HostError as error:
            if str(error) != "outbox: no such destination":
                raise
            name = "for this event" if destination is None else f'"{destination}"'
            raise HostError(f"outbox: no destination {name} is granted") from None
        return message

    def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        responder = _imports("hookyard_plugin_responder", '"responder"')
        fields = [responder.Header(name, sayable(value)) for name, value in headers]
        _call("responder", responder.respond, responder.Response(status, fields, body))

    def request(self, request: Request) -> tuple[int, list[tuple[str, bytes]], bytes]:
        self._requests += 1
        request.headers.setdefault("idempotency-key", f"{self._event_id}-{self._requests}")
        return _exchange(request)


def _exchange(request: Request) -> tuple[int, list[tuple[str, bytes]], bytes]:
    subject = f"http: {request.method} {request.url}"
    wasi = _imports("types", '"http"')
    response = _call(subject, _await, subject, _outgoing(subject, wasi, request), request.body)
    with response:
        with response.headers() as fields:
            headers: list[tuple[str, bytes]] = fields.entries()
        status: int = response.status()
        body = response.consume()
        return status, headers, _read(subject, body.stream())


def _outgoing(subject: str, wasi: Any, request: Request) -> tuple[Any, Any]:
    url = urlsplit(request.url)
    fields = _call(subject, wasi.Fields.from_list, [(name, value.encode()) for name, value in request.headers.items()])
    outgoing = wasi.OutgoingRequest(fields)

    known = getattr(wasi, f"Method_{request.method.capitalize()}", None)
    _call(subject, outgoing.set_method, known() if known else wasi.Method_Other(request.method))
    scheme = {"http": wasi.Scheme_Http, "https": wasi.Scheme_Https}.get(url.scheme)
    if scheme is None:
        raise HostError(f"{subject}: the URL begins with neither https:// nor http://")
    _call(subject, outgoing.set_scheme, scheme())
    _call(subject, outgoing.set_authority, url.netloc)
    _call(subject, outgoing.set_path_with_query, (url.path or "/") + (f"?{url.query}" if url.query else ""))

    options = None
    if request.timeout is not None:
        options = wasi.RequestOptions()
        for part in ("connect", "first_byte", "between_bytes"):
            _call(subject, getattr(options, f"set_{part}_timeout"), int(request.timeout * 1_000_000_000))
    return outgoing, options


def _await(subject: str, outgoing: tuple[Any, Any], content: bytes) -> Any:
    request, options = outgoing
    body = request.body()
    future = _imports("outgoing_handler", '"http"').handle(request, options)

    with body.write() as stream:
        for start in range(0, len(content), 4096):
            _call(subject, stream.blocking_write_and_flush, content[start : start + 4096])
    type(body).finish(body, None)

    with future.subscribe() as answered:
        answered.block()
    result = future.get().value
    if type(result).__name__ == "Err":
        raise result
    return result.value


def _read(subject: str, stream: Any) -> bytes:
    chunks = []
    with stream:
        while True:
            try:
                chunks.append(stream.blocking_read(65536))
            except Exception as error:
                if type(getattr(error, "value", None)).__name__ == "StreamError_Closed":
                    return b"".join(chunks)
                raise HostError(f"{subject}: the answer ended early") from None
