//! Signs messages by a recipe: the recipe that says where to read a signature says where to write
//! it.
//!
//! Some recipes can be read but not written, such as a signature within the body, or two values in
//! one header without names. They are refused when they are loaded.

use aws_lc_rs::hmac;
use hookyard_model::{Header, Timestamp};

use super::keys::{KeyCount, Keys, SigningKey};
use super::{SignError, UnsignedMessage, header, is_header_value, settable_header};
use crate::recipe::{Algorithm, Encoding, Hash, Recipe, SignedPiece, SignedValues, SourceValues};
use crate::value::{Fields, Part, Place, PlaceKind, Template};
use crate::verify::recipe::tag;
use crate::{Request, SetupError};

/// The method of all messages.
const METHOD: &str = "POST";

#[derive(Debug)]
pub(super) struct RecipeSigner {
    recipe: Recipe,
    /// The text that is signed: the first one, if the receiver accepts several.
    signed: Template<SignedPiece>,
    keys: Keys<hmac::Key>,
}

impl Recipe {
    /// Returns whether the host can sign by this recipe.
    pub fn can_sign(&self) -> bool {
        self.check_signing().is_ok()
    }

    /// Checks that the host can write what the recipe reads. Returns the hash of the HMAC and the
    /// encoding of its secrets.
    fn check_signing(&self) -> Result<(Hash, Encoding), SetupError> {
        self.check()?;
        let Algorithm::Hmac { hash, key } = self.algorithm else {
            return Err(one_way("only the sender has the private key; use `hmac`"));
        };
        let places: Vec<&Place> = places(self).collect();
        for place in &places {
            settable_header(header_of(place)?)?;
        }
        check_places(&places).map_err(one_way)?;
        writable_text(self)?;
        Ok((hash, key))
    }
}

impl RecipeSigner {
    pub(super) fn new(recipe: Recipe, secrets: &[SigningKey]) -> Result<Self, SetupError> {
        let (hash, key) = recipe.check_signing()?;
        let signed = writable_text(&recipe)?.clone();
        let keys = Keys::required("secret", secrets, |secret| hash.read_key(key, secret))?;
        Ok(Self {
            recipe,
            signed,
            keys,
        })
    }

    pub(super) fn sign(&self, message: &UnsignedMessage<'_>) -> Result<Vec<Header>, SignError> {
        let mut headers = HeaderValues::default();

        let mut timestamp = None;
        if let Some(time) = &self.recipe.timestamp {
            let text = time.format.write(message.now).ok_or(SignError::Time)?;
            headers.add(&time.place, timestamp.insert(text));
        }
        if let Some(id) = &self.recipe.id {
            headers.add(id, message.id);
        }

        let fields = Fields::new(Request {
            method: METHOD,
            path: "/",
            tail: None,
            query: None,
            headers: &(),
            body: message.body,
        });
        let values = SignedValues {
            fields: &fields,
            timestamp: timestamp.as_deref(),
            id: Some(message.id),
            source: &SourceValues::default(),
        };
        let signed = values.fill(&self.signed).map_err(SignError::Body)?;
        for key in self.signing_keys(message.now)? {
            let signature = tag(key, &signed);
            let text = self.recipe.encoding.encode(signature.as_ref());
            headers.add(&self.recipe.signature, &text);
        }

        Ok(headers
            .0
            .into_iter()
            .map(|(name, value)| header(&name, value))
            .collect())
    }

    /// Returns all live keys if the signature can be repeated, otherwise the first live key.
    fn signing_keys(&self, now: Timestamp) -> Result<Vec<&hmac::Key>, SignError> {
        let first = self.keys.first(now)?;
        Ok(match self.recipe.signature.part {
            Part::Pair { .. } => self.keys.live(now).collect(),
            Part::Whole | Part::After(_) => vec![first],
        })
    }

    /// Returns whether the scheme itself sends the id of the message.
    pub(super) const fn sends_id(&self) -> bool {
        self.recipe.id.is_some()
    }

    /// Returns whether the scheme sets this header.
    pub(super) fn sets(&self, name: &str) -> bool {
        places(&self.recipe).any(|place| header_of(place) == Ok(name))
    }

    pub(super) fn keys_at(&self, now: Timestamp) -> KeyCount {
        self.keys.count(now)
    }
}

