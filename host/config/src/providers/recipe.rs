//! The `hmac` and `public-key` tables of a provider's scheme or of a destination, and the `token`
//! table: how a request proves its sender.
//!
//! A recipe is checked when it is read, so that a recipe that cannot work is a fault of its own
//! file.

mod certificate;

use std::convert::Infallible;
use std::time::Duration;

use hookyard_schemes::recipe::{
    Algorithm, BodyDigest, EcdsaForm, Encoding, Hash, KeyOrigin, PublicKeyAlgorithm, Recipe,
    SignedPiece, TimeFormat, TimePlace,
};
use hookyard_schemes::value::{Place, Template};
use hookyard_schemes::{Freshness, JsonPointer, SetupError};

use super::read::pointer;
use super::value::{place, value};
use crate::document::{Entry, Section, unknown};

/// How far a signed time may be from the present, unless the recipe sets `tolerance`.
const TOLERANCE: Duration = Duration::from_secs(300);

/// Reads the recipe of an HMAC.
pub fn hmac(section: &Section<'_>) -> Option<Recipe> {
    let hash = choice(section, "hash", &Hash::ALL);
    let key = match section.entry("key") {
        Some(_) => choice(section, "key", &Encoding::OF_KEYS),
        None => Some(Encoding::Utf8),
    };
    let algorithm = hash
        .zip(key)
        .map(|(hash, key)| Algorithm::Hmac { hash, key });
    recipe(section, algorithm)
}

/// Reads the recipe of a signature with a public key.
pub fn public_key(section: &Section<'_>) -> Option<Recipe> {
    let algorithm = choice(section, "alg", &PublicKeyAlgorithm::ALL);
    let form = section.entry("form").map(|entry| {
        let forms = [("der", EcdsaForm::Der), ("raw", EcdsaForm::Raw)];
        let form = choice(section, "form", &forms)?;
        let formed = algorithm?.with_form(form);
        if formed.is_none() {
            entry.fault("applies only to ECDSA; remove it");
        }
        formed
    });

    let algorithm = match form {
        Some(formed) => formed,
        None => algorithm,
    };
    let keys = match section.entry("certificate") {
        Some(entry) => entry
            .table(certificate::read)
            .map(|origin| KeyOrigin::Certificate(Box::new(origin))),
        None => Some(KeyOrigin::Source),
    };
    let algorithm = algorithm
        .zip(keys)
        .map(|(algorithm, keys)| Algorithm::PublicKey { algorithm, keys });
    recipe(section, algorithm)
}

/// Reads the place of a token.
pub fn token(section: &Section<'_>) -> Option<Place> {
    let Some(entry) = section.entry("from") else {
        section.missing(
            "from",
            "the place of the token, such as { query = \"code\" }",
        );
        return None;
    };
    single_place(&entry)
}

/// Reads what all recipes have.
fn recipe(section: &Section<'_>, algorithm: Option<Algorithm>) -> Option<Recipe> {
    let faults_before = section.fault_count();
    let encoding = choice(section, "encoding", &Encoding::OF_SIGNATURES);
    let signature = section.entry("signature");
    if signature.is_none() {
        let what_for = "the place of the signature, such as { header = \"X-Signature\" }";
        section.missing("signature", what_for);
    }
    let signature = signature.and_then(|entry| single_place(&entry));
    let timestamp = section
        .entry("timestamp")
        .and_then(|entry| entry.table(time_place));
    let id = section.entry("id").and_then(|entry| single_place(&entry));
    let signed = signed(section);
    let digest = section
        .entry("digest")
        .and_then(|entry| entry.table(body_digest));
    let covers = section.entry("covers").map(|entry| pointers(&entry));

    let recipe = Recipe {
        algorithm: algorithm?,
        encoding: encoding?,
        signature: signature?,
        timestamp,
        id,
        signed: signed?,
        digest,
        covers,
    };
    if section.fault_count() > faults_before {
        return None;
    }
    checked(section, recipe)
}

/// Checks a recipe, and reports what cannot work at the key with the defect.
fn checked(section: &Section<'_>, recipe: Recipe) -> Option<Recipe> {
    let Err(error) = recipe.check() else {
        return Some(recipe);
    };
    match error {
        SetupError::Recipe { key, why } => match section.entry(key) {
            Some(entry) => entry.fault(why),
            None => section.fault(format_args!("`{key}` {why}")),
        },
        error => section.fault(error),
    }
    None
}

/// Reads a value that consists of one place.
fn single_place(entry: &Entry<'_>) -> Option<Place> {
    let template = value::<Infallible>(entry)?;
    let place = template.single_place().cloned();
    if place.is_none() {
        entry.fault("must be one place, such as \"{header:X-Signature}\", without further text");
    }
    place
}

/// Reads `signed`: one text, or a list of alternatives.
fn signed(section: &Section<'_>) -> Option<Vec<Template<SignedPiece>>> {
    let Some(entry) = section.entry("signed") else {
        section.missing("signed", "the signed text, such as \"{timestamp}.{body}\"");
        return None;
    };
    let texts = if entry.is_list() {
        entry.items()
    } else {
        vec![entry]
    };
    texts.iter().map(value::<SignedPiece>).collect()
}

fn pointers(entry: &Entry<'_>) -> Vec<JsonPointer> {
    entry.items().iter().filter_map(pointer).collect()
}

/// Reads a key whose value must be one of the names in `choices`.
pub(super) fn choice<T: Copy>(
    section: &Section<'_>,
    key: &'static str,
    choices: &[(&'static str, T)],
) -> Option<T> {
    let names = || choices.iter().map(|(name, _)| *name);
    let list = names().collect::<Vec<_>>().join(", ");
    let given = section.require::<String>(key, &format!("one of {list}"))?;

    let chosen = choices.iter().find(|(name, _)| *name == given);
    if chosen.is_none() {
        let message = unknown("value", &given, names());
        section
            .entry(key)?
            .fault(format_args!("{message} (choose one of {list})"));
    }
    chosen.map(|(_, choice)| *choice)
}

/// Reads the place of the time of the signature.
fn time_place(section: &Section<'_>) -> Option<TimePlace> {
    let format = match section.entry("format") {
        Some(_) => choice(section, "format", &TimeFormat::ALL),
        None => Some(TimeFormat::UnixSeconds),
    };
    let tolerance = section.get_or("tolerance", TOLERANCE);

    let freshness = Freshness {
        past: tolerance,
        future: tolerance,
    };
    Some(TimePlace {
        place: place(section)?,
        format: format?,
        freshness,
    })
}

/// Reads the place of a digest of the body.
fn body_digest(section: &Section<'_>) -> Option<BodyDigest> {
    let hash = choice(section, "hash", &Hash::ALL);
    let encoding = choice(section, "encoding", &Encoding::OF_SIGNATURES);
    Some(BodyDigest {
        place: place(section)?,
        hash: hash?,
        encoding: encoding?,
    })
}
