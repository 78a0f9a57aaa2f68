// Fixtures as values of the handler, for unit tests. The host's decoder is the judge; this one knows the same rules as
// far as tests need them.
import { readFileSync } from "node:fs";
import { basename } from "node:path";

/** Reads what the generator wrote from the WIT. Tests run in the plugin's folder. */
export function readShapes() {
  return JSON.parse(readFileSync("gen/shapes.json", "utf8"));
}

/** Reads the event of a fixture. */
export function readEvent(path, shapes = readShapes()) {
  const { event } = JSON.parse(readFileSync(path, "utf8"));
  const text = event.body_text ?? (event.body_base64 === undefined ? JSON.stringify(event.body) : undefined);
  if (!shapes.event) {
    const headers = Object.entries(event.headers ?? {}).map(([name, value]) => ({ name: name.toLowerCase(), value: Buffer.from(value) }));
    return { headers, body: new Uint8Array(Buffer.from(text ?? event.body_base64, text === undefined ? "base64" : "utf8")) };
  }

  const body = event.body ?? JSON.parse(text);
  const cases = shapes.types[shapes.event].variant;
  const tag = caseOf(Object.keys(cases), [basename(path, ".json"), event.type, ...Object.values(body)]);
  if (tag === undefined) return { tag: "other", val: cases.other === "string" ? JSON.stringify(body) : undefined };
  return { tag, val: content(cases[tag], body, shapes.types) };
}

/** Finds the case that a text of the event names: the type of the event ends with the name of its case. */
function caseOf(tags, texts) {
  const names = texts.filter((text) => typeof text === "string").map(plain);
  const longestFirst = tags.filter((tag) => tag !== "other").sort((a, b) => b.length - a.length);
  return longestFirst.find((tag) => names.some((name) => name.endsWith(plain(tag))));
}

/** Decodes the body, or the part of the body that has the content of the event. */
function content(shape, body, types) {
  let failure;
  for (const part of [body, ...Object.values(body)]) {
    try {
      return shape === null ? undefined : decode(shape, part, types, "$");
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

function decode(shape, json, types, path) {
  if (typeof shape === "string") return shape in types ? decode(types[shape], json, types, path) : primitive(shape, json, path);

  const [[kind, inner]] = Object.entries(shape);
  const part = (shape, json, step) => decode(shape, json, types, path + step);
  if (kind === "option") return json === null || json === undefined ? undefined : part(inner, json, "");
  if (kind === "list") return list(inner, json, path, part);
  if (kind === "tuple") return inner.map((shape, at) => part(shape, json[at], `[${at}]`));
  if (kind === "record") return record(inner, json, path, part);
  if (kind === "enum") return inner.find((name) => plain(name) === plain(String(json))) ?? known("other", inner.includes("other"), path);
  if (kind === "flags") return Object.fromEntries(inner.map((name) => [name, json.some((given) => plain(given) === plain(name))]));
  return variant(inner, json, path, part);
}

function list(inner, json, path, part) {
  const items = Array.isArray(json) || !inner.tuple ? json : Object.entries(json ?? {});
  if (!Array.isArray(items)) throw wanted("an array", json, path);
  const values = items.map((item, at) => part(inner, item, `[${at}]`));
  return inner === "u8" ? Uint8Array.from(values) : values;
}

function record(fields, json, path, part) {
  if (typeof json !== "object" || json === null) throw wanted("an object", json, path);
  const given = new Map(Object.entries(json).map(([name, value]) => [plain(name), value]));
  return Object.fromEntries(Object.entries(fields).map(([name, shape]) => [name, part(shape, given.get(plain(name)), `.${name}`)]));
}

function variant(cases, json, path, part) {
  const [name, payload] = typeof json === "string" ? [json] : (Object.entries(json ?? {})[0] ?? []);
  const tag = Object.keys(cases).find((tag) => plain(tag) === plain(name ?? ""));
  if (tag !== undefined) return { tag, val: cases[tag] === null ? undefined : part(cases[tag], payload, `.${tag}`) };

  known("other", "other" in cases, path);
  return { tag: "other", val: cases.other === null ? undefined : part(cases.other, json, "") };
}

function known(name, isKnown, path) {
  if (!isKnown) throw new TypeError(`${path}: no case has this name`);
  return name;
}

function primitive(kind, json, path) {
  if (kind === "string") {
    if (typeof json === "object" && json !== null) return JSON.stringify(json);
    if (typeof json !== "string") throw wanted("a string", json, path);
    return json;
  }
  if (kind === "bool" || kind === "char") {
    if (typeof json !== (kind === "bool" ? "boolean" : "string")) throw wanted(kind, json, path);
    return json;
  }

  if (typeof json !== "number") throw wanted(kind, json, path);
  if (!/64/.test(kind) || kind === "f64") return json;
  if (!Number.isSafeInteger(json)) throw new RangeError(`${path}: set an integer of this size in the test, as a bigint`);
  return BigInt(json);
}

function wanted(what, json, path) {
  const found = json === undefined ? "nothing" : json === null ? "null" : Array.isArray(json) ? "an array" : `a ${typeof json}`;
  return new TypeError(`${path}: found ${found}, wanted ${what}`);
}

function plain(name) {
  return name.replaceAll(/[^A-Za-z0-9]/g, "").toLowerCase();
}
