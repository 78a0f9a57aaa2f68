// Values as texts of one line, for the log.

/** A text as it is, a bigint as its digits, an error as its message, and everything else as JSON. */
export function show(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return message(value);
  if (typeof value !== "object" || value === null) return String(value);

  try {
    return digits(JSON.stringify(value, readable)) ?? String(value);
  } catch {
    return String(value); // an object that contains itself
  }
}

/** The class and the message of anything that was thrown, in one line. */
export function message(error) {
  if (typeof error?.message !== "string") return `uncaught: ${show(error)}`;
  const text = error.message.replaceAll(/\s*\n\s*/g, " ");
  return text ? `${error.name ?? "Error"}: ${text}` : `${error.name ?? "Error"}`;
}

// JSON has no form for these values. A bigint is marked, and the quotes around it are removed at the end.
const MARK = "\u0000bigint:";

function readable(_key, value) {
  if (typeof value === "bigint") return `${MARK}${value}`;
  if (value instanceof Error) return message(value);
  if (value instanceof Map || value instanceof Set) return [...value];
  return value;
}

function digits(json) {
  return json?.replaceAll(/"\\u0000bigint:(-?\d+)"/g, "$1");
}
