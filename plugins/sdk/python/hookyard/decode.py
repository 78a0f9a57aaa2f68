"""Makes the values of a handler's types from JSON, by the rules of the host (docs/typed-events.md)."""

import dataclasses
import enum
import json
import types
import typing
from typing import Any


def event_of(kind: Any, body: Any, event_type: str | None, name: str) -> Any:
    """Returns a case of the handler's event.

    The host asks the provider for the case. Here it is the one with which the type of the event ends, the one that the
    fixture is named after, or the first that fits the body.
    """
    cases = [case for case in _alternatives(kind) if case.case != "other"]
    texts = [event_type] if event_type else [*(text for text in body.values() if isinstance(text, str)), name]
    for case in sorted(cases, key=lambda case: -len(case.case)):
        if any(_name(text).endswith(_name(case.case)) for text in texts):
            return case(_content(_payload(case), body))

    for case in cases:
        try:
            return case(_content(_payload(case), body))
        except ValueError:
            continue
    return next(case for case in _alternatives(kind) if case.case == "other")(json.dumps(body, ensure_ascii=False))


def _content(kind: Any, body: Any) -> Any:
    """Decodes the event itself or, where the provider wraps it in an envelope, one of its members."""
    try:
        return decode(kind, body, "$")
    except ValueError as error:
        for key, member in body.items():
            if isinstance(member, dict):
                try:
                    return decode(kind, member, f"$.{key}")
                except ValueError:
                    continue
        raise error


def decode(kind: Any, value: Any, path: str) -> Any:
    """Returns the value in the type `kind`, or raises a `ValueError` that names the place."""
    alternatives = _alternatives(kind)
    if type(None) in alternatives:
        rest = next(it for it in alternatives if it is not type(None))
        return None if value is None else decode(rest, value, path)
    if len(alternatives) > 1 or hasattr(kind, "case"):
        return _variant(alternatives, value, path)
    if dataclasses.is_dataclass(kind):
        return _record(kind, value, path)

    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is list and isinstance(value, list):
        return [decode(arguments[0], item, f"{path}[{index}]") for index, item in enumerate(value)]
    if origin is list and isinstance(value, dict) and typing.get_origin(arguments[0]) is tuple:
        return [(key, decode(typing.get_args(arguments[0])[1], item, f"{path}.{key}")) for key, item in value.items()]
    if origin is dict and isinstance(value, dict):
        return {key: decode(arguments[1], item, f"{path}.{key}") for key, item in value.items()}
    if origin is tuple and isinstance(value, list) and len(value) == len(arguments):
        return tuple(decode(ty, item, f"{path}[{index}]") for index, (ty, item) in enumerate(zip(arguments, value)))
    return _plain(kind, value, path)


def _plain(kind: Any, value: Any, path: str) -> Any:
    if kind is str and isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        names = [value] if isinstance(value, str) else value if issubclass(kind, enum.Flag) else []
        members = [member for member in kind if _name(member.name) in map(_name, names)]
        members = members or [member for member in kind if member.name == "OTHER"]
        if issubclass(kind, enum.Flag):
            return kind(sum(member.value for member in members))
        if members:
            return members[0]
    if type(value) is not kind:
        raise ValueError(f"{path}: found {type(value).__name__}, wanted {getattr(kind, '__name__', kind)}")
    return value


def _record(kind: Any, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{path}: found {type(value).__name__}, wanted an object")
    members = {_name(key): (key, member) for key, member in value.items()}
    hints = typing.get_type_hints(kind)
    fields = {}
    for field in dataclasses.fields(kind):
        key, member = members.get(_name(field.name), (field.name, None))
        fields[field.name] = decode(hints[field.name], member, f"{path}.{key}")
    return kind(**fields)


def _variant(cases: tuple[Any, ...], value: Any, path: str) -> Any:
    name, member = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, None)
    for case in cases:
        if isinstance(name, str) and _name(case.case) == _name(name):
            return case(decode(_payload(case), member, f"{path}.{name}")) if _payload(case) else case()
    for case in cases:
        if case.case == "other":
            return case(decode(_payload(case), value, path)) if _payload(case) else case()
    raise ValueError(f"{path}: is none of the cases {', '.join(case.case for case in cases)}")


def _payload(case: Any) -> Any:
    return typing.get_type_hints(case).get("value")


def _alternatives(kind: Any) -> tuple[Any, ...]:
    is_union = isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union
    return typing.get_args(kind) if is_union else (kind,)


def _name(text: str) -> str:
    return text.replace("-", "").replace("_", "").replace(":", "").replace(".", "").lower()
