import assert from "node:assert/strict";
import { test } from "node:test";
import { HostError, Reject, Retry, bucket, log, send } from "../src/index.js";
import { serve } from "../src/serve.js";

const written = [];
const stream = (name) => ({ blockingWriteAndFlush: (bytes) => written.push(`${name}: ${Buffer.from(bytes)}`) });

/** The imports of a component. `exit` throws, because nothing runs after it. */
const imports = {
  "wasi:cli/exit": { exit: (status) => { throw { exited: status.tag }; } },
  "wasi:cli/stdout": { getStdout: () => stream("stdout") },
  "wasi:cli/stderr": { getStderr: () => stream("stderr") },
  "hookyard:plugin/outbox": { send: () => { throw Object.assign(new Error("x"), { payload: { tag: "no-such-destination" } }); } },
};
const given = { eventId: "e-1", tenant: "acme", source: "s", provider: "p", eventType: null, key: "k", attempt: 1, receivedAt: 1_767_225_600_000 };
const shapes = { engine: "quickjs", event: "Event", types: { Event: { variant: { paid: { record: { amount: "s64", note: { option: "string" } } } } } } };
const paid = (amount = 5) => ({ tag: "paid", val: { amount, note: null } });

/** Runs a handler as QuickJS does, and returns what leaves the component and what it wrote. */
function run(handler, input = paid()) {
  written.length = 0;
  try {
    serve(handler, { imports, shapes }).handle(given, input);
    return "done";
  } catch (left) {
    return left;
  }
}

test("values of the engine become values of the SDK", () => {
  let seen;
  assert.equal(run((event, delivery) => void (seen = [event, delivery])), "done");
  assert.deepEqual(seen[0], { tag: "paid", val: { amount: 5n, note: undefined } });
  assert.equal(seen[1].eventType, undefined);
  assert.equal(seen[1].receivedAt.toISOString(), "2026-01-01T00:00:00.000Z");
});

test("errors become the outcomes that the host knows", () => {
  const throws = (error) => () => { throw error; };
  assert.deepEqual(run(throws(new Reject("no"))), { tag: "reject", val: "no" });
  assert.deepEqual(run(throws(new Retry("later", { after: "60s" }))), { tag: "retry", val: { reason: "later", after: 60_000 } });
  assert.deepEqual(run(throws(new Retry("later"))), { tag: "retry", val: { reason: "later", after: undefined } });
  assert.deepEqual(run(throws(new HostError("down"))), { tag: "retry", val: { reason: "down", after: undefined } });
  assert.deepEqual(run(() => send("nowhere", "x")), { tag: "retry", val: { reason: 'outbox: no destination "nowhere" is granted', after: undefined } });
  assert.deepEqual(run(() => bucket("b").get("k")), { tag: "retry", val: { reason: "store: the world in wit/plugin.wit does not import wasi:keyvalue/store", after: undefined } });
});

test("other errors end the component with the message last", () => {
  assert.deepEqual(run(() => { throw new TypeError("wrong", { cause: new Error("inside") }); }), { exited: "err" });
  const lines = written.join("").replaceAll("stderr: ", "").trimEnd().split("\n");
  assert.equal(lines.at(-1), "TypeError: wrong");
  assert.ok(lines.slice(0, -1).every((line) => line.startsWith("    ")), written.join(""));
  assert.ok(lines.includes("    caused by Error: inside"));
});

test("an integer that the engine rounded is refused", () => {
  assert.deepEqual(run(() => {}, paid(2 ** 53)), { exited: "err" });
  assert.match(written.at(-1), /RangeError: amount is more than QuickJS holds exactly; set engine = "starling"\n$/);
});

test("promises are refused, also those that nobody returns", () => {
  for (const handler of [async () => {}, () => void Promise.resolve(1).then(() => {}), () => void new Promise(() => {})]) {
    assert.deepEqual(run(handler), { exited: "err" });
    assert.match(written.at(-1), /QuickJS runs no code after an await/);
  }
  assert.equal(run(() => {}), "done", "the next event is not affected");
});

test("log lines have their level where logging is not imported", () => {
  run(() => {
    log.info("one\ntwo");
    log.warn("three");
    log.error("four");
  });
  assert.deepEqual(written, ["stdout: one\n", "stdout: two\n", "stdout: warn: three\n", "stderr: error: four\n"]);
});
