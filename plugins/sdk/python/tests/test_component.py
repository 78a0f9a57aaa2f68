"""What the host receives from a component, with stand-ins for the bindings of componentize-py."""

import logging
import sys
import types
import unittest
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from unittest import mock

from hookyard import Bucket, HostError, Reject, Retry, bindings, component, handler, log, respond, send, setting


class Err(Exception):
    """componentize-py's exception for the error of a WIT function."""

    def __init__(self, value: Any) -> None:
        self.value = value


@dataclass
class Failure_Retry:
    value: Any


@dataclass
class Failure_Reject:
    value: str


@dataclass
class RetryRecord:
    reason: str
    after: int | None


@dataclass
class Error_NotAsked:
    pass


class Error_NoSuchDestination:
    pass


@dataclass
class Error_Other:
    value: str


def fails(error: Any) -> Callable[..., Any]:
    def function(*arguments: Any) -> Any:
        raise Err(error)

    return function


DELIVERY = types.SimpleNamespace(
    event_id="e-1", tenant="acme", source="s", provider="p", event_type=None, key="k", attempt=2, received_at=1_500
)
LINES: list[tuple[str, str, str]] = []
MODULES = {
    "hookyard_plugin_types": types.SimpleNamespace(
        Failure_Retry=Failure_Retry, Failure_Reject=Failure_Reject, Retry=RetryRecord
    ),
    "hookyard_plugin_outbox": types.SimpleNamespace(send=fails(Error_NoSuchDestination())),
    "hookyard_plugin_responder": types.SimpleNamespace(
        Header=tuple, Response=lambda *parts: parts, respond=fails(Error_NotAsked())
    ),
    "wasi_keyvalue_store": types.SimpleNamespace(open=fails(Error_Other("no room"))),
    "wasi_logging_logging": types.SimpleNamespace(
        Level={level: level for level in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")},
        log=lambda *line: LINES.append(line),
    ),
}


class Outcome(unittest.TestCase):
    def run_handler(self, function: Callable[[Any, Any], None]) -> Any:
        """Runs a handler, and returns the failure that the host receives."""
        LINES.clear()
        patches = (
            mock.patch.dict(bindings.MODULES, MODULES),
            mock.patch.dict(sys.modules, componentize_py_types=types.SimpleNamespace(Err=Err)),
            mock.patch.dict(handler.handlers, plugin=function),
        )
        with patches[0], patches[1], patches[2]:
            try:
                component.typed(DELIVERY, "the event")
            except Err as error:
                return error.value
        return None

    def test_return_is_done(self) -> None:
        seen: list[Any] = []
        self.assertIsNone(self.run_handler(lambda event, delivery: seen.extend([event, delivery])))
        event, delivery = seen
        self.assertEqual((event, delivery.attempt), ("the event", 2))
        self.assertEqual(delivery.received_at, datetime(1970, 1, 1, 0, 0, 1, 500_000, timezone.utc))

    def test_exceptions_become_failures(self) -> None:
        def raises(error: BaseException) -> Callable[[Any, Any], None]:
            def function(event: Any, delivery: Any) -> None:
                raise error

            return function

        for error, expected in [
            (Reject("no \ud800"), Failure_Reject("no ?")),
            (Retry("later", after=1.5), Failure_Retry(RetryRecord("later", 1500))),
            (HostError("store: no room"), Failure_Retry(RetryRecord("store: no room", None))),
            (Err(Error_Other("by a binding")), Failure_Retry(RetryRecord("by a binding", None))),
        ]:
            self.assertEqual(self.run_handler(raises(error)), expected)

    def test_errors_of_imports_name_their_subject(self) -> None:
        def reason(call: Callable[[], Any]) -> str:
            failure = self.run_handler(lambda event, delivery: call())
            assert isinstance(failure, Failure_Retry)
            return str(failure.value.reason)

        self.assertEqual(reason(lambda: Bucket("b").get("k")), 'store: bucket "b": no room')
        self.assertEqual(reason(lambda: send("nowhere", b"")), 'outbox: no destination "nowhere" is granted')
        self.assertEqual(reason(lambda: respond("x")), "responder: not asked")
        self.assertRegex(reason(lambda: setting("x")), '^the plugin does not import "config"; add it to `imports`')

    def test_logging_keeps_levels(self) -> None:
        def function(event: Any, delivery: Any) -> None:
            log.warn("a \ud800")
            logging.getLogger("rules").critical("b %s", 1)
            logging.debug("c")
            logging.log(1, "d")

        self.assertIsNone(self.run_handler(function))
        self.assertEqual(
            LINES, [("WARN", "", "a ?"), ("ERROR", "rules", "b 1"), ("DEBUG", "", "c"), ("TRACE", "", "d")]
        )

    def test_words_of_errors_are_readable(self) -> None:
        self.assertEqual(bindings.words(Error_NoSuchDestination()), "no such destination")
        self.assertEqual(bindings.words(Error_Other("no room")), "no room")


if __name__ == "__main__":
    unittest.main()
