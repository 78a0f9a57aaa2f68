// The imports of the plugin. Each function turns a WIT error into a `Retry`.

import { area, data, loadOptionalString, loadString } from "./abi";

// @ts-ignore: decorator
@external("wasi:config/store@0.2.0-rc.1", "get")
declare function configGet(key: usize, keyLength: i32, result: usize): void;

// @ts-ignore: decorator
@external("wasi:keyvalue/store@0.2.0-draft2", "open")
declare function storeOpen(name: usize, nameLength: i32, result: usize): void;

// @ts-ignore: decorator
@external("wasi:keyvalue/store@0.2.0-draft2", "[resource-drop]bucket")
declare function dropBucket(bucket: i32): void;

// @ts-ignore: decorator
@external("wasi:keyvalue/atomics@0.2.0-draft2", "increment")
declare function atomicsIncrement(bucket: i32, key: usize, keyLength: i32, delta: i64, result: usize): void;

// @ts-ignore: decorator
@external("topi-saas:webhooks/outgoing@1.0.0", "offer-accepted")
declare function outgoingOfferAccepted(
  offerId: usize, offerIdLength: i32,
  lines: usize, lineCount: i32,
  customerId: usize, customerIdLength: i32,
  hasUser: i32, userId: usize, userIdLength: i32,
  hasDestination: i32, destination: usize, destinationLength: i32,
  result: usize,
): void;

/** The last error of an import, or an empty text. AssemblyScript cannot catch what it throws. */
export let hostError: string = "";

/** Returns a setting, or null. */
export function setting(name: string): string | null {
  const result = area(16); // result<option<string>, error>: the payload is at 4
  configGet(data(name), name.length, result);
  if (load<u8>(result) == 0) return loadOptionalString(result + 4);
  hostError = `setting "${name}": ${loadString(result + 8)}`; // error: variant { upstream(string), io(string) }
  return null;
}

/** Adds to the number at a key, and returns the sum. */
export function increment(bucket: string, key: string, by: i64): i64 {
  const opened = area(16); // result<bucket, error>: the payload is at 4
  storeOpen(data(bucket), bucket.length, opened);
  if (load<u8>(opened) != 0) {
    hostError = `store: bucket "${bucket}": ${storeError(opened + 4)}`;
    return 0;
  }

  const handle = load<i32>(opened, 4);
  const result = area(24); // result<s64, error>: the payload is at 8, because s64 is aligned to 8 bytes
  atomicsIncrement(handle, data(key), key.length, by, result);
  dropBucket(handle);
  if (load<u8>(result) == 0) return load<i64>(result, 8);
  hostError = `store: bucket "${bucket}": ${storeError(result + 8)}`;
  return 0;
}

/** Reads the error of wasi:keyvalue: variant { no-such-store, access-denied, other(string) }. */
function storeError(at: usize): string {
  const number = load<u8>(at);
  return number == 0 ? "no such store" : number == 1 ? "access denied" : loadString(at + 4);
}

/** An acceptance of an offer, as the partner sends it. */
export class Acceptance {
  constructor(
    public offerId: string,
    public lines: string[],
    public customerId: string,
    public userId: string | null,
  ) {}
}

/** Sends the event `offer.accepted`. */
export function offerAccepted(answer: Acceptance): void {
  const count = answer.lines.length;
  const lines = area(8 * count); // list<record { string }>
  for (let index = 0; index < count; index++) {
    const line = answer.lines[index];
    store<usize>(lines + 8 * index, data(line));
    store<i32>(lines + 8 * index, line.length, 4);
  }

  const result = area(16); // result<string, error>: the payload is at 4
  const userId = answer.userId ? answer.userId! : "";
  outgoingOfferAccepted(
    data(answer.offerId), answer.offerId.length,
    lines, count,
    data(answer.customerId), answer.customerId.length,
    answer.userId ? 1 : 0, data(userId), userId.length,
    0, 0, 0,
    result,
  );
  if (load<u8>(result) == 0) return;
  // error: variant { no-such-destination, too-much(string), other(string) }
  const words = load<u8>(result, 4) == 0 ? "no destination for this event is granted" : loadString(result + 8);
  hostError = `outbox: ${words}`;
}
