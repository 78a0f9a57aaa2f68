import { log, plugin, Reject } from "@hookyard/sdk";

/** @import { Event } from "../gen/{{namespace.kebab}}.js" */
/** @import { Delivery, TypedHandler } from "@hookyard/sdk" */

/** @type {TypedHandler<Event>} */
export const handler = plugin({
  // @each
  "{{case.kebab}}"(event, delivery) {
    logged("{{case.kebab}}", delivery);
  },
  // @end
  // @each bare
  "{{case.kebab}}"(_, delivery) {
    logged("{{case.kebab}}", delivery);
  },
  // @end
  // @other
  other(_text, delivery) {
    logged(`other ${delivery.eventType}`, delivery);
  },
  // @end
});

/**
 * @param {string} name
 * @param {Delivery} delivery
 */
function logged(name, { eventId, key }) {
  // A rejected event is not tried again; `Retry` would have the host try again later.
  if (!key) throw new Reject("the event has no key");
  log.info(`${name} ${eventId}`);
}
