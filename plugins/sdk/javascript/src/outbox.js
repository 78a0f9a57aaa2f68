import { call } from "./host.js";
import { encode } from "./text.js";

/** Sends a body to a destination. Returns the id of the message. */
export function send(destination, body, orderingKey = undefined) {
  const bytes = typeof body === "string" ? encode(body) : body;
  return call("hookyard:plugin/outbox", (outbox) => outbox.send(destination, bytes, orderingKey), "outbox", destination);
}

/** Sends a value as JSON. */
export function sendJson(destination, value, orderingKey = undefined) {
  return send(destination, JSON.stringify(value), orderingKey);
}
