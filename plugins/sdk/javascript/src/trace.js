// Stack traces in terms of the author's files. The build adds their source map to the bundle, with the state of the
// decoder at some lines, so that only the lines around a frame are decoded, and only when an error is reported.

const FRAMES_MAX = 20;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
let map;

globalThis[Symbol.for("hookyard.map")] = (given) => {
  map = given;
};

/** The frames of an error in the author's files, innermost first, indented. Without a map, the engine's own frames. */
export function trace(error) {
  const lines = String(error?.stack ?? "").split("\n").map((line) => line.trim());
  const frames = lines.filter((line) => /:\d+:\d+\)?$/.test(line));

  let shown = frames;
  try {
    if (map) shown = frames.map(located).filter(Boolean);
  } catch {
    // A map that does not fit shows the engine's frames.
  }
  return shown.slice(0, FRAMES_MAX).map((line) => `    ${line}`);
}

/** A frame with the place in the author's files, or undefined if it is not there. */
function located(frame) {
  const [, name, file, line, column] = /^(?:at )?(.*?)[ @]*\(?([^@( ]*):(\d+):(\d+)\)?$/.exec(frame) ?? [];
  if (!map || !file?.endsWith(map.file)) return undefined;

  const found = original(Number(line) - 1, Number(column) - 1);
  return found && `at ${name || "<anonymous>"} (${map.sources[found.source]}:${found.line + 1}:${found.column + 1})`;
}

function original(line, column) {
  const [start, ...at] = map.states[Math.floor(line / map.lines)] ?? [];
  if (start === undefined) return undefined;

  const before = line % map.lines;
  const lines = map.mappings.slice(start).split(";", before + 1);
  for (const other of lines.slice(0, before)) [...segments(other, at)];

  let found;
  for (const segment of segments(lines[before] ?? "", at)) {
    if (found && segment.generated > column) break;
    found = segment;
  }
  return found;
}

/** Decodes the segments of a line. `at` is the source, line and column of the segment before. */
function* segments(line, at) {
  let generated = 0;
  for (const text of line.split(",")) {
    const [column, ...moves] = numbers(text);
    if (column === undefined) continue;

    generated += column;
    for (let part = 0; part < 3; part++) at[part] += moves[part] ?? 0;
    if (moves.length > 0) yield { generated, source: at[0], line: at[1], column: at[2] };
  }
}

function numbers(text) {
  const found = [];
  let value = 0;
  let shift = 0;
  for (const digit of text) {
    const bits = DIGITS.indexOf(digit);
    value += (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;

    found.push(value & 1 ? -(value >> 1) : value >> 1);
    value = shift = 0;
  }
  return found;
}
