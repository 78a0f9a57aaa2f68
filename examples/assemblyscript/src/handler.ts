// Accepts the offers whose lines add up to their total, and counts the offers of each customer.

import { area, Level, loadOptionalString, loadString, log, storeString } from "./abi";
import { Acceptance, hostError, increment, offerAccepted, setting } from "./host";

export { cabi_realloc } from "./abi";

/**
 * Handles an event. `parameters` is the address of `delivery` (12 bytes and their padding) and `event`, because they
 * have more than 16 values. The result is the address of `result<_, failure>`.
 */
export function handle(parameters: usize): usize {
  const attempt = load<u32>(parameters);
  const event = parameters + 16; // aligned to 8 bytes, as the s64 in it

  if (load<u8>(event) != 0) {
    const type = loadOptionalString(parameters + 4);
    log(Level.Debug, `no handler for ${type ? type : "an event without a type"}`);
    return done();
  }
  return accept(new Offer(event + 8), attempt);
}

/** An accepted offer: the places of its fields follow from wit/deps/topi-saas. */
class Offer {
  constructor(private at: usize) {}

  get id(): string { return loadString(this.at); }
  get lineCount(): i32 { return load<i32>(this.at, 12); }
  get total(): i64 { return load<i64>(this.at, 16); }
  get currency(): string { return loadString(this.at + 24); }
  get customerId(): string { return loadString(this.at + 32); }
  get userId(): string | null { return loadOptionalString(this.at + 40); }

  /** Returns the price of a line: list<record { record { s64, string } }>, 16 bytes each. */
  price(index: i32): i64 { return load<i64>(load<usize>(this.at, 8) + 16 * index); }
}

function accept(offer: Offer, attempt: u32): usize {
  let sum: i64 = 0;
  for (let index = 0; index < offer.lineCount; index++) {
    const price = offer.price(index);
    if (price > 0 ? sum > i64.MAX_VALUE - price : sum < i64.MIN_VALUE - price) return reject("the sum is too large");
    sum += price;
  }
  if (sum != offer.total) return reject(`the lines come to ${sum}, not ${offer.total}`);
  if (setting("paused")) return retry("paused in [config]", 60_000);

  const number = increment("customers", offer.customerId, 1);
  if (hostError.length > 0) return retry(hostError, -1);
  log(Level.Info, `offer ${offer.id}: ${minorUnits(sum)} ${offer.currency}, number ${number}, attempt ${attempt}`);

  const lines: string[] = [];
  for (let index = 1; index <= offer.lineCount; index++) lines.push(`line-${index}`);
  offerAccepted(new Acceptance(offer.id, lines, offer.customerId, offer.userId));
  return hostError.length > 0 ? retry(hostError, -1) : done();
}

/** Returns `49.98` for 4998. */
function minorUnits(value: i64): string {
  const sign = value < 0 ? "-" : "";
  const units = value < 0 ? 0 - <u64>value : <u64>value;
  return `${sign}${units / 100}.${(units % 100).toString().padStart(2, "0")}`;
}

// result<_, failure>: whether it failed at 0, the case of the failure at 8, its payload at 16; 40 bytes.

function done(): usize {
  return area(40);
}

function reject(reason: string): usize {
  const result = area(40);
  store<u8>(result, 1);
  store<u8>(result, 1, 8);
  storeString(result + 16, reason);
  return result;
}

/** `after` is in milliseconds; with a negative one, the source's schedule decides. */
function retry(reason: string, after: i64): usize {
  const result = area(40);
  store<u8>(result, 1);
  storeString(result + 16, reason); // retry: record { reason at 16, after: option<u64> at 24, its value at 32 }
  store<u8>(result, after >= 0 ? 1 : 0, 24);
  store<i64>(result, after, 32);
  return result;
}
