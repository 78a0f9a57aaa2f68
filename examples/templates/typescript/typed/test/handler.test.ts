import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { Reject } from "@hookyard/sdk";
import { event, world } from "@hookyard/sdk/testing";
import { handler } from "../src/handler.js";

const fixtures = readdirSync("fixtures").map((name) => `fixtures/${name}`);

for (const fixture of fixtures) {
  test(`${fixture} is logged`, () => {
    const it = world();
    it.run(handler, event(fixture));
    assert.equal(it.log.length, 1);
  });
}

test("an event without a key is rejected", () => {
  const it = world({ delivery: { key: "" } });
  // @first
  assert.throws(() => it.run(handler, event("fixtures/{{case.kebab}}.json")), Reject);
  // @end
});
