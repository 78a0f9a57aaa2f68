//! Checks a recipe when it is read, so that what cannot work is an error at once.

use hookyard_model::is_hidden;

use super::signed::SignedText;
use super::{Algorithm, CertificateOrigin, Encoding, KeyOrigin, Recipe, SignedPiece, SourceValues};
use crate::value::{Part, Piece, Place, PlaceKind};
use crate::{JsonPointer, SetupError};

/// The maximum number of alternative texts.
const TEXTS_MAX: usize = 8;
/// The maximum number of fields in `covers`.
const COVERS_MAX: usize = 64;
/// The maximum index of an array in `covers`: a plugin gets the items before it as null.
const INDEX_MAX: usize = 63;

const URL: [SignedPiece; 2] = [SignedPiece::Url, SignedPiece::UrlPort];

/// The part of a body that a signed text covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// Every byte of the body, or its meaning as JSON.
    Whole,
    /// All fields of the body if it is a form.
    Form,
    /// Nothing, or some fields.
    Fields,
}

impl Recipe {
    /// Checks that a signature by this recipe can be verified and proves what reaches a plugin.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError::Recipe`] with the key of the recipe that cannot work.
    pub fn check(&self) -> Result<(), SetupError> {
        if self.encoding == Encoding::Utf8 {
            return Err(refused(
                "encoding",
                "a signature consists of bytes; write it as hex or base64",
            ));
        }
        if self.signed.is_empty() || self.signed.len() > TEXTS_MAX {
            return Err(refused(
                "signed",
                format!("must be one text, or a list of at most {TEXTS_MAX}"),
            ));
        }
        for text in &self.signed {
            self.check_values(text)?;
            self.check_timestamp(text)?;
        }
        self.check_digest()?;
        self.check_coverage()
    }

    /// Checks that a source has what the recipe needs from it.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] that names what the source lacks.
    pub fn check_source(&self, source: &SourceValues) -> Result<(), SetupError> {
        if self.needs_public_url() && source.public_url.is_none() {
            return Err(SetupError::NoPublicUrl);
        }
        if let Some(name) = self
            .settings()
            .find(|name| !source.settings.contains_key(*name))
        {
            return Err(SetupError::MissingSetting {
                name: name.to_owned(),
            });
        }
        if self.leaves_body_unsigned() && !source.unsigned_body {
            return Err(SetupError::UnsignedBody);
        }
        Ok(())
    }

    /// Returns whether the URL is signed, so that a source must have a `public_url`.
    pub fn needs_public_url(&self) -> bool {
        self.signed.iter().any(|text| text.has(&URL))
    }

