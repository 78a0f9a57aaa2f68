//! The part of a JSON document that a signature covers.

use super::{JsonPointer, Unreadable, Wanted, find_all, index};

/// Returns a document with the values at `pointers` at their places, and with nothing else. Items
/// of an array that are not wanted and stand before a wanted one become null.
///
/// # Errors
///
/// Returns [`Unreadable`] if `json` is not JSON, or if a name on a path occurs twice.
pub(crate) fn covered(json: &[u8], pointers: &[JsonPointer]) -> Result<String, Unreadable> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let paths: Vec<&[String]> = pointers.iter().map(|pointer| &*pointer.tokens).collect();
    let found = level(json, &paths)?;
    Ok(found.unwrap_or_else(|| "null".to_owned()))
}

/// Returns the wanted part of an object or an array; `None` if the value is neither. The paths are
/// not empty.
fn level(json: &[u8], paths: &[&[String]]) -> Result<Option<String>, Unreadable> {
    let mut names: Vec<&str> = paths
        .iter()
        .filter_map(|path| Some(path.first()?.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    let pointers: Vec<_> = names.iter().map(|name| JsonPointer::member(name)).collect();
    let mut wanted: Vec<_> = pointers.iter().map(Wanted::new).collect();
    find_all(json, &mut wanted)?;

    let mut members = Vec::new();
    for wanted in wanted {
        let name = wanted.pointer.tokens[0].as_str();
        let Some(value) = wanted.found? else {
            continue;
        };
        let below: Vec<&[String]> = paths
            .iter()
            .filter(|path| path[0] == *name)
            .map(|path| &path[1..])
            .collect();
        let text = if below.iter().any(|path| path.is_empty()) {
            Some(value.get().to_owned())
        } else {
            level(value.get().as_bytes(), &below)?
        };
        members.extend(text.map(|text| (name, text)));
    }

    Ok(match json.trim_ascii_start().first() {
        Some(b'{') => Some(object(&members)),
        Some(b'[') => Some(array(&members)),
        _ => None,
    })
}

fn object(members: &[(&str, String)]) -> String {
    let quoted = |name: &str| serde_json::to_string(name).unwrap_or_default();
    let members: Vec<_> = members
        .iter()
        .map(|(name, text)| format!("{}:{text}", quoted(name)))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn array(items: &[(&str, String)]) -> String {
    let mut out: Vec<&str> = Vec::new();
    for (name, text) in items {
        let Some(at) = index(name) else {
            continue;
        };
        if out.len() <= at {
            out.resize(at + 1, "null");
        }
        out[at] = text;
    }
    format!("[{}]", out.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, pointers: &[&str], expected: &str) {
        let pointers: Vec<_> = pointers
            .iter()
            .map(|text| JsonPointer::parse(text).expect("a pointer"))
            .collect();
        let found = covered(json.as_bytes(), &pointers).expect("JSON");
        assert_eq!(found, expected, "{json}");
    }

    #[test]
    fn only_wanted_values_are_left() {
        let json =
            r#"{"live":"false","items":[{"evil":1},{"a":{"b":1.50,"c":2},"d":"x"}],"n/o":[]}"#;
        check(
            json,
            &["/items/1/a/b", "/items/1/d", "/n~1o", "/none/x"],
            r#"{"items":[null,{"a":{"b":1.50},"d":"x"}],"n/o":[]}"#,
        );
        check(
            json,
            &["/items/1/a", "/items/1/a/b"],
            r#"{"items":[null,{"a":{"b":1.50,"c":2}}]}"#,
        );
        check(json, &["/live/x"], "{}");
        check("\u{feff}[1,2]", &["/0"], "[1]");
        check("7", &["/0"], "null");
    }

    #[test]
    fn repeated_name_on_a_path_is_refused() {
        let pointers = [JsonPointer::parse("/a/b").expect("a pointer")];
        for json in [r#"{"a":{"b":1,"b":2}}"#, r#"{"a":{},"a":{"b":1}}"#, "{"] {
            assert!(covered(json.as_bytes(), &pointers).is_err(), "{json}");
        }
    }
}
