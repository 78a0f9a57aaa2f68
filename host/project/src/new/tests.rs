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

/// The capabilities of the suite for all languages.
fn everything() -> Imports {
    crate::Capability::ALL.into_iter().collect()
}

/// Makes a plugin, checks the parts that all languages have, and returns its files.
fn made(plugin: &NewPlugin) -> Files {
    let parent = tempfile::tempdir().expect("made");
    let created = new(parent.path(), plugin).expect("made");
    assert_eq!(
        names(parent.path()),
        [plugin.name.as_str()],
        "nothing else is left"
    );
    assert_eq!(created.next[0], format!("cd {}", plugin.name));

    let manifest = Manifest::read(&created.folder).expect("valid");
    assert_eq!(
        (&manifest.name, manifest.language),
        (&plugin.name, plugin.language)
    );
    wit::read(&created.folder.join("wit")).expect("valid");
    let files = Files::read(&created.folder).expect("read");
    for path in ["README.md", ".gitignore", "wit/plugin.wit"] {
        assert!(files.get(path).is_some(), "{}: {path}", plugin.language);
    }
    assert!(
        files.iter().any(|(path, _)| path.starts_with("gen/sdk/")),
        "{}",
        plugin.language
    );
    files
}

/// Fails if a file of the author has a placeholder that a template should have filled in.
fn has_no_placeholder(language: Language, files: &Files) {
    let own = files
        .iter()
        .filter(|(path, _)| !path.starts_with("gen/") && !path.starts_with("wit/"));
    for (path, content) in own {
        let text = String::from_utf8_lossy(content);
        for left in [
            "{{provider",
            "{{case",
            "{{package",
            "{{name",
            "@each",
            "@other",
            "@first",
        ] {
            assert!(!text.contains(left), "{language}: {path} contains {left}");
        }
        assert_eq!(
            with_name(&text, "?"),
            text,
            "{language}: {path} has the example's name"
        );
    }
}

#[test]
fn each_language_has_the_example() {
    for language in Language::ALL {
        let files = made(&plugin("check-offers", language, "topi-saas"));
        has_no_placeholder(language, &files);
        for fixture in ["good", "wrong-sum", "paused", "other"] {
            let path = format!("fixtures/{fixture}.json");
            assert!(files.get(&path).is_some(), "{language}: {path}");
        }
    }
}

#[test]
fn each_language_has_typed_templates() {
    for language in Language::ALL {
        for provider in ["tipser", "topi", "topper"] {
            let files = made(&plugin("check-offers", language, provider));
            has_no_placeholder(language, &files);
            let samples = built_in(provider).samples.len();
            let fixtures = files
                .iter()
                .filter(|(path, _)| path.starts_with("fixtures/"))
                .count();
            assert_eq!(fixtures, samples, "{language}");
        }
    }
}

#[test]
fn each_language_has_an_untyped_template() {
    for language in Language::ALL {
        let untyped = NewPlugin {
            is_untyped: true,
            imports: everything(),
            ..plugin("check-offers", language, "topper")
        };
        let files = made(&untyped);
        has_no_placeholder(language, &files);
        let world = files.text("wit/plugin.wit").expect("text");
        assert!(
            world.contains("export hookyard:plugin/handler@0.1.0;"),
            "{language}"
        );
        let manifest = files.text(Manifest::FILE).expect("text");
        assert!(!manifest.contains("provider"), "{language}: {manifest}");

        let alone = NewPlugin {
            provider: None,
            ..untyped
        };
        assert!(made(&alone).get("fixtures").is_none(), "{language}");
    }
}

#[test]
fn own_provider_is_copied() {
    let own: Files = [("provider.toml".to_owned(), b"name = 1".to_vec())]
        .into_iter()
        .collect();
    let mut plugin = plugin("check-offers", Language::Rust, "topi");
    plugin.provider.as_mut().expect("a provider").own = Some(own);

    let files = made(&plugin);
    assert_eq!(files.text("providers/topi/provider.toml"), Some("name = 1"));
    let config = files.text("hookyard.toml").expect("written");
    assert!(
        config.ends_with("[providers]\nfolder = \"providers\"\n"),
        "{config}"
    );
}

/// A provider whose variant has a case without a payload, and no case `other`.
#[test]
fn unusual_provider_has_templates() {
    let text = "package shop-front:webhooks;
interface handler {
    use hookyard:plugin/types@0.1.0.{delivery, failure};
    record order { id: string, %type: string }
    variant event { order-paid(order), ping }
    handle: func(delivery: delivery, event: event) -> result<_, failure>;
}";
    for language in Language::ALL {
        let mut plugin = plugin("check-offers", language, "topi");
        plugin.provider = Some(ProviderFiles {
            name: "shop-front".to_owned(),
            package: "shop-front:webhooks".to_owned(),
            wit: vec![("shop-front.wit".to_owned(), text.to_owned())],
            ..ProviderFiles::default()
        });
        has_no_placeholder(language, &made(&plugin));
    }
}
