"""The plugin's key-value store.

Writes are committed with the outcome. If another attempt changes a key that this one has read, the host runs this one
again from its beginning, so a handler may read, compute and write as if it were alone.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast, overload

from .host import current
from .outcome import HostError

T = TypeVar("T")


class Bucket(Generic[T]):
    """A bucket of keys with JSON values: `Bucket("customers")`, or `Bucket("customers", int)` to check their type."""

    @overload
    def __init__(self: "Bucket[Any]", name: str) -> None: ...
    @overload
    def __init__(self, name: str, kind: type[T]) -> None: ...
    def __init__(self, name: str, kind: type[Any] = object) -> None:
        self.name = name
        self._kind = kind

    def get(self, key: str) -> T | None:
        """Returns the value of a key, or `None` if there is none."""
        data = self.get_bytes(key)
        if data is None:
            return None
        try:
            value = json.loads(data)
        except ValueError:
            raise HostError(f'bucket "{self.name}", key "{key}": the value is not JSON') from None
        if not isinstance(value, self._kind):
            found, wanted = type(value).__name__, self._kind.__name__
            raise HostError(f'bucket "{self.name}", key "{key}": the value is of type {found}, not {wanted}')
        return cast(T, value)

    def set(self, key: str, value: T) -> None:
        """Writes the value of a key."""
        self.set_bytes(key, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())

    def delete(self, key: str) -> None:
        """Removes a key, if it is there."""
        current().delete(self.name, key)

    def exists(self, key: str) -> bool:
        """Returns whether a key has a value."""
        return self.get_bytes(key) is not None

    def keys(self) -> Iterator[str]:
        """Returns all keys, in the order of their bytes."""
        yield from current().keys(self.name)

    def increment(self, key: str, by: int = 1) -> int:
        """Adds to the number of a key, which is 0 at first, and returns the sum."""
        return current().increment(self.name, key, by)

    def update(self, key: str, change: Callable[[T | None], T]) -> T:
        """Writes what `change` makes of the value of a key, and returns it."""
        value = change(self.get(key))
        self.set(key, value)
        return value

    def get_bytes(self, key: str) -> bytes | None:
        """Returns the value of a key as it is stored."""
        return current().get(self.name, key)

    def set_bytes(self, key: str, value: bytes) -> None:
        """Writes the value of a key as it is."""
        current().set(self.name, key, value)
