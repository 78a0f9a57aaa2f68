import { call } from "./host.js";
import { encode } from "./text.js";

/** Answers the request that brought the event, if its source has `ack = "responder"`. */
export function respond({ status = 200, headers = {}, body = "" }) {
  const response = {
    status,
    headers: Object.entries(headers).map(([name, value]) => ({ name, value: String(value) })),
    body: typeof body === "string" ? encode(body) : body,
  };
  call("hookyard:plugin/responder", (responder) => responder.respond(response));
}

/** Answers with a value as JSON. */
export function respondJson(value, { status = 200, headers = {} } = {}) {
  respond({ status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(value) });
}