/// Returns the places that are written, in the order in which they are written.
fn places(recipe: &Recipe) -> impl Iterator<Item = &Place> {
    let timestamp = recipe.timestamp.as_ref().map(|time| &time.place);
    [timestamp, recipe.id.as_ref(), Some(&recipe.signature)]
        .into_iter()
        .flatten()
}

/// Returns the header that a place is in.
fn header_of(place: &Place) -> Result<&str, SetupError> {
    match &place.kind {
        PlaceKind::Header(name) => Ok(name),
        kind => Err(one_way(format!(
            "it reads {kind}, and the host writes only headers; use a header"
        ))),
    }
}

/// Returns the first text that is signed, if the host knows all of its values.
fn writable_text(recipe: &Recipe) -> Result<&Template<SignedPiece>, SetupError> {
    let first = recipe.signed.first();
    let text = first.ok_or_else(|| one_way("`signed` is empty; add the text"))?;
    let is_unknown = |piece: &SignedPiece| {
        use SignedPiece::{FormSorted, Setting, Url, UrlPort};
        matches!(piece, FormSorted | Setting(_) | Url | UrlPort)
    };
    let is_of_request = |place: &Place| place.kind.pointer().is_none();
    if text.own_pieces().any(is_unknown) || text.places().any(is_of_request) {
        return Err(one_way(
            "`signed` contains a value that the host does not have when it sends; use `{body}`, \
             `{timestamp}`, `{id}` and fields of the body",
        ));
    }
    if recipe.digest.is_some() {
        return Err(one_way("the host does not send `digest`; remove it"));
    }
    Ok(text)
}

fn one_way(why: impl Into<String>) -> SetupError {
    SetupError::OneWay { why: why.into() }
}

/// Header names with the values that have been added so far.
#[derive(Default)]
struct HeaderValues(Vec<(String, String)>);

impl HeaderValues {
    fn add(&mut self, place: &Place, value: &str) {
        let Ok(header) = header_of(place) else {
            return;
        };
        let (separator, written) = match &place.part {
            Part::Whole => (None, value.to_owned()),
            Part::After(prefix) => (None, format!("{prefix}{value}")),
            Part::Pair {
                name, separator, ..
            } => (Some(*separator), format!("{name}={value}")),
        };

        match self.0.iter_mut().find(|(name, _)| name == header) {
            Some((_, before)) => {
                before.extend(separator);
                before.push_str(&written);
            }
            None => self.0.push((header.to_owned(), written)),
        }
    }
}

/// Checks that values written to these places can be read from them again.
fn check_places(places: &[&Place]) -> Result<(), String> {
    for (index, place) in places.iter().enumerate() {
        check_text(place)?;

        for other in &places[index + 1..] {
            if other.kind == place.kind && !can_share_header(&place.part, &other.part) {
                return Err(format!(
                    "two values are in {}; give each value a header of its own, or a `pair` with the \
                     same separator",
                    place.kind
                ));
            }
        }
    }
    Ok(())
}

/// Returns whether two values can be in one header: both are pairs with different names.
fn can_share_header(one: &Part, other: &Part) -> bool {
    match (one, other) {
        (
            Part::Pair {
                name, separator, ..
            },
            Part::Pair {
                name: other_name,
                separator: other_separator,
                ..
            },
        ) => separator == other_separator && name != other_name,
        _ => false,
    }
}

fn check_text(place: &Place) -> Result<(), String> {
    // A separator that can occur in a time, an id or a signature would end the value too early.
    let can_be_in_value = |c: char| c.is_ascii_alphanumeric() || "+/=-_.:".contains(c);

    match &place.part {
        Part::Pair { separator, .. }
            if can_be_in_value(*separator) || !(' '..='~').contains(separator) =>
        {
            Err(format!(
                "`{}` cannot separate pairs; use `,` or `;`",
                separator.escape_debug()
            ))
        }
        Part::Pair {
            name, separator, ..
        } if !is_header_value(name.as_bytes()) || name.contains(['=', *separator]) => Err(format!(
            "`{}` cannot be the name of a pair",
            name.escape_debug()
        )),
        // A prefix may end in a space, because a value follows it.
        Part::After(prefix)
            if !prefix.is_empty() && !is_header_value(format!("{prefix}.").as_bytes()) =>
        {
            Err(format!(
                "`{}` cannot be written before a value",
                prefix.escape_debug()
            ))
        }
        _ => Ok(()),
    }
}
