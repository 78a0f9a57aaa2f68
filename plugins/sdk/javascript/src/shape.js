// The engines represent some values differently: QuickJS has numbers for s64 and u64 and null for `none`, and
// StarlingMonkey has typed arrays for lists of numbers. This file makes them bigint, undefined and arrays, by the shapes
// that the generator writes from the WIT, and refuses an integer that QuickJS has rounded.

const NUMBER = /^[usf]\d+$/;
const EXACT = 'is more than QuickJS holds exactly; set engine = "starling"';

/** Returns a function that lifts values of a shape, or undefined where nothing is to be changed. */
export function lifter(shape, types, made = new Map()) {
  if (shape === "s64" || shape === "u64") return exact;
  if (typeof shape === "string") return named(shape, types, made);

  const [kind] = Object.keys(shape);
  const make = (inner) => lifter(inner, types, made);
  if (kind === "option") return option(shape.option, make(shape.option));
  if (kind === "list") return list(shape.list, make(shape.list));
  if (kind === "tuple") return fields(shape.tuple.map((inner, at) => [at, make(inner)]), (at) => `[${at}]`);
  if (kind === "record") return fields(Object.entries(shape.record).map(([name, inner]) => [name, make(inner)]), (name) => `.${name}`);
  if (kind === "variant") return variant(new Map(Object.entries(shape.variant).map(([tag, inner]) => [tag, inner && make(inner)])));
  return undefined;
}

function named(name, types, made) {
  if (!(name in types)) return undefined;
  if (!made.has(name)) made.set(name, lifter(types[name], types, made));
  return made.get(name);
}

function exact(value, path) {
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new RangeError(`${path.slice(1)} ${EXACT}`);
  return BigInt(value);
}

function option(shape, lift) {
  if (typeof shape === "object" && "option" in shape) return undefined; // the engines wrap an option of an option
  return (value, path) => (value === null || value === undefined ? undefined : lift ? lift(value, path) : value);
}

function list(shape, lift) {
  if (lift) return (values, path) => Array.from(values, (value, at) => lift(value, `${path}[${at}]`));
  return shape !== "u8" && NUMBER.test(shape) ? (values) => Array.from(values) : undefined;
}

function fields(all, step) {
  const lifted = all.filter(([, lift]) => lift);
  if (lifted.length === 0) return undefined;
  return (value, path) => {
    for (const [name, lift] of lifted) value[name] = lift(value[name], path + step(name));
    return value;
  };
}

function variant(cases) {
  if (![...cases.values()].some(Boolean)) return undefined;
  return (value, path) => {
    const lift = cases.get(value.tag);
    return lift ? { tag: value.tag, val: lift(value.val, path) } : value;
  };
}

/** Makes the bigints of a value numbers, because QuickJS takes no bigint. */
export function lower(value, path) {
  if (typeof value === "bigint") {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new RangeError(`${path} ${EXACT}`);
    return number;
  }
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map((item, at) => lower(item, `${path}[${at}]`));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, lower(item, `${path}.${name}`)]));
}
