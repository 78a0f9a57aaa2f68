import assert from "node:assert/strict";
import { test } from "node:test";
import { HostError, Reject, Retry, minorUnits } from "../src/index.js";
import { milliseconds } from "../src/outcome.js";
import { lifter, lower } from "../src/shape.js";
import { message, show } from "../src/show.js";
import { decode, encode } from "../src/text.js";

test("amounts are written in minor units", () => {
  for (const [amount, digits, expected] of [
    [4998n, 2, "49.98"],
    [5n, 2, "0.05"],
    [-5, 2, "-0.05"],
    [9223372036854775807n, 2, "92233720368547758.07"],
    [1200n, 0, "1200"],
    [1234n, 3, "1.234"],
  ]) {
    assert.equal(minorUnits(amount, digits), expected);
  }
});

test("durations are read", () => {
  for (const [text, expected] of [[1500, 1500], ["500ms", 500], ["60s", 60_000], ["5m", 300_000], ["2h", 7_200_000], ["1d", 86_400_000]]) {
    assert.equal(milliseconds(text), expected);
  }
  for (const text of ["soon", "1w", "", -1, NaN]) assert.throws(() => milliseconds(text), TypeError);
  assert.equal(new Retry("later", { after: "60s" }).after, 60_000);
  assert.equal(new Retry("later").after, undefined);
});

test("values are shown on one line", () => {
  const loop = {};
  loop.self = loop;
  for (const [value, expected] of [
    ["text", "text"],
    [12n, "12"],
    [undefined, "undefined"],
    [{ big: 9007199254740993n, list: [1n, "x"] }, '{"big":9007199254740993,"list":[1,"x"]}'],
    [new Map([["a", 1]]), '[["a",1]]'],
    [new TypeError("wrong"), "TypeError: wrong"],
    [{ error: new Error("inside") }, '{"error":"Error: inside"}'],
    [loop, "[object Object]"],
  ]) {
    assert.equal(show(value), expected);
  }
});

test("anything that is thrown has a message", () => {
  for (const [error, expected] of [
    [new Reject("no"), "Reject: no"],
    [new HostError("down"), "HostError: down"],
    [new Error("two\n  lines"), "Error: two lines"],
    [new Error(""), "Error"],
    ["text", "uncaught: text"],
    [null, "uncaught: null"],
    [{ tag: "x" }, 'uncaught: {"tag":"x"}'],
  ]) {
    assert.equal(message(error), expected);
  }
});

test("text is encoded and decoded", () => {
  for (const text of ["", "ascii", "é🚚\u0000日本"]) assert.equal(decode(encode(text)), text);
  assert.throws(() => decode(new Uint8Array([255])));
});

const TYPES = {
  Money: { record: { value: "s64", currency: "string" } },
  Event: { variant: { paid: { record: { total: "Money", note: { option: "string" }, lines: { list: "Money" } } }, ping: null, other: "string" } },
};

test("values of QuickJS become exact", () => {
  const lift = lifter("Event", TYPES);
  const paid = (value, note) => ({ tag: "paid", val: { total: { value, currency: "EUR" }, note, lines: [{ value: 1, currency: "EUR" }] } });

  const lifted = lift(paid(2 ** 53 - 1, null), "");
  assert.equal(lifted.val.total.value, 9007199254740991n);
  assert.equal(lifted.val.lines[0].value, 1n);
  assert.equal(lifted.val.note, undefined);
  assert.equal(lift(paid(-5, "x"), "").val.note, "x");
  assert.deepEqual(lift({ tag: "other", val: "{}" }, ""), { tag: "other", val: "{}" });

  const message = 'total.value is more than QuickJS holds exactly; set engine = "starling"';
  assert.throws(() => lift(paid(2 ** 53), ""), new RangeError(message));
});

test("values of StarlingMonkey become arrays", () => {
  const lift = lifter({ record: { numbers: { list: "u32" }, big: { list: "s64" }, raw: { list: "u8" } } }, {});
  const raw = new Uint8Array([1]);
  const lifted = lift({ numbers: new Uint32Array([1, 2]), big: new BigInt64Array([3n]), raw }, "");
  assert.deepEqual(lifted, { numbers: [1, 2], big: [3n], raw });
});

test("options that are none stay undefined in both engines", () => {
  const lift = lifter({ record: { total: { option: "Money" }, list: { option: { list: "s64" } } } }, TYPES);
  for (const none of [null, undefined]) assert.deepEqual(lift({ total: none, list: none }, ""), { total: undefined, list: undefined });
});

test("shapes without such values need no change", () => {
  assert.equal(lifter({ record: { name: "string", list: { list: "bool" }, raw: { list: "u8" } } }, {}), undefined);
});

test("bigints become numbers for QuickJS", () => {
  const bytes = new Uint8Array([1]);
  assert.deepEqual(lower({ a: [1n, { b: -2n }], bytes, none: undefined }, "payload"), { a: [1, { b: -2 }], bytes, none: undefined });
  assert.throws(() => lower({ a: [2n ** 53n] }, "payload"), /^RangeError: payload\.a\[0\] is more than QuickJS holds exactly/);
});
