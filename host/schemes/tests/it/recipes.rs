//! Recipes and parts of recipes for the tests of verifying and signing.

use std::time::Duration;

use hookyard_schemes::Freshness;
use hookyard_schemes::recipe::{
    Algorithm, Encoding, Hash, Recipe, SignedPiece, TimeFormat, TimePlace,
};
use hookyard_schemes::value::{Part, Place, PlaceKind, Template};

/// Returns the recipe of GitHub: a signature in hex over the body alone.
pub(crate) fn github() -> Recipe {
    Recipe {
        algorithm: hmac(Hash::Sha256, Encoding::Utf8),
        encoding: Encoding::Hex,
        signature: after("X-Hub-Signature-256", "sha256="),
        timestamp: None,
        id: None,
        signed: signed("{body}"),
        digest: None,
        covers: None,
    }
}

pub(crate) const fn hmac(hash: Hash, key: Encoding) -> Algorithm {
    Algorithm::Hmac { hash, key }
}

pub(crate) fn place(word: &str, name: &str) -> Place {
    Place::whole(PlaceKind::parse(word, name).expect("a place"))
}

pub(crate) fn whole(header: &str) -> Place {
    place("header", header)
}

pub(crate) fn after(header: &str, prefix: &str) -> Place {
    Place {
        part: Part::After(prefix.into()),
        ..whole(header)
    }
}

pub(crate) fn pair(header: &str, separator: char, name: &str) -> Place {
    Place {
        part: pair_part(separator, name),
        ..whole(header)
    }
}

pub(crate) fn pair_part(separator: char, name: &str) -> Part {
    Part::Pair {
        name: name.into(),
        separator,
        trim: true,
    }
}

/// Returns a time that may be an hour away from now.
pub(crate) fn time(place: Place, format: TimeFormat) -> Option<TimePlace> {
    Some(TimePlace {
        place,
        format,
        freshness: within(3600),
    })
}

pub(crate) const fn within(seconds: u64) -> Freshness {
    Freshness {
        past: Duration::from_secs(seconds),
        future: Duration::from_secs(seconds),
    }
}

pub(crate) fn signed(text: &str) -> Vec<Template<SignedPiece>> {
    vec![Template::parse(text).expect("a template")]
}
