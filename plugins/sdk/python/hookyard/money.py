"""Amounts of money, which are whole numbers of the smallest unit. An `int` holds every `s64` and `u64` exactly."""

from decimal import Decimal


def decimal(value: int, digits: int = 2) -> Decimal:
    """Returns an amount in the main unit, exactly: `decimal(4998)` is `Decimal("49.98")`."""
    sign, units = (1, tuple(map(int, str(-value)))) if value < 0 else (0, tuple(map(int, str(value))))
    return Decimal((sign, units, -digits))


def minor_units(value: int, digits: int = 2) -> str:
    """Returns an amount as text: `minor_units(4998)` is `49.98`."""
    return format(decimal(value, digits), "f")
