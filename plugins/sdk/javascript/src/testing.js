// Unit tests without WebAssembly: the handler runs in Node, and the world stands for the host.
import { readEvent, readShapes } from "./fixture.js";
import { begin, provide, provideOthers } from "./host.js";
import { writeTo } from "./log.js";
import { HostError } from "./outcome.js";
import { asyncRefused } from "./promises.js";

/** Reads the event of a fixture as the handler receives it. `edit` changes the value of its case. */
export function event(path, edit = () => {}) {
  const read = readEvent(path);
  edit(read.val ?? read);
  return read;
}

/** Makes a world with settings, stored values, answers to requests, and facts about the delivery. */
export function world(options = {}) {
  return new World(options);
}

const DELIVERY = {
  eventId: "01a22cd3-e635-7489-86b6-ade9ade995df",
  tenant: "acme",
  source: "offers",
  provider: "test",
  eventType: undefined,
  key: "event-1",
  attempt: 1,
  receivedAt: new Date("2026-01-01T00:00:00Z"),
};

class World {
  #buckets;
  #messages = [];
  #response;

  constructor({ settings = {}, store = {}, destinations, http, asksResponse, delivery = {} }) {
    Object.assign(this, { settings, destinations, http, asksResponse, sent: [], response: undefined, log: [] });
    this.delivery = { ...DELIVERY, ...delivery };
    this.#buckets = new Map(Object.entries(store).map(([name, values]) => [name, bytesOf(values)]));
  }

  /** The stored values, by bucket and key. */
  get store() {
    return Object.fromEntries([...this.#buckets].map(([name, values]) => [name, valuesOf(values)]));
  }

  /** Runs a handler. If it throws, its effects are dropped, as the host does. */
  run(handler, input) {
    const before = new Map([...this.#buckets].map(([name, values]) => [name, new Map(values)]));
    this.#messages = [];
    this.#response = undefined;
    this.#provide();
    const commit = () => {
      this.sent.push(...this.#messages);
      this.response = this.#response;
    };
    const drop = (error) => {
      this.response = undefined;
      this.#buckets = before;
      throw error;
    };

    try {
      const result = handler(input, this.delivery);
      if (typeof result?.then !== "function") return commit();
      if (readShapes().engine === "quickjs") throw asyncRefused();
      return result.then(commit, drop);
    } catch (error) {
      return drop(error);
    }
  }

  #provide() {
    begin(this.delivery.eventId);
    writeTo((level, text) => this.log.push({ level, text }));
    provide({
      "wasi:config/store": { get: (name) => this.settings[name], getAll: () => Object.entries(this.settings) },
      "wasi:keyvalue/store": { open: (name) => this.#bucket(name) },
      "wasi:keyvalue/atomics": { increment },
      "hookyard:plugin/outbox": {
        send: (destination, body, orderingKey) => this.#send(destination, { body: Buffer.from(body).toString(), orderingKey }),
      },
      "hookyard:plugin/responder": { respond: (response) => this.#respond(response) },
      "hookyard:sdk/exchange": { exchange: (request) => this.#answer(request) },
    });
    provideOthers((name) => (name.endsWith("/outgoing") ? this.#outgoing() : undefined));
  }

  #bucket(name) {
    if (!this.#buckets.has(name)) this.#buckets.set(name, new Map());
    const values = this.#buckets.get(name);
    return {
      get: (key) => values.get(key),
      set: (key, bytes) => void values.set(key, bytes),
      delete: (key) => void values.delete(key),
      exists: (key) => values.has(key),
      listKeys: () => ({ keys: [...values.keys()], cursor: undefined }),
    };
  }

  #outgoing() {
    return new Proxy({}, { get: (_, event) => (payload, destination) => this.#send(destination, { event, payload }) });
  }

  #send(destination, message) {
    if (this.destinations && destination !== undefined && !this.destinations.includes(destination)) {
      throw { payload: { tag: "no-such-destination" } };
    }
    this.#messages.push({ destination, ...message });
    return `message-${this.#messages.length}`;
  }

  #respond({ status, headers, body }) {
    if (this.asksResponse === false) throw { payload: { tag: "not-asked" } };
    if (this.#response) throw { payload: { tag: "already" } };
    const fields = headers.map(({ name, value }) => [name.toLowerCase(), value]);
    this.#response = { status, headers: Object.fromEntries(fields), body: Buffer.from(body).toString() };
  }

  #answer(request) {
    const name = `${request.method} ${request.url}`;
    const answer = this.http?.[name];
    if (!answer) throw new HostError(`http: ${name}: HTTP-request-denied; the test has no answer for it`);

    const { status = 200, headers = {}, json, body = json === undefined ? "" : JSON.stringify(json) } = answer;
    return { status, headers: Object.entries(headers), body: new Uint8Array(Buffer.from(body)) };
  }
}

function increment(bucket, key, by) {
  const sum = BigInt(Buffer.from(bucket.get(key) ?? "0").toString()) + by;
  bucket.set(key, new Uint8Array(Buffer.from(String(sum))));
  return sum;
}

function bytesOf(values) {
  return new Map(Object.entries(values).map(([key, value]) => [key, new Uint8Array(Buffer.from(JSON.stringify(value)))]));
}

function valuesOf(values) {
  return Object.fromEntries([...values].map(([key, bytes]) => [key, parsed(Buffer.from(bytes).toString())]));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
