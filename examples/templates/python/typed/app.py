"""Handles the events of {{provider.kebab}}. Remove the cases that you do not need: they then arrive as `Other`."""

from gen.{{namespace.snake}} import (
    Event,
    # @each
    {{case.pascal}},
    # @end
    # @each bare
    {{case.pascal}},
    # @end
    # @other
    Other,
    # @end
)
from hookyard import Delivery, Reject, log, plugin


@plugin
def handle(event: Event, delivery: Delivery) -> None:
    if delivery.provider != "{{provider.kebab}}":
        raise Reject(f"this plugin takes no events of {delivery.provider}")

    match event:
        # @each
        case {{case.pascal}}(it):
            log.info(f"{{case.kebab}} {delivery.event_id}")
        # @end
        # @each bare
        case {{case.pascal}}():
            log.info(f"{{case.kebab}} {delivery.event_id}")
        # @end
        # @other
        case Other():
            log.debug(f"no handler for {delivery.event_type}")
        # @end
