//! Recipes that cannot work, or prove nothing.

use hookyard_schemes::recipe::{
    BodyDigest, Encoding, Hash, PublicUrl, Recipe, SourceValues, TimeFormat,
};
use hookyard_schemes::value::Place;

use super::{in_header, scheme};
use crate::recipes::{hmac, place, signed, time, whole};
use crate::verify::support::setup_error;

fn check(recipe: Recipe, expected: &str) {
    let error = recipe.check().expect_err(expected).to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn uncovered_body_is_refused() {
    for text in [
        "{timestamp}",
        "{url}",
        "{body-crc32}",
        "{json:/a}",
        "{header:a}",
    ] {
        let recipe = Recipe {
            timestamp: time(whole("X-Time"), TimeFormat::UnixSeconds),
            ..in_header(&format!("{{timestamp}}{text}"))
        };
        check(recipe, "does not cover the body");
    }
    for text in [
        "{body}",
        "{body-sha256}",
        "{json-stringify}",
        "{form-sorted}",
    ] {
        assert_eq!(in_header(text).check(), Ok(()), "{text}");
    }
    let one_of_two = Recipe {
        signed: [signed("{body}"), signed("{url}")].concat(),
        ..in_header("{body}")
    };
    check(one_of_two, "does not cover the body");
}

#[test]
fn covered_fields_must_be_signed() {
    let covers = |text: &str, covers: &[&str]| Recipe {
        covers: Some(
            covers
                .iter()
                .map(|text| text.parse().expect("a pointer"))
                .collect(),
        ),
        ..in_header(text)
    };
    assert_eq!(covers("{json:/a}", &["/a"]).check(), Ok(()));
    assert_eq!(covers("{json-fields:/r:a,b}", &["/r/b"]).check(), Ok(()));
    check(
        covers("{json:/a}", &["/b"]),
        "contains `/b`, which `signed` does not contain",
    );
    check(covers("{json:/a}", &["/a/b"]), "contains `/a/b`");
    check(covers("{body}", &["/a"]), "has no effect");
    check(covers("{json:}", &[""]), "cannot be a field of its own");
    check(
        covers("{json:/64}", &["/64"]),
        "cannot be a field of its own",
    );
}

#[test]
fn named_value_needs_a_place() {
    check(in_header("{timestamp}{body}"), "add `timestamp = { header");
    check(in_header("{id}{body}"), "add `id = { header");
    let unsigned_time = Recipe {
        timestamp: time(whole("X-Time"), TimeFormat::UnixSeconds),
        ..in_header("{body}")
    };
    check(unsigned_time, "the time proves nothing unless it is signed");
    let partly_signed = Recipe {
        timestamp: time(place("json", "/at"), TimeFormat::UnixSeconds),
        covers: Some(Vec::new()),
        ..in_header("{json:/other}")
    };
    check(partly_signed, "the time proves nothing");
    let no_text = Recipe {
        signed: Vec::new(),
        ..in_header("{body}")
    };
    check(no_text, "`signed` must be one text");
}

#[test]
fn digest_must_be_signed() {
    let digest = |place: Place, text: &str| Recipe {
        digest: Some(BodyDigest {
            place,
            hash: Hash::Sha256,
            encoding: Encoding::Hex,
        }),
        ..in_header(text)
    };
    assert_eq!(digest(place("query", "sha"), "{url}").check(), Ok(()));
    assert_eq!(
        digest(whole("X-Digest"), "{header:x-digest}").check(),
        Ok(())
    );
    check(digest(whole("X-Digest"), "{url}"), "`digest` is not signed");
    check(
        digest(place("json", "/sha"), "{json:/sha}"),
        "`digest` is not signed",
    );
}

#[test]
fn source_must_have_what_the_recipe_needs() {
    let nothing = SourceValues::default();
    let error =
        |recipe: Recipe, source: SourceValues| setup_error(scheme(recipe, source)).to_string();
    assert!(error(in_header("{url}{body}"), nothing.clone()).contains("add `public_url`"));
    let text = "{setting:webhook_id}{body}";
    assert!(error(in_header(text), nothing.clone()).contains("settings = { webhook_id = "));
    let mailgun = Recipe {
        covers: Some(Vec::new()),
        ..in_header("{header:x-token}")
    };
    assert!(error(mailgun, nothing).contains("`unsigned_body = true`"));
    assert!(PublicUrl::parse("a.example").is_err());
}

#[test]
fn unusable_secret_is_refused() {
    let recipe = |key| Recipe {
        algorithm: hmac(Hash::Sha256, key),
        ..in_header("{body}")
    };
    let error = setup_error(scheme(recipe(Encoding::Hex), SourceValues::default()));
    assert!(
        error.to_string().contains("it is not hexadecimal"),
        "{error}"
    );
    let bytes = Recipe {
        encoding: Encoding::Utf8,
        ..in_header("{body}")
    };
    check(bytes, "a signature consists of bytes");
}
