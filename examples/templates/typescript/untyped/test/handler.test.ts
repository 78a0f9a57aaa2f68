import assert from "node:assert/strict";
import { test } from "node:test";
import { Reject } from "@hookyard/sdk";
import { world } from "@hookyard/sdk/testing";
import { handler } from "../src/handler.js";

test("the length of the body is logged", () => {
  const it = world();
  it.run(handler, { headers: [], body: new TextEncoder().encode("hello") });
  assert.match(it.log[0]?.text ?? "", /: 5 bytes$/);
});

test("an empty body is rejected", () => {
  assert.throws(() => world().run(handler, { headers: [], body: new Uint8Array() }), Reject);
});
