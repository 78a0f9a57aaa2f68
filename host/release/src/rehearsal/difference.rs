//! The differences between two pieces of bytes or JSON, as paths and never as values.

use serde_json::Value;

use super::walk::step;

/// The maximum number of paths of one difference.
const PATHS_MAX: usize = 5;

/// The parts that differ: nothing, everything, or the values at some paths.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Difference {
    None,
    Whole,
    At(Vec<String>),
}

/// Compares bytes. If both are JSON, the order of members and white space do not count.
pub(super) fn of_bytes(wanted: &[u8], found: &[u8]) -> Difference {
    if wanted == found {
        return Difference::None;
    }
    match (
        serde_json::from_slice(wanted),
        serde_json::from_slice(found),
    ) {
        (Ok(wanted), Ok(found)) => of_json(&wanted, &found, false),
        _ => Difference::Whole,
    }
}

/// Compares JSON. With `may_have_more`, objects in `found` may have members that are not in
/// `wanted`.
pub(super) fn of_json(wanted: &Value, found: &Value, may_have_more: bool) -> Difference {
    let mut paths = Vec::new();
    walk(wanted, found, may_have_more, "$", &mut paths);
    match paths.first().map(String::as_str) {
        None => Difference::None,
        Some("$") => Difference::Whole,
        Some(_) => Difference::At(paths),
    }
}

fn walk(wanted: &Value, found: &Value, may_have_more: bool, path: &str, paths: &mut Vec<String>) {
    if paths.len() >= PATHS_MAX {
        return;
    }
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (key, value) in wanted {
                match found.get(key) {
                    Some(found) => walk(value, found, may_have_more, &step(path, key), paths),
                    None => add(paths, step(path, key)),
                }
            }
            let more = found
                .keys()
                .filter(|key| !may_have_more && !wanted.contains_key(*key));
            more.for_each(|key| add(paths, step(path, key)));
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (n, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                walk(wanted, found, may_have_more, &format!("{path}[{n}]"), paths);
            }
        }
        _ if wanted == found => {}
        _ => add(paths, path.to_owned()),
    }
}

fn add(paths: &mut Vec<String>, path: String) {
    if paths.len() < PATHS_MAX {
        paths.push(path);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bytes_differ_by_what_they_mean() {
        let check = |wanted: &str, found: &str, expected: Difference| {
            assert_eq!(
                of_bytes(wanted.as_bytes(), found.as_bytes()),
                expected,
                "{wanted} and {found}"
            );
        };
        let at =
            |paths: &[&str]| Difference::At(paths.iter().map(|path| (*path).to_owned()).collect());
        check("text", "text", Difference::None);
        check("text", "other", Difference::Whole);
        check(
            r#"{"a":1,"b":2}"#,
            r#"{ "b": 2, "a": 1 }"#,
            Difference::None,
        );
        check(
            r#"{"a":1,"b":[1,{"c":2}]}"#,
            r#"{"a":1,"b":[1,{"c":3}]}"#,
            at(&["$.b[1].c"]),
        );
        check(r#"{"a":1}"#, r#"{"a":1,"b-c":2}"#, at(&[r#"$["b-c"]"#]));
        check(r#"{"a":[1]}"#, r#"{"a":[1,2]}"#, at(&["$.a"]));
        check("[1]", "{}", Difference::Whole);
        let many = |n: i32| json!((0..20).map(|i| i + n).collect::<Vec<_>>()).to_string();
        check(
            &many(0),
            &many(1),
            at(&["$[0]", "$[1]", "$[2]", "$[3]", "$[4]"]),
        );
    }

    #[test]
    fn what_is_expected_may_be_a_part() {
        let found = json!({"a": 1, "b": {"c": 2, "d": 3}});
        assert_eq!(
            of_json(&json!({"b": {"c": 2}}), &found, true),
            Difference::None
        );
        assert_eq!(
            of_json(&json!({"b": {"c": 2}}), &found, false),
            Difference::At(vec!["$.b.d".into(), "$.a".into()])
        );
        assert_eq!(
            of_json(&json!({"b": {"e": 2}}), &found, true),
            Difference::At(vec!["$.b.e".into()])
        );
    }
}
