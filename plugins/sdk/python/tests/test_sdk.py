"""What a handler uses, with a host in memory."""

import unittest
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from hookyard import (
    Bucket,
    Delivery,
    HostError,
    Message,
    Reject,
    Retry,
    decimal,
    http,
    log,
    minor_units,
    plugin,
    respond,
    respond_json,
    send,
    send_json,
    setting,
    setting_as,
    settings,
    untyped,
)
from hookyard.testing import Responded, World


def run(world: World, handler: Callable[[], None]) -> None:
    def handle(event: None, delivery: Delivery) -> None:
        handler()

    world.run(handle, None)


class Store(unittest.TestCase):
    def test_values_are_json(self) -> None:
        world = World()
        bucket: Bucket[object] = Bucket("b")

        def handler() -> None:
            bucket.set("list", [1, "é", None])
            bucket.set_bytes("bytes", b"\xff")
            self.assertEqual(bucket.get("list"), [1, "é", None])
            self.assertEqual(bucket.get_bytes("list"), '[1, "é", null]'.encode())
            self.assertEqual(list(bucket.keys()), ["bytes", "list"])
            bucket.delete("list")
            self.assertFalse(bucket.exists("list"))
            self.assertIsNone(bucket.get("list"))

        run(world, handler)
        self.assertEqual(world.store, {"b": {"bytes": b"\xff"}})

    def test_numbers_are_counted(self) -> None:
        world = World(store={"b": {"n": 41}})
        bucket = Bucket("b", int)

        def handler() -> None:
            self.assertEqual(bucket.increment("n"), 42)
            self.assertEqual(bucket.increment("m", -3), -3)
            self.assertEqual(bucket.update("n", lambda n: (n or 0) * 2), 84)

        run(world, handler)
        self.assertEqual(world.store["b"], {"n": 84, "m": -3})

    def test_other_type_is_named(self) -> None:
        world = World(store={"b": {"text": "x", "bytes": b"\xff"}})
        bucket = Bucket("b", int)
        with self.assertRaisesRegex(HostError, 'bucket "b", key "text": the value is of type str, not int'):
            run(world, lambda: print(bucket.get("text")))
        with self.assertRaisesRegex(HostError, 'bucket "b", key "bytes": the value is not JSON'):
            run(world, lambda: print(bucket.get("bytes")))

    def test_failing_handler_leaves_nothing(self) -> None:
        world = World()

        def handler() -> None:
            Bucket("b").set("k", 1)
            send("d", "x")
            log.warn("before")
            raise Reject("no")

        with self.assertRaises(Reject):
            run(world, handler)
        self.assertEqual((world.store, world.sent, world.log_lines), ({}, [], ["warn: before"]))


class Settings(unittest.TestCase):
    def test_settings_have_types(self) -> None:
        world = World(settings={"n": "12", "f": "1.5", "b": "true", "l": "DE, AT", "x": "abc"})

        def handler() -> None:
            self.assertEqual((setting_as("n", int), setting_as("f", float)), (12, 1.5))
            self.assertEqual((setting_as("b", bool), setting_as("l", list[str])), (True, ["DE", "AT"]))
            self.assertIsNone(setting("missing"))
            self.assertIsNone(setting_as("missing", int))
            self.assertEqual(len(settings()), 5)

        run(world, handler)
        with self.assertRaisesRegex(HostError, 'setting "x" is "abc", not a whole number'):
            run(world, lambda: print(setting_as("x", int)))
        with self.assertRaisesRegex(HostError, 'setting "x" is "abc", not true or false'):
            run(world, lambda: print(setting_as("x", bool)))


