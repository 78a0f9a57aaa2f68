"""Handles any event as the bytes that the sender wrote."""

from hookyard import Delivery, Message, Reject, log, untyped


@untyped
def handle(message: Message, delivery: Delivery) -> None:
    if not message.body:
        raise Reject("the body is empty")  # a rejected event is not tried again
    log.info(f"{delivery.event_type or 'event'} {delivery.event_id}: {len(message.body)} bytes")
