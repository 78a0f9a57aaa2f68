import { call, close, engine } from "./host.js";
import { HostError } from "./outcome.js";
import { decode, encode } from "./text.js";

const STORE = "wasi:keyvalue/store";
const ATOMICS = "wasi:keyvalue/atomics";

/** A bucket of the plugin's key-value store. Values are JSON. */
export function bucket(name) {
  return new Bucket(name);
}

class Bucket {
  constructor(name) {
    this.name = name;
  }

  get(key) {
    const bytes = this.getBytes(key);
    return bytes && this.#parsed(key, bytes);
  }

  set(key, value) {
    const json = JSON.stringify(value, storable);
    if (json === undefined) throw new TypeError(`${this.name}/${key}: undefined cannot be stored; use delete`);
    this.setBytes(key, encode(json));
  }

  getBytes(key) {
    return this.#use((bucket) => bucket.get(key)) ?? undefined;
  }

  setBytes(key, bytes) {
    this.#use((bucket) => bucket.set(key, bytes));
  }

  delete(key) {
    this.#use((bucket) => bucket.delete(key));
  }

  exists(key) {
    return this.#use((bucket) => bucket.exists(key));
  }

  keys() {
    const keys = [];
    let cursor;
    do {
      const page = this.#use((bucket) => bucket.listKeys(cursor));
      keys.push(...page.keys);
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
    return keys;
  }

  /** Adds to a number, and returns the new number. */
  increment(key, by = 1) {
    const sum = this.#use((bucket) => call(ATOMICS, (atomics) => atomics.increment(bucket, key, engine.integer(by)), "store"));
    if (!Number.isSafeInteger(Number(sum))) throw new HostError(`store: ${this.name}/${key} is more than a number holds exactly`);
    return Number(sum);
  }

  /** Changes a value. If another attempt changes the key meanwhile, the host runs the handler again. */
  update(key, change) {
    const value = change(this.get(key));
    this.set(key, value);
    return value;
  }

  #use(action) {
    return call(STORE, (store) => {
      const bucket = store.open(this.name);
      try {
        return action(bucket);
      } finally {
        close(bucket);
      }
    });
  }

  #parsed(key, bytes) {
    try {
      return JSON.parse(decode(bytes));
    } catch {
      throw new HostError(`store: the value of ${this.name}/${key} is not JSON`);
    }
  }
}

function storable(_key, value) {
  if (typeof value !== "bigint") return value;
  if (!Number.isSafeInteger(Number(value))) {
    throw new TypeError(`${value} is more than a number in JSON holds exactly; store it as a text`);
  }
  return Number(value);
}