class Messages(unittest.TestCase):
    def test_messages_are_bytes(self) -> None:
        world = World(destinations=["raw"])
        run(world, lambda: print(send_json("raw", {"hello": "wörld"}, "k")))
        [sent] = world.sent
        self.assertEqual((sent.body.decode(), sent.ordering_key), ('{"hello":"wörld"}', "k"))

        with self.assertRaisesRegex(HostError, 'outbox: no destination "nowhere" is granted'):
            run(world, lambda: print(send("nowhere", b"")))

    def test_response_of_a_successful_run_is_kept(self) -> None:
        world = World()
        run(world, lambda: respond_json({"text": "wörld"}, status=201, headers={"X-Pot": "round"}))
        headers = {"content-type": "application/json", "x-pot": "round"}
        self.assertEqual(world.response, Responded(201, headers, '{"text":"wörld"}'.encode()))

        def twice() -> None:
            respond("a")
            respond("b")

        with self.assertRaisesRegex(HostError, "^responder: already$"):
            run(world, twice)
        self.assertIsNone(world.response)
        with self.assertRaisesRegex(HostError, "^responder: not asked$"):
            run(World(asks_response=False), respond)

    def test_log_writes_json(self) -> None:
        world = World()
        run(world, lambda: log.error("order", {"id": 2**63, "name": "é"}, Reject("why")))
        self.assertEqual(world.log_lines, ['error: order {"id": 9223372036854775808, "name": "é"} {}'])


class Requests(unittest.TestCase):
    def test_request_has_json(self) -> None:
        world = World(answer=lambda request: http.Response(request.url, 200, {"A": "b"}, b'{"n": 1}'))

        def handler() -> None:
            answer = http.post("https://a.example/", json={"x": 1}, headers={"X-Y": "z"})
            self.assertEqual((answer.or_retry().json(), answer.text()), ({"n": 1}, '{"n": 1}'))
            self.assertEqual(answer.headers, {"a": "b"})

        run(world, handler)
        [request] = world.requests
        self.assertEqual((request.method, request.body), ("POST", b'{"x":1}'))
        self.assertEqual(request.headers, {"x-y": "z", "content-type": "application/json"})

    def test_bad_answer_has_outcome(self) -> None:
        def outcome(status: int) -> BaseException:
            with self.assertRaises(Exception) as raised:
                http.Response("https://a.example/", status, {"retry-after": "7"}, b"").or_retry()
            return raised.exception

        for status in (408, 429, 500, 503):
            error = outcome(status)
            assert isinstance(error, Retry)
            self.assertEqual(error.after, timedelta(seconds=7))
        self.assertIsInstance(outcome(404), HostError)

    def test_refused_request_is_a_host_error(self) -> None:
        with self.assertRaisesRegex(HostError, "http: GET https://a.example/: http request denied"):
            run(World(), lambda: print(http.get("https://a.example/")))


class Handlers(unittest.TestCase):
    def test_async_handler_is_refused(self) -> None:
        async def handle(event: object, delivery: Delivery) -> None: ...

        for decorator in (plugin, untyped):
            with self.assertRaisesRegex(TypeError, "`handle` is async"):
                decorator(handle)  # type: ignore[type-var]

    def test_host_is_there_in_the_handler_only(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "call the host inside the handler"):
            setting("x")

    def test_message_has_headers(self) -> None:
        message: Message = World().message('{"a": 1.5}', {"X-Id": "7"})
        self.assertEqual((message.header("x-ID"), message.header("y"), message.json()), ("7", None, {"a": 1.5}))

    def test_delay_is_in_milliseconds(self) -> None:
        for after, expected in [(None, None), (60, 60_000), (0.5, 500), (timedelta(minutes=1), 60_000), (-1, 0)]:
            self.assertEqual(Retry("later", after=after).milliseconds, expected)


class Money(unittest.TestCase):
    def test_amounts_are_exact(self) -> None:
        for value, digits, expected in [
            (4998, 2, "49.98"),
            (-5, 2, "-0.05"),
            (7, 0, "7"),
            (2**63 - 1, 2, "92233720368547758.07"),
        ]:
            self.assertEqual(minor_units(value, digits), expected)
            self.assertEqual(decimal(value, digits), Decimal(expected))


if __name__ == "__main__":
    unittest.main()
