import { bucket, log, minorUnits, plugin, Reject, Retry, setting } from "@hookyard/sdk";
import { offerAccepted } from "../gen/topi-saas.js";
import { lineIds, sumOf } from "./lines.js";

/** @import { Event } from "../gen/topi-saas.js" */
/** @import { Bucket, TypedHandler } from "@hookyard/sdk" */

/** @type {Bucket<number>} */
const customers = bucket("customers");

/** @type {TypedHandler<Event>} */
export const handler = plugin({
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
