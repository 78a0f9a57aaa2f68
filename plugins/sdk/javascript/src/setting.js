import { call } from "./host.js";
import { HostError } from "./outcome.js";

/** A value of [config] in the settings of the plugin, or undefined. */
export function setting(name) {
  return call("wasi:config/store", (store) => store.get(name), "setting") ?? undefined;
}

/** All values of [config]. */
export function settings() {
  return Object.fromEntries(call("wasi:config/store", (store) => store.getAll(), "setting"));
}

setting.number = (name) => as(name, "a number", (text) => (text.trim() === "" ? NaN : Number(text)), Number.isFinite);
setting.boolean = (name) => as(name, "true or false", (text) => ({ true: true, false: false })[text], (it) => it !== undefined);
setting.list = (name) => as(name, "a list", (text) => text.split(",").map((it) => it.trim()).filter(Boolean), () => true);

function as(name, wanted, read, isValid) {
  const text = setting(name);
  if (text === undefined) return undefined;

  const value = read(text);
  if (!isValid(value)) throw new HostError(`setting "${name}" is "${text}", not ${wanted}`);
  return value;
}
