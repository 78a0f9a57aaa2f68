// Stack traces in terms of the author's files. The build adds the source map to the bundle; it is read when the
// component is made, so that a trace costs little later.

const FRAMES_MAX = 20;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
let map;

globalThis[Symbol.for("hookyard.map")] = (given) => {
  const lines = given.mappings.split(";");
  const starts = new Int32Array(lines.length * 3);
  const at = [0, 0, 0];
  for (const [number, line] of lines.entries()) {
    starts.set(at, number * 3);
    for (const _ of segments(line, at));
  }
  map = { ...given, lines, starts };
};

/** The frames of an error in the author's files, innermost first, indented. Without a map, the engine's own frames. */
export function trace(error) {
  const lines = String(error?.stack ?? "").split("\n").map((line) => line.trim());
  const frames = lines.filter((line) => /:\d+:\d+\)?$/.test(line));

  let found = [];
  try {
    found = frames.map(located).filter(Boolean);
  } catch {
    // A map that does not fit shows the engine's frames.
  }
  const shown = found.length === 0 ? frames : found.filter((it) => !it.source.startsWith("gen/")).map(text);
  return shown.slice(0, FRAMES_MAX).map((line) => `    ${line}`);
}

function text({ name, source, line, column }) {
  return `at ${name || "<anonymous>"} (${source}:${line + 1}:${column + 1})`;
}

/** The place of a frame in the sources, or undefined if the frame is not of the bundle. */
function located(frame) {
  const [, name, file, line, column] = /^(?:at )?(.*?)[ @]*\(?([^@( ]*):(\d+):(\d+)\)?$/.exec(frame) ?? [];
  if (!map || !file?.endsWith(map.file)) return undefined;

  const found = original(Number(line) - 1, Number(column) - 1);
  return found && { name, ...found };
}

function original(line, column) {
  if (line >= map.lines.length) return undefined;

  let found;
  for (const segment of segments(map.lines[line], [...map.starts.subarray(line * 3, line * 3 + 3)])) {
    if (found && segment.generated > column) break;
    found = segment;
  }
  return found && { source: map.sources[found.source], line: found.line, column: found.column };
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
