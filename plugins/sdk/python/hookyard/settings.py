"""The settings in `[config]` of the plugin's settings file."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from .host import current
from .outcome import HostError

T = TypeVar("T", int, float, bool, list[str])

_KINDS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    int: ("a whole number", int),
    float: ("a number", float),
    bool: ("true or false", lambda text: {"true": True, "false": False}[text]),
    list[str]: ("a list", lambda text: [item.strip() for item in text.split(",") if item.strip()]),
}


def setting(name: str) -> str | None:
    """Returns the setting of this name, if there is one."""
    return current().setting(name)


def settings() -> dict[str, str]:
    """Returns all settings."""
    return current().settings()


def setting_as(name: str, kind: type[T]) -> T | None:
    """Returns a setting as an `int`, `float`, `bool` or `list[str]`, with its items separated by commas.

    A setting of another form is a `HostError`: the attempt is made again, and mending the setting is enough.
    """
    text = setting(name)
    if text is None:
        return None
    words, convert = _KINDS[kind]
    try:
        return cast(T, convert(text))
    except (ValueError, KeyError):
        raise HostError(f'setting "{name}" is "{text}", not {words}') from None
