//! The differences between two pieces of bytes or JSON, as paths and never as values.

use serde_json::Value;

use super::json::step;

/// The maximum number of paths of one difference.
const PATHS_MAX: usize = 5;

/// The parts that differ: nothing, everything, or the values at some paths.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ContentDifference {
    None,
    Whole,
    At(Vec<String>),
}

/// Compares bytes. If both are JSON, the order of members and white space do not count.
pub(super) fn compare_bytes(wanted: &[u8], found: &[u8]) -> ContentDifference {
    if wanted == found {
        return ContentDifference::None;
    }

    match (
        serde_json::from_slice(wanted),
        serde_json::from_slice(found),
    ) {
        (Ok(wanted), Ok(found)) => compare_json(&wanted, &found, false),
        _ => ContentDifference::Whole,
    }
}

/// Compares JSON. With `may_have_more`, objects in `found` may have members that are not in
/// `wanted`.
pub(super) fn compare_json(
    wanted: &Value,
    found: &Value,
    may_have_more: bool,
) -> ContentDifference {
    let mut paths = Vec::new();
    compare_values(wanted, found, may_have_more, "$", &mut paths);

    match paths.first().map(String::as_str) {
        None => ContentDifference::None,
        Some("$") => ContentDifference::Whole,
        Some(_) => ContentDifference::At(paths),
    }
}

/// Compares the values at `path`, and adds the paths that differ to `paths`.
fn compare_values(
    wanted: &Value,
    found: &Value,
    may_have_more: bool,
    path: &str,
    paths: &mut Vec<String>,
) {
    if paths.len() >= PATHS_MAX {
        return;
    }

    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (key, value) in wanted {
                match found.get(key) {
                    Some(found) => {
                        compare_values(value, found, may_have_more, &step(path, key), paths)
                    }
                    None => push_path(paths, step(path, key)),
                }
            }

            let more = found
                .keys()
                .filter(|key| !may_have_more && !wanted.contains_key(*key));
            more.for_each(|key| push_path(paths, step(path, key)));
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (n, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                compare_values(wanted, found, may_have_more, &format!("{path}[{n}]"), paths);
            }
        }
        _ if wanted == found => {}
        _ => push_path(paths, path.to_owned()),
    }
}

fn push_path(paths: &mut Vec<String>, path: String) {
    if paths.len() < PATHS_MAX {
        paths.push(path);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_bytes_differ_by_meaning() {
        let check = |wanted: &str, found: &str, expected: ContentDifference| {
            assert_eq!(
                compare_bytes(wanted.as_bytes(), found.as_bytes()),
                expected,
                "{wanted} and {found}"
            );
        };
        let at = |paths: &[&str]| {
            ContentDifference::At(paths.iter().map(|path| (*path).to_owned()).collect())
        };

        check("text", "text", ContentDifference::None);
        check("text", "other", ContentDifference::Whole);
        check(
            r#"{"a":1,"b":2}"#,
            r#"{ "b": 2, "a": 1 }"#,
            ContentDifference::None,
        );
        check(
            r#"{"a":1,"b":[1,{"c":2}]}"#,
            r#"{"a":1,"b":[1,{"c":3}]}"#,
            at(&["$.b[1].c"]),
        );
        check(r#"{"a":1}"#, r#"{"a":1,"b-c":2}"#, at(&[r#"$["b-c"]"#]));
        check(r#"{"a":[1]}"#, r#"{"a":[1,2]}"#, at(&["$.a"]));
        check("[1]", "{}", ContentDifference::Whole);

        let many = |n: i32| json!((0..20).map(|i| i + n).collect::<Vec<_>>()).to_string();
        check(
            &many(0),
            &many(1),
            at(&["$[0]", "$[1]", "$[2]", "$[3]", "$[4]"]),
        );
    }

    #[test]
    fn expected_object_may_be_partial() {
        let found = json!({"a": 1, "b": {"c": 2, "d": 3}});

        assert_eq!(
            compare_json(&json!({"b": {"c": 2}}), &found, true),
            ContentDifference::None
        );
        assert_eq!(
            compare_json(&json!({"b": {"c": 2}}), &found, false),
            ContentDifference::At(vec!["$.b.d".into(), "$.a".into()])
        );
        assert_eq!(
            compare_json(&json!({"b": {"e": 2}}), &found, true),
            ContentDifference::At(vec!["$.b.e".into()])
        );
    }
}
