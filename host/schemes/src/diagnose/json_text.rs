//! JSON in the styles of common libraries. The order of names and the digits of numbers stay as they
//! are.

use serde::de::IgnoredAny;

/// A style of writing JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// The style of the text itself.
    Same,
    /// Without white space.
    Compact,
    /// With a blank after each comma and colon.
    Spaced,
    /// With one value on each line, and this indent for each level.
    Indented(&'static str),
}

impl Style {
    pub(super) const ALL: [Self; 6] = [
        Self::Same,
        Self::Compact,
        Self::Spaced,
        Self::Indented("  "),
        Self::Indented("    "),
        Self::Indented("\t"),
    ];

    /// Returns the words for the style; they complete "as …".
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Same => "the same JSON",
            Self::Compact => "JSON without white space",
            Self::Spaced => "JSON with a blank after each comma and colon",
            Self::Indented("  ") => "JSON with an indent of two blanks",
            Self::Indented("    ") => "JSON with an indent of four blanks",
            Self::Indented(_) => "JSON with tabs",
        }
    }
}

/// Returns whether a text is JSON.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Writes valid JSON in a style.
pub(super) fn styled(text: &str, style: Style) -> String {
    let (after_comma, after_colon, indent) = match style {
        Style::Same => return text.to_owned(),
        Style::Compact => ("", "", None),
        Style::Spaced => (" ", " ", None),
        Style::Indented(indent) => ("", " ", Some(indent)),
    };
    let mut out = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(indent, depth));
        }
    };

    for token in Tokens(text) {
        match token {
            "{" | "[" => {
                out.push_str(token);
                depth += 1;
                line(&mut out, depth);
            }
            "}" | "]" => {
                depth = depth.saturating_sub(1);
                let is_empty = out.trim_ascii_end().ends_with(['{', '[']);
                if is_empty {
                    out.truncate(out.trim_ascii_end().len());
                } else {
                    line(&mut out, depth);
                }
                out.push_str(token);
            }
            "," => {
                out.push(',');
                out.push_str(after_comma);
                line(&mut out, depth);
            }
            ":" => {
                out.push(':');
                out.push_str(after_colon);
            }
            value => out.push_str(value),
        }
    }
    out
}

/// Writes `\/` for each slash in a string, as PHP does.
pub(super) fn with_escaped_slashes(json: &str) -> String {
    json.replace("\\/", "/").replace('/', "\\/")
}

/// Writes characters outside ASCII as `\u` escapes, as Python does.
pub(super) fn with_escapes(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    }
    out
}

/// Writes `\u` escapes of characters outside ASCII as the characters.
pub(super) fn without_escapes(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = Vec::new();
    let mut rest = json;
    while !rest.is_empty() {
        let escape = rest.strip_prefix("\\u").and_then(|after| after.get(..4));
        let unit = escape.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        if let Some(unit) = unit.filter(|unit| *unit >= 0x80) {
            units.push(unit);
            rest = &rest[6..];
            continue;
        }

        out.push_str(&String::from_utf16_lossy(&std::mem::take(&mut units)));
        // The character after a backslash belongs to the backslash.
        let length = if rest.starts_with('\\') { 2 } else { 1 };
        let end = rest
            .char_indices()
            .nth(length)
            .map_or(rest.len(), |(at, _)| at);
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    out.push_str(&String::from_utf16_lossy(&units));
    out
}

/// The tokens of valid JSON, without white space.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_ascii_start();
        let end = match text.as_bytes().first()? {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => end_of_string(text),
            _ => text
                .find(|c: char| c.is_ascii_whitespace() || ",:]}".contains(c))
                .unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at(end);
        self.0 = rest;
        Some(token)
    }
}

/// Returns the position after the string at the beginning of a text.
fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_in_every_style() {
        let text = "{ \"a\" :[1, 2.50,{}],\"b,:\":\"x\\\"y\" , \"c\":[ ]}";
        let cases = [
            (Style::Same, text),
            (Style::Compact, r#"{"a":[1,2.50,{}],"b,:":"x\"y","c":[]}"#),
            (
                Style::Spaced,
                r#"{"a": [1, 2.50, {}], "b,:": "x\"y", "c": []}"#,
            ),
            (
                Style::Indented("  "),
                "{\n  \"a\": [\n    1,\n    2.50,\n    {}\n  ],\n  \"b,:\": \"x\\\"y\",\n  \"c\": []\n}",
            ),
        ];
        for (style, expected) in cases {
            assert_eq!(styled(text, style), expected, "{style:?}");
        }
    }

    #[test]
    fn escapes_are_written_and_removed() {
        let (plain, escaped) = (
            "{\"a\":\"\u{fc} \u{1f600} \\\\u00fc\"}",
            r#"{"a":"\u00fc \ud83d\ude00 \\u00fc"}"#,
        );
        assert_eq!(with_escapes(plain), escaped);
        assert_eq!(without_escapes(escaped), plain);
        assert_eq!(with_escaped_slashes("\"a/b\\/c\""), "\"a\\/b\\/c\"");
    }
}
