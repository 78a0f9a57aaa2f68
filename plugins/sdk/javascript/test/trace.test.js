import assert from "node:assert/strict";
import { test } from "node:test";
import { trace } from "../src/trace.js";

const frames = (...lines) => ({ stack: lines.join("\n") });

test("without a map the engine's frames are shown", () => {
  assert.deepEqual(trace(frames("TypeError: x", "    at f (/bundle.js:1:2)")), ["    at f (/bundle.js:1:2)"]);
  assert.deepEqual(trace("text"), []);
});

test("frames of both engines name the author's files", () => {
  // Line 1 is of the SDK. Line 2: column 0 is src/a.ts:1:1, column 10 is src/a.ts:5:3.
  globalThis[Symbol.for("hookyard.map")]({
    file: "bundle.js",
    sources: ["src/a.ts"],
    mappings: ";AAAA,UAIE",
    lines: 64,
    states: [[0, 0, 0, 0]],
  });

  assert.deepEqual(trace(frames("    at f (/build/bundle.js:2:12)", "    at <anonymous> (/build/bundle.js:2:3)", "    at run (/build/bundle.js:1:1)")), [
    "    at f (src/a.ts:5:3)",
    "    at <anonymous> (src/a.ts:1:1)",
  ]);
  assert.deepEqual(trace(frames("f@build/bundle.js:2:12", "handle@/tmp/initializer.js:9:9")), ["    at f (src/a.ts:5:3)"]);
});

test("frames of the SDK and of the engine are left out", () => {
  assert.deepEqual(trace(frames("    at run (/build/bundle.js:1:1)", "    at handle (native.js:1:1)")), []);
});

test("a map that does not fit shows the engine's frames", () => {
  const map = { file: "bundle.js", sources: [], lines: 64 };
  globalThis[Symbol.for("hookyard.map")](map);
  assert.deepEqual(trace(frames("    at f (/build/bundle.js:2:12)")), ["    at f (/build/bundle.js:2:12)"]);
  globalThis[Symbol.for("hookyard.map")]({ ...map, sources: ["src/a.ts"], mappings: ";AAAA", states: [[0, 0, 0, 0]] });
});

test("a long trace is cut", () => {
  assert.equal(trace(frames(...Array(100).fill("f@build/bundle.js:2:1"))).length, 20);
});
