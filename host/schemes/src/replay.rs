//! Whether a stranger who has seen a request can send it again as another event.
//!
//! A signature without a date stays valid. A copy of a request is then recognized by its key alone,
//! and only if the signature covers the key.

use crate::provider::Provider;
use crate::recipe::{Coverage, Recipe, Settings, SignedPiece, coverage};
use crate::value::{Piece, Place, PlaceKind, Template};
use crate::{KeyPiece, KeyRule, Scheme, TypeRule};

/// Returns whether a copy of a signed request passes as another event. Schemes that sign nothing
/// have no such copies: everybody who knows the credential can send anything.
pub fn is_replayable(scheme: &Scheme, key: &KeyRule) -> bool {
    match scheme {
        Scheme::Recipe(settings) => {
            let signs = |piece: &Piece<KeyPiece>| settings.signs(piece);
            settings.recipe.timestamp.is_none() && !is_signed(scheme, key, signs)
        }
        Scheme::DetachedJws(_) => !is_signed(scheme, key, |piece| match piece {
            Piece::Value(place) => is_in_body(place),
            Piece::Own(KeyPiece::SchemeId) => false,
            Piece::Own(KeyPiece::BodySha256) | Piece::Text(_) => true,
        }),
        _ => false,
    }
}

/// The places of the values of an event that the signature of its request does not cover.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct UnsignedValues {
    /// The places of the key.
    pub key: Vec<String>,
    /// The places of the type.
    pub event_type: Vec<String>,
}

/// Returns the values of events that somebody who has seen a request can change. Schemes that sign
/// nothing have no such values: everybody who knows the credential can send anything.
pub fn unsigned_values(scheme: &Scheme, provider: &Provider) -> UnsignedValues {
    let signs = |place: &Place| match scheme {
        Scheme::Recipe(settings) => settings.signs(&Piece::Value(place.clone())),
        Scheme::HttpSignatures(settings) => settings.rules.covers(place),
        Scheme::StandardWebhooks(_) | Scheme::DetachedJws(_) => is_in_body(place),
        Scheme::Jwt(settings) => settings.body_sha256.is_none() || is_in_body(place),
        _ => true,
    };
    let unsigned = |places: &mut dyn Iterator<Item = &Place>| {
        let unsigned = places.filter(|place| !signs(place));
        let mut names: Vec<_> = unsigned.map(|place| place.kind.to_string()).collect();
        names.dedup();
        names
    };

    let key = possible(scheme, &provider.key);
    let types = match &provider.event_type {
        TypeRule::FirstOf(alternatives) => &alternatives[..],
        TypeRule::Shapes(_) | TypeRule::None => &[],
    };
    UnsignedValues {
        key: unsigned(&mut key.flat_map(Template::places)),
        event_type: unsigned(&mut types.iter().flat_map(Template::places)),
    }
}

/// Returns whether the signature covers a whole key, whichever alternative it is.
fn is_signed(scheme: &Scheme, key: &KeyRule, signs: impl Fn(&Piece<KeyPiece>) -> bool) -> bool {
    let mut pieces = possible(scheme, key).flat_map(Template::pieces);
    *key != KeyRule::None && pieces.all(signs)
}

/// Returns the alternatives of a key that can apply: those after an alternative whose values are in
/// every request never do.
fn possible<'k>(scheme: &Scheme, key: &'k KeyRule) -> impl Iterator<Item = &'k Template<KeyPiece>> {
    let has_id = match scheme {
        Scheme::StandardWebhooks(_) | Scheme::AwsSns(_) => true,
        Scheme::Recipe(settings) => settings.signs(&Piece::Own(KeyPiece::SchemeId)),
        _ => false,
    };
    let is_always_there = move |piece: &Piece<KeyPiece>| match piece {
        Piece::Own(KeyPiece::SchemeId) => has_id,
        Piece::Own(KeyPiece::BodySha256) | Piece::Text(_) => true,
        Piece::Value(_) => false,
    };
    let alternatives = key.alternatives();
    let last = alternatives
        .iter()
        .position(|text| text.pieces().iter().all(is_always_there));
    alternatives[..last.map_or(alternatives.len(), |last| last + 1)].iter()
}

fn is_in_body(place: &Place) -> bool {
    matches!(place.kind, PlaceKind::Json(_) | PlaceKind::Form(_))
}

impl Settings {
    /// Returns whether the signature covers a piece of a key.
    fn signs(&self, piece: &Piece<KeyPiece>) -> bool {
        let recipe = &self.recipe;
        match piece {
            Piece::Text(_) => true,
            Piece::Own(KeyPiece::BodySha256) => self.signs_event(),
            Piece::Own(KeyPiece::SchemeId) => recipe.all_texts(|text| text.has(&[SignedPiece::Id])),
            Piece::Value(place) if is_in_body(place) => self.signs_event(),
            Piece::Value(place) => recipe.all_texts(|text| signs_place(text, place)),
        }
    }

    /// Returns whether what a plugin gets is signed. If only fields of a body are signed, a plugin
    /// gets no others.
    fn signs_event(&self) -> bool {
        let recipe = &self.recipe;
        let is_whole = recipe.all_texts(|text| coverage(text) != Coverage::Fields);
        is_whole
            || recipe.digest.is_some()
            || (recipe.covers.is_some() && !self.source.unsigned_body)
    }
}

impl Recipe {
    fn all_texts(&self, holds: impl Fn(&Template<SignedPiece>) -> bool) -> bool {
        self.signed.iter().all(holds)
    }
}

/// Returns whether a text contains the value at a place that is not in the body.
fn signs_place(text: &Template<SignedPiece>, place: &Place) -> bool {
    let has_url = text.has(&[SignedPiece::Url, SignedPiece::UrlPort]);
    let is_in_url = matches!(place.kind, PlaceKind::Query(_)) && has_url;
    is_in_url || text.places().any(|signed| signed == place)
}
