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

from . import host
from .bindings import MODULES, Component, sayable, words
from .handler import Delivery, Header, Message, handlers
from .outcome import HostError, Reject, Retry

# Modules that Python's own functions import when they are first called.
_USED_LATE = "_strptime encodings.ascii encodings.cp1252 encodings.idna encodings.latin_1 encodings.utf_16"

_SDK = os.path.dirname(__file__)


class _Records(logging.Handler):
    """Hands the records of Python's `logging` to the host, with their levels."""

    def emit(self, record: logging.LogRecord) -> None:
        names = ["error", "warn", "info", "debug"]
        level = next((name for name in names if record.levelno >= getattr(logging, name.upper())), "trace")
        try:
            host.current().log(level, "" if record.name == "root" else record.name, self.format(record))
        except RuntimeError:  # While the component is built, there is no host.
            print(f"{level}: {self.format(record)}", file=sys.stderr)


# Before the author's modules are imported, so that they can change it.
logging.basicConfig(level=1, handlers=[_Records()], format="%(message)s", force=True)


def start(modules: Iterable[types.ModuleType], exports: Iterable[str]) -> None:
    """Prepares the component once, while it is built: `modules` are the bindings of its imports."""
    MODULES.update({module.__name__.rpartition(".")[2]: module for module in modules})
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    for kind in exports:
        if kind not in handlers:
            raise RuntimeError(f"app.py: no function is the handler; write @{kind} in front of it")

    _import_late()
    _keep_sources()


def _import_late() -> None:
    """Imports what functions import later, when the files are gone: Python's own, and those that the build found."""
    for name in _USED_LATE.split():
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
    bindings = MODULES["hookyard_plugin_types"]
    failure: Any
    host.enter(Component(delivery.event_id))
    try:
        handle(_delivery(delivery))
        return
    except Reject as error:
        failure = bindings.Failure_Reject(sayable(str(error)))
    except Retry as error:
        failure = bindings.Failure_Retry(bindings.Retry(sayable(str(error)), error.milliseconds))
    except HostError as error:
        failure = bindings.Failure_Retry(bindings.Retry(sayable(str(error)), None))
    except SystemExit:
        raise
    except BaseException as error:
        if type(error).__name__ != "Err":
            _trap(error)
        # An error of a binding that the author calls without the SDK.
        failure = bindings.Failure_Retry(bindings.Retry(words(getattr(error, "value", error)), None))
    finally:
        host.enter(None)
    raise importlib.import_module("componentize_py_types").Err(failure)


def _delivery(delivery: Any) -> Delivery:
    known = {name: getattr(delivery, name) for name in Delivery.__annotations__}
    received_at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=delivery.received_at)
    return Delivery(**{**known, "received_at": received_at})


def _trap(error: BaseException) -> None:
    """Writes the traceback without the SDK's own frames, the message last, and traps."""
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_filename.startswith(_SDK):
        frames = frames.tb_next

    report = traceback.TracebackException(type(error), error, frames)
    _shorten(report)
    lines = list(report.format())
    if report.exceptions:
        lines += report.format_exception_only()
    sys.stdout.flush()
    sys.stderr.write(sayable("".join(lines)))
    sys.stderr.flush()
    os.abort()


def _shorten(report: traceback.TracebackException | None) -> None:
    """Shortens the names of files in a report and in the reports of its causes."""
    if report:
        for frame in report.stack:
            frame.filename = _short(frame.filename)
        for cause in (report.__cause__, report.__context__, *(report.exceptions or [])):
            _shorten(cause)
