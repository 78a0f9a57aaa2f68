//! Texts with values in braces.

use std::borrow::Cow;

use hookyard_schemes::Refusal;
use hookyard_schemes::value::{Fields, OwnPiece, Template};

use super::with_request;

/// The pieces of a made-up kind of template.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Loud(String);

impl OwnPiece for Loud {
    const FORMS: &'static [&'static str] = &["{loud:WORD}"];

    fn parse(text: &str) -> Option<Result<Self, String>> {
        let word = text.strip_prefix("loud:")?;
        Some(match word {
            "" => Err("`{loud:…}` needs a word".to_owned()),
            word => Ok(Self(word.to_uppercase())),
        })
    }
}

fn fill(text: &str) -> Result<Option<String>, Refusal> {
    let template: Template<Loud> = Template::parse(text).expect("a template");
    with_request("q=1&e=1&e=1", r#"{"a":{"b":"x"}}"#, |request| {
        template.fill(&Fields::new(request), |Loud(word)| {
            Ok((word != "NONE").then(|| Cow::Owned(word.clone())))
        })
    })
}

#[test]
fn text_is_filled_with_values() {
    for (text, expected) in [
        (
            "{header:X-Hub-Signature}/{json:/a/b}.{query:q}",
            Some("sha256=ab/x.1"),
        ),
        ("{{{json:/a/b}}}", Some("{x}")),
        ("fixed", Some("fixed")),
        ("{loud:a}{loud:b}", Some("AB")),
        ("{query:q}{query:none}", None),
        ("{query:q}{loud:none}", None),
    ] {
        let filled = fill(text).expect("readable");
        assert_eq!(filled.as_deref(), expected, "{text}");
    }
    assert!(fill("{query:e}").expect_err("repeated").is_repetition());
}

#[test]
fn error_of_a_template_names_the_way_out() {
    for (text, expected) in [
        ("", "it is empty"),
        ("a{json:/x", "a `{` has no `}`; write `{{` for a brace"),
        ("a}b", "a `}` has no `{`; write `}}` for a brace"),
        (
            "{body}",
            "`{body}` is not known; it can contain `{header:NAME}`",
        ),
        ("{bodies:x}", "`{loud:WORD}`"),
        ("{/status}", "`{/status}` is now written `{json:/status}`"),
        ("{json:status}", "`status` is not a JSON pointer"),
        ("{header:a b}", "`a b` is not a header name"),
        ("{query:}", "not the name of a parameter"),
        ("{loud:}", "needs a word"),
    ] {
        let error = Template::<Loud>::parse(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn places_are_listed_in_order() {
    let template: Template<Loud> =
        Template::parse("{json:/a}{loud:x}{header:B}{json:/c}").expect("a template");
    let pointers: Vec<_> = template
        .pointers()
        .map(|pointer| pointer.as_str())
        .collect();
    assert_eq!(pointers, ["/a", "/c"]);
    assert_eq!(template.places().count(), 3);
    assert_eq!(template.single_place(), None);
}
