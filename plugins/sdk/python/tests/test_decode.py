"""The decoding of fixtures, for types as `hookyard build` writes them."""

import unittest
from dataclasses import dataclass
from enum import Enum, Flag
from typing import Any, ClassVar

from hookyard.decode import decode, event_of


class State(Enum):
    OPEN = 0
    OTHER = 1


class Marks(Flag):
    NEW = 1 << 0
    USED = 1 << 1


@dataclass
class Fixed:
    case: ClassVar[str] = "fixed"
    value: int


@dataclass
class Free:
    case: ClassVar[str] = "free"


@dataclass
class Order:
    order_id: str
    from_: "str | None"
    state: State
    marks: Marks
    price: "Fixed | Free"
    lines: "list[int]"
    pairs: "list[tuple[str, float]]"


@dataclass
class OrderPaid:
    case: ClassVar[str] = "order-paid"
    value: Order


@dataclass
class Other:
    case: ClassVar[str] = "other"
    value: str


ORDER: dict[str, Any] = {
    "orderID": "é",
    "from": None,
    "state": "open",
    "marks": ["used", "unknown"],
    "price": {"fixed": 9007199254740993},
    "lines": [1, 2],
    "pairs": {"a": 1, "b": 2.5},
    "ignored": True,
}


class Decode(unittest.TestCase):
    def test_json_becomes_values(self) -> None:
        order = decode(Order, ORDER, "$")
        expected = Order("é", None, State.OPEN, Marks.USED, Fixed(9007199254740993), [1, 2], [("a", 1.0), ("b", 2.5)])
        self.assertEqual(order, expected)
        self.assertEqual(decode(Order, {**ORDER, "state": "new", "price": "free"}, "$").state, State.OTHER)

    def test_fault_has_place(self) -> None:
        faults: list[tuple[dict[str, Any], str]] = [
            ({"lines": [1, "2"]}, r"\$\.lines\[1\]: found str, wanted int"),
            ({"orderID": 5}, r"\$\.orderID: found int, wanted str"),
            ({"price": "dear"}, r"\$\.price: is none of the cases fixed, free"),
            ({"lines": [True]}, r"\$\.lines\[0\]: found bool, wanted int"),
        ]
        for change, message in faults:
            with self.assertRaisesRegex(ValueError, message):
                decode(Order, {**ORDER, **change}, "$")

    def test_event_is_found_by_its_type(self) -> None:
        kind: Any = OrderPaid | Other
        for event in [
            event_of(kind, {**ORDER, "type": "shop.order.paid"}, None, "sample"),
            event_of(kind, ORDER, "order:paid", "sample"),
            event_of(kind, ORDER, None, "order-paid"),
            event_of(kind, ORDER, None, "sample"),
            event_of(kind, {"data": ORDER}, "order.paid", "sample"),
        ]:
            self.assertIsInstance(event, OrderPaid)
        self.assertEqual(event_of(kind, {"type": "x"}, None, "sample"), Other('{"type": "x"}'))


if __name__ == "__main__":
    unittest.main()
