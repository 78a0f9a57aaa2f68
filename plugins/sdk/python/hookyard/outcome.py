"""The exceptions that end a handler with an outcome. Any other exception traps and counts as a fault of the plugin."""

from datetime import timedelta


class Reject(Exception):
    """The event can never be handled: the host gives it up. The text is the reason, for the operator."""


class Retry(Exception):
    """The event cannot be handled now: the host runs the plugin again later.

    `after` is the minimum delay, as a `timedelta` or in seconds. The source's schedule applies if its delay is longer.
    """

    def __init__(self, reason: str, after: timedelta | float | None = None) -> None:
        super().__init__(reason)
        self.after = timedelta(seconds=after) if isinstance(after, (int, float)) else after

    @property
    def milliseconds(self) -> int | None:
        """The delay as the host takes it."""
        return None if self.after is None else max(0, self.after // timedelta(milliseconds=1))


class HostError(Exception):
    """The host, or what it talks to, could not do something: the store, a destination, a setting or a request.

    A handler that does not catch it ends as `Retry` does, because an operator or a third party is to mend it.
    """
