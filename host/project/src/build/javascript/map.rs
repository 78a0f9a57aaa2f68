//! Source maps as the SDK reads them: only of the author's files, and with the state of the decoder at
//! every 64th line. The SDK decodes the lines around a frame, when an error is reported.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// The number of lines between two states.
const LINES: usize = 64;
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Makes the map of a bundle from the source map of esbuild.
pub(super) fn compact(map: &Value, bundle: &str) -> Value {
    let sources = map["sources"].as_array().into_iter().flatten();
    let sources = sources.map(|source| source.as_str().unwrap_or_default());
    let sources: Vec<_> = sources
        .map(|source| source.trim_start_matches("../"))
        .collect();
    let author: Vec<_> = sources.iter().filter(|source| is_author(source)).collect();
    let new_index = |old: i64| {
        let source = usize::try_from(old).ok().and_then(|old| sources.get(old))?;
        author.iter().position(|known| *known == source)
    };

    let mut output = Encoder::default();
    let mut state = [0_i64; 3];
    let mappings = map["mappings"].as_str().unwrap_or_default();
    for line in mappings.split(';') {
        output.begin_line();
        let mut column = 0;
        for segment in line.split(',') {
            let numbers = numbers(segment);
            column += numbers.first().copied().unwrap_or_default();
            for (part, number) in state.iter_mut().zip(numbers.iter().skip(1)) {
                *part += number;
            }
            if numbers.len() > 1
                && let Some(source) = new_index(state[0])
            {
                let source = i64::try_from(source).unwrap_or_default();
                output.segment(column, [source, state[1], state[2]]);
            }
        }
    }
    json!({
        "file": bundle,
        "sources": author,
        "mappings": output.mappings,
        "lines": LINES,
        "states": output.states,
    })
}

/// Whether a source is the author's own, and not of the SDK or of a package.
fn is_author(source: &str) -> bool {
    !source.starts_with("gen/") && !source.contains("node_modules/")
}

/// Writes mappings.
#[derive(Debug, Default)]
struct Encoder {
    mappings: String,
    /// At every 64th line, the position in the mappings, and the source, line and column of the
    /// segment before.
    states: Vec<[i64; 4]>,
    lines: usize,
    column: i64,
    state: [i64; 3],
}

impl Encoder {
    fn begin_line(&mut self) {
        if self.lines > 0 {
            self.mappings.push(';');
        }
        if self.lines.is_multiple_of(LINES) {
            let position = i64::try_from(self.mappings.len()).unwrap_or_default();
            let [source, line, column] = self.state;
            self.states.push([position, source, line, column]);
        }
        self.lines += 1;
        self.column = 0;
    }

    fn segment(&mut self, column: i64, state: [i64; 3]) {
        if !self.mappings.is_empty() && !self.mappings.ends_with(';') {
            self.mappings.push(',');
        }
        self.number(column - self.column);
        for (new, old) in state.into_iter().zip(self.state) {
            self.number(new - old);
        }
        (self.column, self.state) = (column, state);
    }

    /// Writes a number with a sign, in digits of 5 bits.
    fn number(&mut self, number: i64) {
        let mut rest = (number.unsigned_abs() << 1) | u64::from(number < 0);
        loop {
            let more = if rest > 31 { 32 } else { 0 };
            let digit = usize::try_from(rest & 31).unwrap_or_default() | more;
            // Writing to a string does not fail.
            let _ = write!(self.mappings, "{}", char::from(DIGITS[digit]));
            rest >>= 5;
            if rest == 0 {
                return;
            }
        }
    }
}

/// Decodes the numbers of a segment.
fn numbers(segment: &str) -> Vec<i64> {
    let mut numbers = Vec::new();
    let (mut value, mut shift) = (0_i64, 0_u32);
    for byte in segment.bytes() {
        let digit = DIGITS.iter().position(|known| *known == byte);
        let digit = digit
            .and_then(|digit| i64::try_from(digit).ok())
            .unwrap_or_default();
        value |= (digit & 31).checked_shl(shift).unwrap_or_default();
        shift += 5;
        if digit & 32 == 0 {
            let is_negative = value & 1 == 1;
            numbers.push(if is_negative {
                -(value >> 1)
            } else {
                value >> 1
            });
            (value, shift) = (0, 0);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_written() {
        for (text, expected) in [
            ("A", vec![0]),
            ("CDEF", vec![1, -1, 2, -2]),
            ("gBggB", vec![16, 512]),
            ("", vec![]),
        ] {
            assert_eq!(numbers(text), expected, "{text}");
            let mut encoder = Encoder::default();
            expected.iter().for_each(|number| encoder.number(*number));
            assert_eq!(encoder.mappings, text);
        }
    }

    #[test]
    fn only_the_authors_files_are_kept() {
        let map = json!({
            "sources": ["../gen/sdk/src/serve.js", "../node_modules/a/b.js", "../src/a.ts"],
            "mappings": "AAAA,IACA;ACAA;ACEC,IAEE;AFHA;AEIA",
        });
        let compact = compact(&map, "bundle.js");

        assert_eq!(compact["sources"], json!(["src/a.ts"]));
        assert_eq!(compact["mappings"], ";;AAGC,IAEE;;AACA");
        assert_eq!(compact["states"], json!([[0, 0, 0, 0]]));
    }

    #[test]
    fn every_64th_line_has_a_state() {
        // Each line moves one line down in the source.
        let map = json!({ "sources": ["../a.js"], "mappings": "AACA;".repeat(LINES) + "AACA" });
        let compact = compact(&map, "bundle.js");
        assert_eq!(compact["mappings"], map["mappings"]);
        assert_eq!(compact["states"], json!([[0, 0, 0, 0], [320, 0, 64, 0]]));
    }
}
