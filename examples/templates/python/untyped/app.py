"""Handles any event as the bytes that the sender wrote."""

from hookyard import Delivery, Message, Reject, log, untyped


@untyped
def handle(message: Message, delivery: Delivery) -> None:
    try:
        event = message.json()
    except ValueError:
        raise Reject("the body is not JSON") from None

    members = ", ".join(event) if isinstance(event, dict) else type(event).__name__
    log.info(f"{delivery.event_type or 'event'} {delivery.event_id}: {members}")
