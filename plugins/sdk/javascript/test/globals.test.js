import assert from "node:assert/strict";
import { test } from "node:test";

// What QuickJS does not have.
for (const name of ["crypto", "fetch", "TextDecoder", "TextEncoder"]) delete globalThis[name];
Uint8Array.prototype.toHex ??= function () { return Buffer.from(this).toString("hex"); };
Uint8Array.prototype.toBase64 ??= function () { return Buffer.from(this).toString("base64"); };
Uint8Array.fromBase64 ??= (text) => new Uint8Array(Buffer.from(text, "base64"));
String.prototype.toWellFormed ??= function () { return this; };

let next = 0;
const { engine, provide } = await import("../src/host.js");
provide({ "wasi:random/random": { getRandomBytes: (length) => new Uint8Array(length).fill((next += 1)) } });
engine.integer = Number;
await import("../src/globals.js");
const { writeTo } = await import("../src/log.js");

test("console writes lines with levels", () => {
  console.log("before the first event", { a: 1n });
  const lines = [];
  writeTo((level, line) => lines.push(`${level}: ${line}`));
  console.warn("two\nlines");
  console.assert(1 === 2, "wrong");
  assert.deepEqual(lines, ['info: before the first event {"a":1}', "warn: two", "warn: lines", "error: assertion failed: wrong"]);
});

test("UTF-8 works without the engine's own", () => {
  const text = "é🚚\u0000日本";
  const bytes = new TextEncoder().encode(text);
  assert.deepEqual(Buffer.from(bytes), Buffer.from(text));
  assert.equal(new TextDecoder().decode(bytes), text);
  assert.equal(new TextDecoder().decode(bytes.buffer), text);
  assert.throws(() => new TextDecoder().decode(new Uint8Array([255])));
});

test("random numbers come from the host", () => {
  assert.deepEqual([...crypto.getRandomValues(new Uint16Array(1))], [0x0101]);
  assert.equal(crypto.randomUUID(), "02020202-0202-4202-8202-020202020202");
});
