"""The handler, with a host in memory."""

import unittest
from pathlib import Path

import app
from hookyard import Reject
from hookyard.testing import World


class Handle(unittest.TestCase):
    def test_samples_are_logged(self) -> None:
        for fixture in sorted(Path("fixtures").glob("*.json")):
            with self.subTest(fixture.name):
                world = World()
                event = world.event(fixture)
                world.run(app.handle, event)
                self.assertIn("no handler" if event.case == "other" else event.case, world.log_lines[0])

    def test_other_provider_is_rejected(self) -> None:
        world = World()
        for fixture in sorted(Path("fixtures").glob("*.json"))[:1]:
            with self.assertRaises(Reject):
                world.run(app.handle, world.event(fixture), provider="unknown")


if __name__ == "__main__":
    unittest.main()
