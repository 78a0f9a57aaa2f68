// The functions that the host offers. The component provides the imports of its world, and a unit test provides fakes.
import { HostError } from "./outcome.js";

const interfaces = new Map();
let others = () => undefined;
let current = { eventId: "", requests: 0 };

/** Makes interfaces available, by their name without a version. */
export function provide(modules) {
  for (const [name, functions] of Object.entries(modules)) interfaces.set(name, functions);
}

/** Makes every interface available whose name no other call named. */
export function provideOthers(find) {
  others = find;
}

export function offered(name) {
  return interfaces.get(name) ?? others(name);
}

export function begin(eventId) {
  current = { eventId, requests: 0 };
}

/** A key for the next request of this attempt. It is the same when the attempt is made again. */
export function requestKey() {
  current.requests += 1;
  return `${current.eventId}-${current.requests}`;
}

/** Calls a function of the host. An error that the host returns is thrown as a HostError. */
export function call(name, use, part = name.slice(name.lastIndexOf("/") + 1), destination = undefined) {
  if (interfaces.size === 0) throw new Error(`${part}: the host can be called only while an event is handled`);
  const functions = offered(name);
  if (!functions) throw new HostError(`${part}: the world in wit/plugin.wit does not import ${name}`);

  try {
    return use(functions);
  } catch (error) {
    if (error?.payload === undefined) throw error;
    throw new HostError(`${part}: ${words(error.payload, destination)}`);
  }
}

/** Sends an event of a provider. The generated functions call this. */
export function sendEvent(name, event, values, destination) {
  const lowered = values.map((value) => engine.lower(value, event));
  return call(name, (outgoing) => outgoing[event](...lowered), "outbox", destination);
}

/** How the engine represents values: `serve` changes it for QuickJS, whose 64-bit integers are numbers. */
export const engine = { lower: (value) => value, integer: BigInt };

/** Gives a resource back to the host, which limits how many are open. */
export function close(resource) {
  resource[Symbol.dispose]?.();
}

function words(payload, destination) {
  if (typeof payload === "string") return payload;
  if (payload.tag === "no-such-destination") {
    return destination === undefined ? "no destination for this event is granted" : `no destination "${destination}" is granted`;
  }

  const name = payload.tag.replaceAll("-", " ");
  return typeof payload.val === "string" ? (payload.tag === "other" ? payload.val : `${name}: ${payload.val}`) : name;
}
