// The canonical ABI by hand: how the values of WIT lie in memory.
// https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md
//
// Nothing is freed: the memory of an instance ends with its event.

// @ts-ignore: decorator
@external("wasi:logging/logging@0.1.0-draft", "log")
declare function hostLog(level: i32, context: usize, contextLength: i32, text: usize, textLength: i32): void;

export enum Level {
  Trace,
  Debug,
  Info,
  Warn,
  Error,
}

/** Writes a line to the plugin's log. */
export function log(level: Level, text: string): void {
  hostLog(level, 0, 0, data(text), text.length);
}

/** What a `throw` does: it writes the message to the log and traps. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  log(Level.Error, `  at ${file ? file : "?"}:${line}:${column}`);
  log(Level.Error, message ? message : "the plugin aborted");
  unreachable();
}

/** Gives the host memory for the values that it passes. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  const fresh = heap.alloc(size); // aligned to 16 bytes
  if (oldSize > 0) memory.copy(fresh, old, min(oldSize, size));
  return fresh;
}

/** Returns the address of a string's UTF-16, for arguments; its length is `text.length`. */
// @ts-ignore: decorator
@inline
export function data(text: string): usize {
  return changetype<usize>(text);
}

/** Reads the string whose address and length are at `at`. */
export function loadString(at: usize): string {
  return String.UTF16.decodeUnsafe(load<usize>(at), load<usize>(at, 4) << 1);
}

/** Reads the `option<string>` at `at`. */
export function loadOptionalString(at: usize): string | null {
  return load<u8>(at) == 0 ? null : loadString(at + 4);
}

/** Writes the address and the length of a string to `at`. */
export function storeString(at: usize, text: string): void {
  store<usize>(at, data(text));
  store<i32>(at, text.length, 4);
}

/** Returns an area of zeros for a result. */
export function area(size: usize): usize {
  const zeros = heap.alloc(size);
  memory.fill(zeros, 0, size);
  return zeros;
}
