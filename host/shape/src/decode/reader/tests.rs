//! The grammar is that of `serde_json`.

use serde::de::IgnoredAny;

use super::*;

/// Reads a whole text as one value.
fn read(text: &str) -> Option<&str> {
    let mut reader = Reader::new(text);
    let value = reader.value().ok()?;
    reader.end().ok()?;
    Some(value)
}

#[test]
fn grammar_is_that_of_serde_json() {
    let tokens = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\"a\"",
        "\"\\n\"",
        "\"\\q\"",
        "\"\\ud80\"",
        "\"",
        "\"\u{1}\"",
        "true",
        "nul",
        "null",
        "0",
        "-",
        "01",
        "1.5",
        "1.",
        "1e",
        "1E+7",
        "-0e-1",
        "\u{a0}",
    ];
    for one in tokens {
        for two in tokens {
            for three in tokens {
                for four in ["", "]", "}", "1"] {
                    let text = [one, two, three, four].concat();
                    let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
                    assert_eq!(read(&text).is_some(), is_json, "{text}");
                }
            }
        }
    }
}

#[test]
fn string_ends_at_its_quote() {
    for length in 0..40 {
        for special in ["\\\"", "\\\\", "ä", "\u{7f}", "\u{ffff}", "x"] {
            let inside = format!("{}{special}{}", "a".repeat(length), "b".repeat(length % 9));
            let text = format!("\"{inside}\" , \"next\"");
            let literal = Reader::new(&text).string().expect("a string");
            assert_eq!(literal.quoted, format!("\"{inside}\""));
            assert_eq!(literal.has_escape, special.starts_with('\\'));
        }
        let broken = format!("\"{}\u{1f}\"", "a".repeat(length));
        assert!(Reader::new(&broken).string().is_err(), "{length}");
    }
}
