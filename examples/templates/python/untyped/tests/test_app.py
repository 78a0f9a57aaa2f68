"""The handler, with a host in memory."""

import unittest

import app
from hookyard import Reject
from hookyard.testing import World


class Handle(unittest.TestCase):
    def test_bytes_are_counted(self) -> None:
        world = World()
        world.run(app.handle, world.message(b"\xff\xfe"), event_type="order.paid")
        self.assertRegex(world.log_lines[0], "^order.paid .*: 2 bytes$")

    def test_empty_body_is_rejected(self) -> None:
        world = World()
        with self.assertRaisesRegex(Reject, "empty"):
            world.run(app.handle, world.message(b""))


if __name__ == "__main__":
    unittest.main()
