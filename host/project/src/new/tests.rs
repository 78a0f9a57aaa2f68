//! Tests of new folders.

use super::*;
use crate::support::built_in;

fn plugin(name: &str, language: Language, provider: &str) -> NewPlugin {
    NewPlugin {
        name: name.to_owned(),
        language,
        engine: None,
        provider: Some(built_in(provider)),
        is_untyped: false,
        imports: Imports::default(),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("read");
    entries
        .map(|entry| {
            entry
                .expect("read")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

#[test]
fn name_replaces_whole_words_only() {
    for (text, expected) in [
        ("name = \"decide\"", "name = \"check-offers\""),
        (
            "src/decide.c decide-test",
            "src/check-offers.c check-offers-test",
        ),
        (
            "decides decide_x undecided decidedecide",
            "decides decide_x undecided decidedecide",
        ),
        ("decide", "check-offers"),
    ] {
        assert_eq!(with_name(text, "check-offers"), expected);
    }
}

#[test]
fn refusals_leave_nothing_behind() {
    let parent = tempfile::tempdir().expect("made");
    let refusal = |plugin: &NewPlugin| {
        let error = new(parent.path(), plugin).expect_err("refused").to_string();
        assert_eq!(names(parent.path()), Vec::<String>::new(), "{error}");
        error
    };

    let bad = plugin("../decide", Language::Rust, "topi-saas");
    assert!(refusal(&bad).starts_with("`../decide` cannot be the name of a plugin"));
    let engine = NewPlugin {
        engine: Some(Engine::QuickJs),
        ..plugin("a", Language::Go, "topi-saas")
    };
    assert_eq!(
        refusal(&engine),
        "Go has no choice of engines; leave out --engine"
    );
    let none = NewPlugin {
        provider: None,
        ..plugin("a", Language::Rust, "topi-saas")
    };
    assert!(refusal(&none).starts_with("a typed handler needs a provider"));
    let mut broken = plugin("a", Language::Rust, "topi");
    broken.provider.as_mut().expect("a provider").wit.clear();
    assert!(refusal(&broken).starts_with("the provider topi has no WIT file"));
}

#[test]
fn existing_folder_is_not_touched() {
    let parent = tempfile::tempdir().expect("made");
    fs::create_dir(parent.path().join("mine")).expect("made");

    let error = new(parent.path(), &plugin("mine", Language::Rust, "topi-saas"));
    let error = error.expect_err("refused").to_string();
    assert!(
        error.ends_with("mine exists; choose another name, or remove it"),
        "{error}"
    );
    assert_eq!(names(parent.path()), ["mine"]);
    assert_eq!(names(&parent.path().join("mine")), Vec::<String>::new());
}
