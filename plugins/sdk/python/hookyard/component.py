"""The plugin inside its component. Only `gen/component.py`, which `hookyard build` writes, uses this module."""

import importlib
import linecache
import logging
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

from . import host
from .handler import Delivery, Header, Message, handlers
from .host import Request
from .outcome import HostError, Reject, Retry

_SDK = os.path.dirname(__file__)
_MODULES: dict[str, Any] = {}


def _imports(name: str, grant: str) -> Any:
    """Returns the bindings of an imported interface."""
    if name not in _MODULES:
        raise HostError(f'the plugin does not import {grant}; add it to `imports` in hookyard.plugin.toml and to wit/plugin.wit')
    return _MODULES[name]


def _call(subject: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls an import. The bindings raise `Err` with the value of the WIT error, which this turns into words."""
    try:
        return function(*arguments)
    except Exception as error:
        if type(error).__name__ != "Err":
            raise
        raise HostError(f"{subject}: {_words(getattr(error, 'value', error))}") from None


def _words(value: Any) -> str:
    text = getattr(value, "value", None)
    name = type(value).__name__.rpartition("_")[2]
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    if isinstance(text, str):
        return text
    return words if text is None else f"{words}: {text}"


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
        logging_module = _MODULES.get("wasi_logging_logging")
        if logging_module:
            logging_module.log(logging_module.Level[level.upper()], context, text)
        else:
            print(text if level == "info" else f"{level}: {text}", file=sys.stderr if level == "error" else sys.stdout)

    def send(self, destination: str, body: bytes, ordering_key: str | None) -> str:
        return self._post(destination, _imports("hookyard_plugin_outbox", '"outbox"').send, destination, body, ordering_key)

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
        for set_timeout in (options.set_connect_timeout, options.set_first_byte_timeout, options.set_between_bytes_timeout):
            _call(subject, set_timeout, int(request.timeout * 1_000_000_000))
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


class _Records(logging.Handler):
    """Hands the records of Python's `logging` to the host, with their levels."""

    def emit(self, record: logging.LogRecord) -> None:
        names = ["error", "warn", "info", "debug"]
        level = next((name for name in names if record.levelno >= getattr(logging, name.upper())), "trace")
        host.current().log(level, "" if record.name == "root" else record.name, self.format(record))


def start(modules: Iterable[types.ModuleType], exports: Iterable[str]) -> None:
    """Prepares the component once, while it is built: `modules` are the bindings of its imports."""
    _MODULES.update({module.__name__.rpartition(".")[2]: module for module in modules})
    logging.basicConfig(level=1, handlers=[_Records()], format="%(message)s", force=True)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    for kind in exports:
        if kind not in handlers:
            raise RuntimeError(f"app.py: no function is the handler; write @{kind} in front of it")

    _import_late()
    _keep_sources()


def _import_late() -> None:
    """Imports what functions import later, when the files are gone: Python's own, and those that the build found."""
    for name in ("_strptime", "encodings.ascii", "encodings.cp1252", "encodings.latin_1", "encodings.utf_16"):
        importlib.import_module(name)
    for name in importlib.import_module("late_imports").MODULES:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001 (the import fails in its function as well, with a traceback)
            continue


def _keep_sources() -> None:
    """Keeps the lines of the author's modules, so that a traceback shows them without the files."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        if _short(file) != file and not file.startswith(_SDK) and linecache.getlines(file):
            size, _, lines, _ = linecache.cache[file]  # type: ignore[misc]
            linecache.cache[file] = linecache.cache[_short(file)] = (size, None, lines, file)


def _short(file: str) -> str:
    """Returns a file's path without the folder that componentize-py puts in front of it, as in `/0/app.py`."""
    first, _, rest = file.removeprefix("/").partition("/")
    return rest if first.isdecimal() else file


def use(module: types.ModuleType, bindings: types.ModuleType, names: dict[str, str]) -> None:
    """Has the bindings make the classes of `module`; `names` are the bindings' names and ours."""
    for theirs, ours in names.items():
        setattr(bindings, theirs, getattr(module, ours))


def typed(delivery: Any, event: Any) -> None:
    """Runs the handler of typed events."""
    _run(delivery, lambda it: handlers["plugin"](event, it))


def raw(delivery: Any, message: Any) -> None:
    """Runs the handler of raw bytes."""
    headers = [Header(header.name, header.value) for header in message.headers]
    _run(delivery, lambda it: handlers["untyped"](Message(headers, message.body), it))


def _run(delivery: Any, handle: Callable[[Delivery], None]) -> None:
    bindings = _MODULES["hookyard_plugin_types"]
    failure: Any
    host.enter(Component(delivery.event_id))
    try:
        handle(_delivery(delivery))
        return
    except Reject as error:
        failure = bindings.Failure_Reject(str(error))
    except Retry as error:
        failure = bindings.Failure_Retry(bindings.Retry(str(error), error.milliseconds))
    except HostError as error:
        failure = bindings.Failure_Retry(bindings.Retry(str(error), None))
    except Exception as error:
        _trap(error)
    raise importlib.import_module("componentize_py_types").Err(failure)


def _delivery(delivery: Any) -> Delivery:
    known = {name: getattr(delivery, name) for name in Delivery.__annotations__}
    received_at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=delivery.received_at)
    return Delivery(**{**known, "received_at": received_at})


def _trap(error: Exception) -> None:
    """Writes the traceback without the SDK's own frames, and traps."""
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename.startswith(_SDK):
        frames = frames.tb_next

    report = traceback.TracebackException(type(error), error, frames)
    for frame in report.stack:
        frame.filename = _short(frame.filename)
    sys.stdout.flush()
    sys.stderr.write("".join(report.format()))
    sys.stderr.flush()
    os.abort()
