import assert from "node:assert/strict";
import { dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { HostError, Reject, Retry, bucket, http, log, plugin, respond, respondJson, send, setting, settings, untyped } from "../src/index.js";
import { sendEvent } from "../src/host.js";
import { event, world } from "../src/testing.js";

process.chdir(dirname(fileURLToPath(import.meta.url)));

const run = (action, options) => {
  const it = world(options);
  it.result = undefined;
  it.run((_, delivery) => void (it.result = action(delivery)), {});
  return it;
};

test("stored values are JSON", () => {
  const customers = bucket("customers");
  const it = run(() => {
    customers.set("a", { name: "é" });
    customers.set("list", [1n, 2]);
    customers.delete("old");
    return [customers.get("a"), customers.get("none"), customers.exists("old"), customers.keys()];
  }, { store: { customers: { old: 1 } } });

  assert.deepEqual(it.result, [{ name: "é" }, undefined, false, ["a", "list"]]);
  assert.deepEqual(it.store, { customers: { a: { name: "é" }, list: [1, 2] } });
});

test("values that JSON cannot hold are refused", () => {
  assert.throws(() => run(() => bucket("b").set("k", 2n ** 60n)), /store it as a text/);
  assert.throws(() => run(() => bucket("b").set("k", undefined)), /b\/k: undefined cannot be stored/);
  assert.throws(() => run(() => { bucket("b").setBytes("k", new Uint8Array([255])); bucket("b").get("k"); }), new HostError("store: the value of b/k is not JSON"));
});

test("numbers are incremented and updated", () => {
  const counts = bucket("counts");
  const it = run(() => [counts.increment("a"), counts.increment("a", 5), counts.update("a", (n = 0) => n * 2), counts.get("a")]);
  assert.deepEqual(it.result, [1, 6, 12, 12]);
  assert.throws(() => run(() => counts.increment("a", Number.MAX_SAFE_INTEGER), { store: { counts: { a: 5 } } }), HostError);
});

test("settings are read as types", () => {
  const options = { settings: { mode: "on", limit: "12", strict: "true", countries: "DE, AT" } };
  const it = run(() => [setting("mode"), setting("none"), setting.number("limit"), setting.boolean("strict"), setting.list("countries"), settings()], options);
  assert.deepEqual(it.result, ["on", undefined, 12, true, ["DE", "AT"], options.settings]);
  assert.throws(() => run(() => setting.number("mode"), options), new HostError('setting "mode" is "on", not a number'));
  assert.throws(() => run(() => setting.boolean("limit"), options), HostError);
});

test("messages are committed with the outcome", () => {
  const it = run(() => {
    send("raw", "hällo", "k");
    sendEvent("shop:webhooks/outgoing", "offerAccepted", [{ offerId: "o-1" }, undefined]);
  });
  assert.deepEqual(it.sent, [
    { destination: "raw", body: "hällo", orderingKey: "k" },
    { destination: undefined, event: "offerAccepted", payload: { offerId: "o-1" } },
  ]);

  const failing = world();
  assert.throws(() => failing.run(() => { send("raw", "x"); bucket("b").set("k", 1); throw new Reject("no"); }, {}), Reject);
  assert.deepEqual([failing.sent, failing.store], [[], {}]);
});

test("a destination that is not granted is an error of the host", () => {
  const options = { destinations: ["answers"] };
  const error = new HostError('outbox: no destination "nowhere" is granted');
  assert.throws(() => run(() => send("nowhere", "x"), options), error);
  assert.throws(() => run(() => sendEvent("shop:webhooks/outgoing", "paid", [{}, "nowhere"], "nowhere"), options), error);
});

test("the response of a successful run is kept", () => {
  const it = run(() => respondJson({ text: "hällo" }, { status: 201, headers: { "X-Pot": "round" } }));
  assert.deepEqual(it.response, { status: 201, headers: { "content-type": "application/json", "x-pot": "round" }, body: '{"text":"hällo"}' });

  const failing = world();
  assert.throws(() => failing.run(() => { respond({ body: "x" }); respond({ body: "y" }); }, {}), new HostError("responder: already"));
  assert.equal(failing.response, undefined);
  assert.throws(() => run(() => respond({}), { asksResponse: false }), new HostError("responder: not asked"));
});

test("answers to requests decide what becomes of the event", () => {
  const url = "https://api.example.com/v1";
  const answered = (status, headers = {}) => ({ http: { [`GET ${url}`]: { status, headers, json: { a: 1 } } } });

  const it = run(() => http.get(url).orRetry().json(), answered(200));
  assert.deepEqual(it.result, { a: 1 });
  assert.throws(() => run(() => http.get(url).orRetry(), answered(404)), HostError);
  assert.throws(() => run(() => http.get(url)), HostError);
  for (const status of [408, 429, 503]) {
    assert.throws(() => run(() => http.get(url).orRetry(), answered(status, { "Retry-After": "7" })), (error) => error instanceof Retry && error.after === 7000);
  }
});

test("typed events go to their case", () => {
  const seen = [];
  const handler = plugin({
    "order-paid": (order, { attempt }) => void seen.push([order, attempt]),
  });
  const it = world({ delivery: { attempt: 3, eventType: "order.lost" } });
  it.run(handler, event("fixtures/order-paid.json", (order) => void (order.note = "edited")));
  it.run(handler, event("fixtures/other.json"));

  const order = { id: 12n, total: { amount: 5n }, note: "edited", color: "light-blue", tags: [["a", 1]], flags: { first: true, second: false } };
  assert.deepEqual(seen, [[order, 3]]);
  assert.deepEqual(it.log, [{ level: "debug", text: "no case for order.lost" }]);
});

test("a fixture that does not fit names the place", () => {
  assert.throws(() => event("fixtures/order-paid-wrong.json"), /^TypeError: \$\.total\.amount: found a string, wanted u64$/);
});

test("an untyped handler reads the body", () => {
  const it = world();
  const handler = untyped((message) => log.info(message.json(), message.header("X-Kind"), message.text().length));
  it.run(handler, { headers: [{ name: "x-kind", value: Buffer.from("b") }], body: Buffer.from('{"a":1}') });
  assert.deepEqual(it.log, [{ level: "info", text: '{"a":1} b 7' }]);
});

test("an asynchronous handler is refused for QuickJS", () => {
  assert.throws(() => world().run(async () => {}, {}), /QuickJS runs no code after an await/);
});
