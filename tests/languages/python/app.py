"""Does what the `offer_id` of the event says; tests/languages drives the same behaviours in every language."""

from datetime import timedelta
from typing import Any

from gen.topi_saas import AcceptedByUserPayload, Event, OfferAcceptedByUser, Other, outgoing
from hookyard import Bucket, Delivery, Reject, Retry, http, log, plugin, respond_json, send_json, setting

counts = Bucket("counts", int)
values: Bucket[Any] = Bucket("values")


@plugin
def handle(event: Event, delivery: Delivery) -> None:
    match event:
        case OfferAcceptedByUser(accepted):
            behave(accepted.payload, delivery)
        case Other():
            log.info(f"other {delivery.event_type}")


def behave(offer: AcceptedByUserPayload, delivery: Delivery) -> None:
    lines = offer.offer.offer_lines
    match offer.offer_id:
        case "sum":
            log.info(f"sum {sum(line.price.value for line in lines)}")
        case "title":
            title = lines[0].title or ""
            log.info(f"title {len(title.encode())} {title[:12]}")
        case "lines":
            log.info(f"lines {len(lines)}")
        case "optional":
            log.info(f"company {offer.end_customer.company_name or 'none'}")
        case "delivery":
            origin = f"{delivery.tenant}/{delivery.source} {delivery.provider}"
            log.info(f"delivery {origin} {delivery.event_type} {delivery.attempt}")
        case "reject":
            raise Reject("asked to reject")
        case "retry":
            raise Retry("asked to retry", after=timedelta(seconds=60))
        case "trap":
            trap()
        case "host-error":
            send_json("nowhere", {})
        case "log":
            log_levels()
        case "count":
            log.info(f"count {counts.increment('offers')}")
        case "values":
            use_values()
        case "update":
            log.info(f"update {counts.update('updates', lambda count: (count or 0) + 1)}")
        case "setting":
            log.info(f"setting {setting('mode') or 'none'}")
        case "send":
            send_json("raw", {"hello": "wörld"}, ordering_key="k")
        case "respond":
            respond_json({"hello": "wörld"}, status=201, headers={"X-Pot": "round"})
        case "answer":
            outgoing.offer_declined(outgoing.OfferDeclinedPayload(offer.offer_id, None, "asked to"))
        case "http":
            answer = http.get(setting("url") or "")
            log.info(f"http {answer.status} {answer.text()}")
        case unknown:
            raise Reject(f"unknown behaviour {unknown}")


def trap() -> None:
    def nested() -> None:
        raise RuntimeError("asked to trap")

    nested()


def log_levels() -> None:
    log.trace("level trace")
    log.debug("level debug")
    log.info("level info")
    log.warn("level warn")
    log.error("level error")
    print("printed")


def use_values() -> None:
    values.set("a", [1, 2])
    values.set("b", "é")
    before, keys = values.exists("b"), ",".join(sorted(values.keys()))
    values.delete("b")
    shown = str(values.get("a")).replace(" ", "")
    log.info(f"values {shown} {str(before).lower()} {keys} {str(values.exists('b')).lower()}")
