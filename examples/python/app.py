"""Accepts the offers whose lines add up to their total, and counts the offers of each customer."""

from datetime import timedelta

from gen.topi_saas import AcceptedByUserPayload, Event, OfferAcceptedByUser, Other, outgoing
from hookyard import Bucket, Delivery, Reject, Retry, log, minor_units, plugin, setting

customers = Bucket("customers")


@plugin
def handle(event: Event, delivery: Delivery) -> None:
    match event:
        case OfferAcceptedByUser(accepted):
            accept(accepted.payload, delivery)
        case Other():
            log.debug(f"no handler for {delivery.event_type}")


def accept(offer: AcceptedByUserPayload, delivery: Delivery) -> None:
    total = offer.offer.total_price
    amount = sum(line.price.value for line in offer.offer.offer_lines)
    if amount != total.value:
        raise Reject(f"the lines come to {amount}, not {total.value}")
    if setting("paused"):
        raise Retry("paused in [config]", after=timedelta(minutes=1))

    seen = customers.increment(offer.end_customer.end_customer_id)
    price = f"{minor_units(amount)} {total.currency}"
    log.info(f"offer {offer.offer_id}: {price}, number {seen}, attempt {delivery.attempt}")
    outgoing.offer_accepted(answer(offer))


def answer(offer: AcceptedByUserPayload) -> outgoing.OfferAcceptedPayload:
    """Returns our acceptance of the offer, with our own id for each line."""
    numbers = range(1, len(offer.offer.offer_lines) + 1)
    return outgoing.OfferAcceptedPayload(
        offer_id=offer.offer_id,
        offer=outgoing.AcceptedOffer([outgoing.AcceptedLine(f"line-{number}") for number in numbers]),
        end_customer=offer.end_customer,
        user=offer.user,
    )
