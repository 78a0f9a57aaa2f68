import { log } from "./log.js";
import { decode } from "./text.js";

/** A handler of typed events: a function for each case of the event that the plugin handles. */
export function plugin(cases) {
  return function handler(event, delivery) {
    if (Object.hasOwn(cases, event.tag)) return cases[event.tag](event.val, delivery);
    log.debug(`no case for ${delivery.eventType ?? event.tag}`);
  };
}

/** A handler of events as bytes. */
export function untyped(handle) {
  return function handler(message, delivery) {
    return handle(new Message(message), delivery);
  };
}

class Message {
  #text;

  constructor({ headers, body }) {
    this.headers = headers;
    this.body = body;
  }

  text() {
    return (this.#text ??= decode(this.body));
  }

  json() {
    return JSON.parse(this.text());
  }

  /** The first value of a header, or undefined. */
  header(name) {
    const found = this.headers.find((header) => header.name === name.toLowerCase());
    return found && decode(found.value);
  }
}