    /// Returns the names of the settings that a source must have.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        let pieces = self.signed.iter().flat_map(SignedText::own_pieces);
        let signed = pieces.filter_map(|piece| match piece {
            SignedPiece::Setting(name) => Some(name.as_str()),
            _ => None,
        });
        signed.chain(
            self.certificate()
                .into_iter()
                .flat_map(CertificateOrigin::settings),
        )
    }

    /// Returns where the key is if it is in a certificate.
    pub fn certificate(&self) -> Option<&CertificateOrigin> {
        match &self.algorithm {
            Algorithm::PublicKey {
                keys: KeyOrigin::Certificate(origin),
                ..
            } => Some(origin),
            _ => None,
        }
    }

    /// Returns whether nothing of the body is signed, so that a source must say `unsigned_body`.
    pub fn leaves_body_unsigned(&self) -> bool {
        self.covers.as_ref().is_some_and(Vec::is_empty)
    }

    /// Returns whether both sides have the secret.
    pub const fn is_hmac(&self) -> bool {
        matches!(self.algorithm, Algorithm::Hmac { .. })
    }

    /// Returns every location in the body that is read.
    pub(crate) fn pointers(&self) -> Vec<JsonPointer> {
        let of_time = self.timestamp.as_ref().map(|time| &time.place);
        let places = [Some(&self.signature), of_time, self.id.as_ref()];
        let mut pointers: Vec<_> = places
            .into_iter()
            .flatten()
            .chain(self.signed.iter().flat_map(SignedText::places))
            .filter_map(|place| place.kind.pointer().cloned())
            .chain(self.signed.iter().flat_map(json_fields).cloned())
            .collect();
        pointers.sort_unstable();
        pointers.dedup();
        pointers
    }

    /// Checks that every value of a signed text has a place.
    fn check_values(&self, text: &SignedText) -> Result<(), SetupError> {
        for (piece, key, is_there) in [
            (
                SignedPiece::Timestamp,
                "timestamp",
                self.timestamp.is_some(),
            ),
            (SignedPiece::Id, "id", self.id.is_some()),
        ] {
            if text.has(&[piece]) && !is_there {
                return Err(text.refused(format!(
                    "contains `{{{key}}}`, and the recipe does not say where to find the value; add \
                     `{key} = {{ header = \"…\" }}`"
                )));
            }
        }
        Ok(())
    }

    /// Checks that the time is signed. An unsigned time proves nothing.
    fn check_timestamp(&self, text: &SignedText) -> Result<(), SetupError> {
        let Some(time) = &self.timestamp else {
            return Ok(());
        };
        let is_signed = text.has(&[SignedPiece::Timestamp])
            || self.signs(text, &time.place)
            || match (&time.place.kind, coverage(text)) {
                (PlaceKind::Json(_), coverage) => coverage == Coverage::Whole,
                (PlaceKind::Form(_), coverage) => coverage != Coverage::Fields,
                _ => false,
            };
        if is_signed {
            Ok(())
        } else {
            Err(text.refused(
                "does not contain `{timestamp}`, and the time proves nothing unless it is signed; add \
                 it, or remove `timestamp`",
            ))
        }
    }

    /// Checks that the digest of the body is itself signed.
    fn check_digest(&self) -> Result<(), SetupError> {
        let Some(digest) = &self.digest else {
            return Ok(());
        };
        if digest.encoding == Encoding::Utf8 {
            return Err(refused(
                "digest",
                "needs an encoding: hex, base64 or base64url",
            ));
        }
        let is_signed = self
            .signed
            .iter()
            .all(|text| self.signs(text, &digest.place));
        if is_signed
            && matches!(
                digest.place.kind,
                PlaceKind::Header(_) | PlaceKind::Query(_)
            )
        {
            Ok(())
        } else {
            Err(refused(
                "digest",
                "is not signed; `signed` must contain its header or query parameter, or `{url}`",
            ))
        }
    }

    /// Returns whether a text contains a place outside the body.
    fn signs(&self, text: &SignedText, place: &Place) -> bool {
        let is_in_url = matches!(place.kind, PlaceKind::Query(_)) && text.has(&URL);
        let whole = Place::whole(place.kind.clone());
        is_in_url
            || text
                .places()
                .any(|signed| signed == place || *signed == whole)
    }

    /// Checks that the body is covered, or that `covers` says which fields are.
    fn check_coverage(&self) -> Result<(), SetupError> {
        let leaves_out =
            |text: &&SignedText| coverage(text) == Coverage::Fields && self.digest.is_none();
        let uncovered = self.signed.iter().find(leaves_out);
        match (uncovered, &self.covers) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(refused(
                "covers",
                "has no effect, because the signature covers the body; remove it",
            )),
            (Some(text), None) => Err(text.refused(
                "does not cover the body, so that anybody could change it; add `{body}`, or name the \
                 signed fields in `covers`",
            )),
            (Some(_), Some(covers)) => self.check_covers(covers),
        }
    }

    /// Checks that every text signs each field that reaches a plugin.
    fn check_covers(&self, covers: &[JsonPointer]) -> Result<(), SetupError> {
        if covers.len() > COVERS_MAX {
            return Err(refused(
                "covers",
                format!("can contain at most {COVERS_MAX} fields"),
            ));
        }
        for pointer in covers {
            let is_signed =
                |text: &SignedText| self.signed_fields(text).any(|field| field == pointer);
            if !self.signed.iter().all(is_signed) {
                return Err(refused(
                    "covers",
                    format!("contains `{pointer}`, which `signed` does not contain"),
                ));
            }
            let is_short = |token: &&str| token.parse().is_ok_and(|index: usize| index > INDEX_MAX);
            if pointer.is_root()
                || pointer.as_str().chars().any(is_hidden)
                || pointer.as_str().split('/').any(|token| is_short(&token))
            {
                return Err(refused(
                    "covers",
                    format!("contains `{pointer}`, which cannot be a field of its own"),
                ));
            }
        }
        Ok(())
    }

    /// Returns the fields of the body whose whole values a text contains.
    fn signed_fields<'a>(&'a self, text: &'a SignedText) -> impl Iterator<Item = &'a JsonPointer> {
        let time = self.timestamp.as_ref().map(|time| &time.place);
        let time = time.filter(|_| text.has(&[SignedPiece::Timestamp]));
        let id = self.id.as_ref().filter(|_| text.has(&[SignedPiece::Id]));
        text.places()
            .chain(time)
            .chain(id)
            .filter(|place| place.part == Part::Whole)
            .filter_map(|place| place.kind.pointer())
            .chain(json_fields(text))
    }
}

/// Returns the part of a body that a text covers.
pub(crate) fn coverage(text: &SignedText) -> Coverage {
    const WHOLE: [SignedPiece; 3] = [
        SignedPiece::Body,
        SignedPiece::BodySha256,
        SignedPiece::JsonStringify,
    ];
    if text.has(&WHOLE) {
        Coverage::Whole
    } else if text.has(&[SignedPiece::FormSorted]) {
        Coverage::Form
    } else {
        Coverage::Fields
    }
}

fn json_fields(text: &SignedText) -> impl Iterator<Item = &JsonPointer> {
    text.pieces().iter().flat_map(|piece| match piece {
        Piece::Own(SignedPiece::JsonFields(fields)) => fields.0.as_slice(),
        _ => &[],
    })
}

fn refused(key: &'static str, why: impl Into<String>) -> SetupError {
    SetupError::Recipe {
        key,
        why: why.into(),
    }
}
