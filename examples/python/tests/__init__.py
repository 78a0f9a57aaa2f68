"""Unit tests, without WebAssembly: `python3 -m unittest`, or pytest."""

import gen  # noqa: F401 (makes the SDK in gen/sdk importable)
