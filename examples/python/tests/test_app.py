"""The handler, with a host in memory."""

import unittest
from datetime import timedelta

import app
from hookyard import Reject, Retry
from hookyard.testing import World


class Handle(unittest.TestCase):
    def test_good_offer_is_answered(self) -> None:
        world = World(store={"customers": {"b8c9d0e1-f2a3-4567-bcde-678901234567": 2}})
        event = world.event("fixtures/good.json")
        world.run(app.handle, event)

        [sent] = world.sent
        self.assertEqual(sent.payload, app.answer(event.value.payload))
        self.assertEqual(sent.payload.offer.offer_lines[0].external_id, "line-1")
        self.assertEqual(list(world.store["customers"].values()), [3])
        self.assertRegex(world.log_lines[0], r"^offer .*: 4998\.00 EUR, number 3, attempt 1$")

    def test_wrong_sum_is_rejected(self) -> None:
        world = World()
        event = world.event("fixtures/good.json")
        event.value.payload.offer.total_price.value = 1

        with self.assertRaisesRegex(Reject, "the lines come to 499800, not 1"):
            world.run(app.handle, event)
        self.assertEqual((world.sent, world.store), ([], {}))

    def test_paused_plugin_retries(self) -> None:
        world = World(settings={"paused": "yes"})
        with self.assertRaises(Retry) as raised:
            world.run(app.handle, world.event("fixtures/paused.json"))
        self.assertEqual(raised.exception.after, timedelta(minutes=1))

    def test_other_event_is_logged(self) -> None:
        world = World()
        world.run(app.handle, world.event("fixtures/other.json"), event_type="topi_saas.offer.expired")
        self.assertEqual(world.log_lines, ["debug: no handler for topi_saas.offer.expired"])


if __name__ == "__main__":
    unittest.main()
