import { log, plugin, Reject, type Delivery } from "@hookyard/sdk";
import type { Event } from "../gen/{{namespace.kebab}}.js";

export const handler = plugin<Event>({
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

function logged(name: string, { eventId, key }: Delivery) {
  // A rejected event is not tried again; `Retry` would have the host try again later.
  if (!key) throw new Reject("the event has no key");
  log.info(`${name} ${eventId}`);
}
