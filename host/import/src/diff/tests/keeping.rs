//! What the new types keep.

use super::*;

#[track_caller]
fn check(old: &str, new: &str, options: Options, expected: &[(&str, Keeping)]) {
    let kept = keep(&fields(old), &fields(new), options);
    let kept: Vec<(&str, Keeping)> = kept
        .iter()
        .map(|keep| (keep.path.as_str(), keep.what.clone()))
        .collect();
    assert_eq!(kept, expected);
}

const PRUNE: Options = Options {
    prune: true,
    tighten: false,
};
const TIGHTEN: Options = Options {
    prune: false,
    tighten: true,
};

#[test]
fn new_field_is_an_option_unless_tightened() {
    let (old, new) = (r#""/id" string"#, r#""/id" string; "/at" string"#);
    check(old, new, Options::default(), &[("/at", Keeping::Option)]);
    check(old, new, TIGHTEN, &[]);
}

#[test]
fn option_stays_unless_tightened() {
    let (old, new) = (r#""/user_id" option string"#, r#""/userId" string"#);
    check(
        old,
        new,
        Options::default(),
        &[("/userId", Keeping::Option)],
    );
    check(old, new, TIGHTEN, &[]);
}

#[test]
fn removed_field_stays_as_an_option_until_pruned() {
    let old = r#""/a" record; "/a/b" string; "/ab" string"#;
    let new = r#""/ab" string"#;
    let field = fields(r#""/a" option record; "/a/b" string"#);
    let mut types = field.events["paid"].paths.clone();
    types.remove("");
    check(
        old,
        new,
        Options::default(),
        &[("/a", Keeping::Field(types))],
    );
    check(old, new, PRUNE, &[]);
}

#[test]
fn values_and_wide_numbers_stay() {
    let (old, new) = (
        r#""/n" s64; "/state" variant "a" "b""#,
        r#""/n" s32; "/state" variant "a" "c""#,
    );
    let number = ("/n", Keeping::Number(crate::lock::Word::S64));
    let values = ("/state", Keeping::Values(vec!["b".into()]));
    check(
        old,
        new,
        Options::default(),
        &[number.clone(), values.clone()],
    );
    check(old, new, PRUNE, &[number]);
    check(old, new, TIGHTEN, &[values]);
}

#[test]
fn event_stays_until_pruned() {
    let (old, new) = (fields(r#""/id" string"#), Lock::default());
    let kept = keep(&old, &new, Options::default());
    let event = old.events["paid"].clone();
    assert_eq!(
        kept,
        [Keep {
            case: "paid".into(),
            path: String::new(),
            what: Keeping::Event(event)
        }]
    );
    assert_eq!(keep(&old, &new, PRUNE), []);
}
