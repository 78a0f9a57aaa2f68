//! Verifies requests by an HMAC recipe.

use aws_lc_rs::{constant_time, hmac};
use hookyard_model::Timestamp;

use super::credential::check_keys;
use super::{Freshness, Refusal, Request};
use crate::SetupError;
use crate::hmac::{Field, Part, Piece, Recipe, Settings, SignedValues, tag};

/// Senders sign once for each live key, and have two live keys during a rotation.
const SIGNATURES_MAX: usize = 32;
const ID_BYTES_MAX: usize = 512;

#[derive(Debug)]
pub(crate) struct HmacVerifier {
    recipe: Recipe,
    signed: Vec<Piece>,
    keys: Vec<hmac::Key>,
}

impl HmacVerifier {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SetupError> {
        let mut recipe = settings.recipe.clone().normalized()?;
        if let (Some(time), Some(tolerance)) = (&mut recipe.timestamp, settings.tolerance) {
            time.freshness = Freshness {
                past: tolerance,
                future: tolerance,
            };
        }

        check_keys("secret", &settings.secrets)?;
        let keys = settings
            .secrets
            .iter()
            .map(|secret| recipe.read_key(secret))
            .collect::<Result<_, _>>()?;

        Ok(Self {
            signed: recipe.signed_pieces()?,
            recipe,
            keys,
        })
    }

    /// Verifies a request. Returns the id of the message, if the sender gives one.
    pub(crate) fn verify(
        &self,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Option<String>, Refusal> {
        let signatures = self.recipe.signature.values(request)?;
        let timestamp = match &self.recipe.timestamp {
            Some(time) => Some(time.field.single_value(request)?),
            None => None,
        };
        let id = self.id(request)?;

        let values = SignedValues {
            body: request.body,
            timestamp: timestamp.unwrap_or_default(),
            id: id.unwrap_or_default(),
        };
        self.check_signatures(&signatures, &values.fill(&self.signed))?;

        if let (Some(time), Some(text)) = (&self.recipe.timestamp, timestamp) {
            let signed_at = time.format.read(text).ok_or_else(|| {
                time.field
                    .malformed("is not a time in the format of the recipe")
            })?;
            time.freshness.check(signed_at, now)?;
        }
        Ok(id.map(str::to_owned))
    }

    fn check_signatures(&self, signatures: &[&str], signed: &[&[u8]]) -> Result<(), Refusal> {
        if signatures.len() > SIGNATURES_MAX {
            return Err(self.recipe.signature.malformed("has too many signatures"));
        }
        let given: Vec<_> = signatures
            .iter()
            .filter_map(|text| self.recipe.encoding.decode(text.as_bytes()))
            .collect();

        // Every key is compared with every signature, so that the time reveals nothing.
        let mut is_valid = false;
        for key in &self.keys {
            let tag = tag(key, signed);
            for given in &given {
                is_valid |= constant_time::verify_slices_are_equal(tag.as_ref(), given).is_ok();
            }
        }
        if is_valid {
            Ok(())
        } else {
            Err(Refusal::BadSignature)
        }
    }

    /// Returns the id of the message. An id that is signed must be there; any other id is optional.
    fn id<'a>(&self, request: &Request<'a>) -> Result<Option<&'a str>, Refusal> {
        let Some(field) = &self.recipe.id else {
            return Ok(None);
        };
        if !self.signed.contains(&Piece::Id) && request.optional_header(&field.header)?.is_none() {
            return Ok(None);
        }

        let id = field.single_value(request)?;
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            Err(field.malformed("has no id, or one that is too long"))
        } else {
            Ok(Some(id))
        }
    }
}

impl Field {
    /// Returns every value at this location; at least one.
    fn values<'a>(&self, request: &Request<'a>) -> Result<Vec<&'a str>, Refusal> {
        let value = request.ascii_header(&self.header)?;
        let values: Vec<_> = match &self.part {
            Part::Whole => vec![value],
            Part::After(prefix) => value.strip_prefix(prefix.as_str()).into_iter().collect(),
            Part::Pair { separator, name } => value
                .split(*separator)
                .filter_map(|pair| pair.split_once('='))
                .filter(|(found, _)| found == name)
                .map(|(_, value)| value)
                .collect(),
        };

        if values.is_empty() {
            Err(self.malformed("does not have the part that the recipe names"))
        } else {
            Ok(values)
        }
    }

    /// Returns the value at this location, which must be the only one.
    fn single_value<'a>(&self, request: &Request<'a>) -> Result<&'a str, Refusal> {
        match self.values(request)?.as_slice() {
            [value] => Ok(value),
            _ => Err(self.malformed("has more than one value")),
        }
    }

    fn malformed(&self, why: &str) -> Refusal {
        Refusal::MalformedHeader {
            name: self.header.clone(),
            why: why.to_owned(),
        }
    }
}
