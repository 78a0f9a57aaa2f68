import assert from "node:assert/strict";
import { test } from "node:test";
import { trace } from "../src/trace.js";

const frames = (...lines) => ({ stack: lines.join("\n") });

test("without a map the engine's frames are shown", () => {
  assert.deepEqual(trace(frames("TypeError: x", "    at f (/bundle.js:1:2)")), ["    at f (/bundle.js:1:2)"]);
  assert.deepEqual(trace("text"), []);
});

test("frames of both engines name the author's files", () => {
  // Line 1: column 0 is line 3 of the SDK. Line 2: column 0 is src/a.ts:1:1, column 10 is src/a.ts:5:3.
  globalThis[Symbol.for("hookyard.map")]({
    file: "bundle.js",
    sources: ["gen/sdk/src/serve.js", "src/a.ts"],
    mappings: "AAEA;ACFA,UAIE",
  });

  assert.deepEqual(trace(frames("    at f (/build/bundle.js:2:12)", "    at <anonymous> (/build/bundle.js:2:3)", "    at run (/build/bundle.js:1:1)")), [
    "    at f (src/a.ts:5:3)",
    "    at <anonymous> (src/a.ts:1:1)",
  ]);
  assert.deepEqual(trace(frames("f@build/bundle.js:2:12", "handle@/tmp/initializer.js:9:9")), ["    at f (src/a.ts:5:3)"]);
});

test("frames of the SDK alone are left out", () => {
  assert.deepEqual(trace(frames("    at run (/build/bundle.js:1:1)")), []);
});

test("a long trace is cut", () => {
  assert.equal(trace(frames(...Array(100).fill("f@build/bundle.js:2:1"))).length, 20);
});
