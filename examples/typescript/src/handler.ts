import { bucket, log, minorUnits, plugin, Reject, Retry, setting } from "@hookyard/sdk";
import { offerAccepted, type Event } from "../gen/topi-saas.js";
import { lineIds, sumOf } from "./lines.js";

const customers = bucket<number>("customers");

export const handler = plugin<Event>({
  "offer-accepted-by-user"({ payload: { offerId, offer, endCustomer, user } }, { attempt }) {
    const sum = sumOf(offer);
    const total = offer.totalPrice;
    if (sum !== total.value) throw new Reject(`the lines come to ${sum}, not ${total.value}`);
    if (setting("paused")) throw new Retry("paused in [config]", { after: "60s" });

    const number = customers.increment(endCustomer.endCustomerId);
    log.info(`offer ${offerId}: ${minorUnits(sum)} ${total.currency}, number ${number}, attempt ${attempt}`);
    offerAccepted({ offerId, offer: { offerLines: lineIds(offer) }, endCustomer, user });
  },
});
