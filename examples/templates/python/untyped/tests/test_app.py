"""The handler, with a host in memory."""

import unittest

import app
from hookyard import Reject
from hookyard.testing import World


class Handle(unittest.TestCase):
    def test_json_is_logged(self) -> None:
        world = World()
        message = world.message('{"id": 1, "name": "order"}', {"Content-Type": "application/json"})
        world.run(app.handle, message, event_type="order.paid")
        self.assertRegex(world.log_lines[0], "^order.paid .*: id, name$")

    def test_other_body_is_rejected(self) -> None:
        world = World()
        with self.assertRaisesRegex(Reject, "not JSON"):
            world.run(app.handle, world.message(b"\xff"))


if __name__ == "__main__":
    unittest.main()
