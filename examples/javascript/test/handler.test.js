import assert from "node:assert/strict";
import { test } from "node:test";
import { Reject, Retry } from "@hookyard/sdk";
import { event, world } from "@hookyard/sdk/testing";
import { handler } from "../src/handler.js";

test("a good offer is accepted", () => {
  const it = world();
  it.run(handler, event("fixtures/good.json"));

  assert.equal(it.sent[0].event, "offerAccepted");
  assert.deepEqual(it.sent[0].payload.offer.offerLines, [{ externalId: "line-1" }]);
  assert.equal(Object.values(it.store["customers"] ?? {})[0], 1);
});

test("a wrong sum is rejected", () => {
  const it = world();
  const wrong = event("fixtures/good.json", (offer) => (offer.payload.offer.totalPrice.value = 1n));

  assert.throws(() => it.run(handler, wrong), new Reject("the lines come to 499800, not 1"));
  assert.deepEqual(it.sent, []);
  assert.deepEqual(it.store, {});
});

test("a paused plugin tries again later", () => {
  const it = world({ settings: { paused: "yes" } });
  assert.throws(() => it.run(handler, event("fixtures/good.json")), Retry);
});

test("other events are done", () => {
  const it = world();
  it.run(handler, event("fixtures/other.json"));
  assert.deepEqual(it.sent, []);
});
