//! Each change of a type, proved by the host's decoder: a body of the new description under the old
//! types gives what the class says.

use super::check;

#[test]
fn same_types_are_no_change() {
    let types = r#""/user_id" string; "/tags" list; "/tags/*" option string"#;
    check(
        types,
        types,
        &[],
        r#"{"user_id":"a","tags":[null]}"#,
        Ok(()),
    );
}

#[test]
fn key_renamed_within_folding_is_no_change() {
    check(
        r#""/user_id" string"#,
        r#""/userId" string"#,
        &[],
        r#"{"userId":"a"}"#,
        Ok(()),
    );
}

#[test]
fn second_key_for_a_field_breaks() {
    check(
        r#""/user_id" string"#,
        r#""/user_id" left-out; "/userId" left-out"#,
        &[
            "! paid /user_id: several keys match this field; compiled plugins cannot decode events \
             that have two",
        ],
        r#"{"user_id":"a","userId":"b"}"#,
        Err("$.userId: this field occurs twice"),
    );
}

#[test]
fn new_field_is_skipped() {
    for ty in ["string", "option record"] {
        check(
            r#""/id" string"#,
            &format!(r#""/id" string; "/at" {ty}; "/at/x" left-out"#),
            &["+ paid /at: new field; compiled plugins skip it"],
            if ty == "string" {
                r#"{"id":"a","at":"b"}"#
            } else {
                r#"{"id":"a","at":{}}"#
            },
            Ok(()),
        );
    }
}

#[test]
fn removed_field_breaks_unless_it_was_an_option() {
    check(
        r#""/id" string; "/at" option string"#,
        r#""/id" string"#,
        &["~ paid /at: not sent anymore; compiled plugins read `none`"],
        r#"{"id":"a"}"#,
        Ok(()),
    );
    check(
        r#""/id" string; "/at" string"#,
        r#""/id" string"#,
        &[
            "! paid /at: not sent anymore; compiled plugins cannot decode the event, because they \
             require it",
        ],
        r#"{"id":"a"}"#,
        Err("$.at: the field is missing, wanted a string"),
    );
}

#[test]
fn optional_value_breaks_where_it_was_required() {
    let line = "! paid /at: may be absent or null; compiled plugins cannot decode such events, \
                because they require it";
    let missing = Err("$.at: the field is missing, wanted a string");
    check(
        r#""/at" string"#,
        r#""/at" option string"#,
        &[line],
        "{}",
        missing,
    );
    let null = Err("$.at: found null, wanted a string");
    check(
        r#""/at" string"#,
        r#""/at" option string"#,
        &[line],
        r#"{"at":null}"#,
        null,
    );
    check(
        r#""/at" option string"#,
        r#""/at" string"#,
        &["~ paid /at: always there; stays an option without --tighten"],
        r#"{"at":"b"}"#,
        Ok(()),
    );
}

#[test]
fn values_of_an_open_variant_are_additive() {
    check(
        r#""/state" variant "open" "shut""#,
        r#""/state" variant "open" "in progress""#,
        &[
            "+ paid /state: new values \"in progress\"; compiled plugins receive `other`; not sent \
             anymore: \"shut\"",
        ],
        r#"{"state":"in progress"}"#,
        Ok(()),
    );
    check(
        r#""/state" variant "open" "shut""#,
        r#""/state" string"#,
        &["+ paid /state: variant → string; compiled plugins take both"],
        r#"{"state":"new"}"#,
        Ok(()),
    );
    check(
        r#""/state" string"#,
        r#""/state" variant "open" "shut""#,
        &["+ paid /state: string → variant; compiled plugins take both"],
        r#"{"state":"open"}"#,
        Ok(()),
    );
    check(
        r#""/state" variant "in_progress" "shut""#,
        r#""/state" variant "in progress" "shut""#,
        &[],
        r#"{"state":"in progress"}"#,
        Ok(()),
    );
}

#[test]
fn wider_numbers_break() {
    let line = |types: &str, effect: &str| format!("{types}; compiled plugins {effect}");
    let breaks = "cannot decode all of them: numbers may be out of the range";
    let same = "read the same as before";
    for (old, new, effect, value, decoded) in [
        (
            "s32",
            "s64",
            breaks,
            "2147483648",
            Err("$.n: found an integer that is out of range, wanted s32"),
        ),
        (
            "u64",
            "s64",
            breaks,
            "-1",
            Err("$.n: found an integer that is out of range, wanted u64"),
        ),
        (
            "s64",
            "u64",
            breaks,
            "9223372036854775808",
            Err("$.n: found an integer that is out of range, wanted s64"),
        ),
        ("s64", "s32", same, "-7", Ok(())),
        ("u64", "u32", same, "7", Ok(())),
        (
            "s64",
            "f64",
            "cannot decode all of them: numbers may have a fraction",
            "0.5",
            Err("$.n: found a number with a fraction or an exponent, wanted s64"),
        ),
        ("f64", "s32", same, "-7", Ok(())),
        (
            "f64",
            "s64",
            "receive no error: integers of more than 53 bits are undecodable",
            "7",
            Ok(()),
        ),
    ] {
        let mark = if decoded.is_err() { '!' } else { '~' };
        let expected = line(&format!("{mark} paid /n: {old} → {new}"), effect);
        let (old, new) = (format!(r#""/n" {old}"#), format!(r#""/n" {new}"#));
        check(
            &old,
            &new,
            &[&expected],
            &format!(r#"{{"n":{value}}}"#),
            decoded,
        );
    }
}

#[test]
fn strings_that_become_json_text_are_silent() {
    let silent = |types: &str, what: &str| {
        format!("~ paid /x: {types}; compiled plugins receive no error: {what}")
    };
    let json = "the string is the text of the JSON";
    check(
        r#""/x" string"#,
        r#""/x" record; "/x/id" string"#,
        &[&silent("string → record", json)],
        r#"{"x":{"id":"a"}}"#,
        Ok(()),
    );
    check(
        r#""/x" string"#,
        r#""/x" list; "/x/*" s64"#,
        &[&silent("string → list", json)],
        r#"{"x":[1]}"#,
        Ok(()),
    );
    check(
        r#""/x" json-text"#,
        r#""/x" string"#,
        &[&silent(
            "json-text → string",
            "the string is not the text of JSON anymore",
        )],
        r#"{"x":"a"}"#,
        Ok(()),
    );
    check(
        r#""/x" variant "a" "b""#,
        r#""/x" s64"#,
        &[&silent(
            "variant → s64",
            "the case is `other` with the text of the JSON",
        )],
        r#"{"x":5}"#,
        Ok(()),
    );
}

#[test]
fn types_of_another_kind_break() {
    let breaks = |types: &str, why: &str| {
        format!("! paid /x: {types}; compiled plugins cannot decode all of them: {why}")
    };
    let kind = "the value is of another kind";
    for (old, new, arrow, why, body, error) in [
        (
            "string",
            "s64",
            "string → s64",
            kind,
            "5",
            "found a number, wanted a string",
        ),
        (
            "bool",
            "string",
            "bool → string",
            kind,
            "\"a\"",
            "found a string, wanted true or false",
        ),
        (
            "string",
            "json",
            "string → json",
            kind,
            "5",
            "found a number, wanted a string",
        ),
        (
            "record",
            "list",
            "record → list",
            kind,
            "[]",
            "found an array, wanted an object",
        ),
        (
            "string",
            "bool",
            "string → bool",
            kind,
            "true",
            "found a boolean, wanted a string",
        ),
        (
            "s64",
            "list",
            "s64 → list",
            kind,
            "[]",
            "found an array, wanted s64",
        ),
    ] {
        check(
            &format!(r#""/x" {old}"#),
            &format!(r#""/x" {new}"#),
            &[&breaks(arrow, why)],
            &format!(r#"{{"x":{body}}}"#),
            Err(&format!("$.x: {error}")),
        );
    }
    check(
        r#""/x" record; "/x/id" string"#,
        r#""/x" json-text"#,
        &[&breaks("record → json-text", "fields may be absent")],
        r#"{"x":{}}"#,
        Err("$.x.id: the field is missing, wanted a string"),
    );
}

#[test]
fn narrower_types_change_only_sources() {
    let same =
        |types: &str| format!("~ paid /x: {types}; compiled plugins read the same as before");
    check(
        r#""/x" json-text"#,
        r#""/x" record; "/x/id" string"#,
        &[&same("json-text → record")],
        r#"{"x":{"id":"a"}}"#,
        Ok(()),
    );
    check(
        r#""/x" json"#,
        r#""/x" s64"#,
        &[&same("json → s64")],
        r#"{"x":5}"#,
        Ok(()),
    );
}

#[test]
fn moved_cut_of_a_recursion_changes_only_sources() {
    let inner = r#"{"x":{"id":"a"}}"#;
    let same = "compiled plugins read the same as before";
    check(
        r#""/x" record; "/x/id" string"#,
        r#""/x" cut"#,
        &[&format!("~ paid /x: record → cut; {same}")],
        inner,
        Ok(()),
    );
    check(
        r#""/x" cut"#,
        r#""/x" record; "/x/id" string"#,
        &[&format!("~ paid /x: cut → record; {same}")],
        inner,
        Ok(()),
    );
}

#[test]
fn lists_and_maps_are_compared_inside() {
    check(
        r#""/lines" list; "/lines/*" record; "/lines/*/n" s32; "/rates" map; "/rates/{}" f64"#,
        r#""/lines" list; "/lines/*" record; "/lines/*/n" bool; "/rates" map; "/rates/{}" option f64"#,
        &[
            "! paid /lines/*/n: s32 → bool; compiled plugins cannot decode all of them: the value \
             is of another kind",
            "! paid /rates/{}: may be absent or null; compiled plugins cannot decode such events, \
             because they require it",
        ],
        r#"{"lines":[{"n":true}],"rates":{"EUR":null}}"#,
        Err("$.lines[0].n: found a boolean, wanted s32"),
    );
}
