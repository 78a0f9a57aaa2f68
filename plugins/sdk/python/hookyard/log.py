"""The plugin's log. Lines by `print` and by Python's `logging` arrive there too."""

import json
from typing import Any

from .host import current


def trace(*values: object) -> None:
    """Logs the values, separated by spaces; values other than text become JSON."""
    _log("trace", values)


def debug(*values: object) -> None:
    """Logs as `trace` does, at the level `debug`."""
    _log("debug", values)


def info(*values: object) -> None:
    """Logs as `trace` does, at the level `info`."""
    _log("info", values)


def warn(*values: object) -> None:
    """Logs as `trace` does, at the level `warn`."""
    _log("warn", values)


def error(*values: object) -> None:
    """Logs as `trace` does, at the level `error`."""
    _log("error", values)


def _log(level: str, values: tuple[object, ...]) -> None:
    current().log(level, "", " ".join(map(_text, values)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_members)


def _members(value: Any) -> Any:
    return vars(value) if hasattr(value, "__dict__") else str(value)
