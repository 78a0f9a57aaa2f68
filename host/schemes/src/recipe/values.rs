//! The values that fill in a signed text.

use std::borrow::Cow;

use super::encoding::hex;
use super::{Hash, JsonFields, SignedPiece, SourceValues, stringify};
use crate::value::{Fields, Piece, Place, PlaceKind, Template};
use crate::{JsonPointer, Refusal};

/// The values of one request, for its signed text.
pub(crate) struct SignedValues<'v, 'a> {
    pub(crate) fields: &'v Fields<'a>,
    pub(crate) timestamp: Option<&'v str>,
    pub(crate) id: Option<&'v str>,
    pub(crate) source: &'v SourceValues,
}

impl<'v> SignedValues<'v, '_> {
    /// Returns the text that is signed, as the slices that it consists of.
    pub(crate) fn fill(
        &self,
        text: &'v Template<SignedPiece>,
    ) -> Result<Vec<Cow<'v, [u8]>>, Refusal> {
        let filled = text.pieces().iter().map(|piece| match piece {
            Piece::Text(text) => Ok(Cow::Borrowed(text.as_bytes())),
            Piece::Value(place) => self.fields.get(place).map(bytes),
            Piece::Own(piece) => self.own(piece),
        });
        filled.collect()
    }

    fn own(&self, piece: &'v SignedPiece) -> Result<Cow<'v, [u8]>, Refusal> {
        let request = self.fields.request();
        let text = match piece {
            SignedPiece::Body => return Ok(Cow::Borrowed(request.body)),
            SignedPiece::Timestamp => return Ok(borrowed(self.timestamp)),
            SignedPiece::Id => return Ok(borrowed(self.id)),
            SignedPiece::Method => return Ok(borrowed(Some(request.method))),
            SignedPiece::Setting(name) => {
                return Ok(borrowed(self.source.settings.get(name).map(String::as_str)));
            }
            SignedPiece::FormSorted => return self.form_sorted().map(Cow::Owned),
            SignedPiece::Url => self.url(|url| url.with_query(request.query)),
            SignedPiece::UrlPort => self.url(|url| url.with_other_port(request.query)),
            SignedPiece::BodySha256 => hex(Hash::Sha256.digest(request.body).as_ref()),
            SignedPiece::BodyCrc32 => crc32fast::hash(request.body).to_string(),
            SignedPiece::JsonFields(fields) => self.json_fields(fields)?,
            SignedPiece::JsonStringify => self.json_stringify()?,
        };
        Ok(Cow::Owned(text.into_bytes()))
    }

    fn url(&self, write: impl FnOnce(&super::PublicUrl) -> String) -> String {
        self.source
            .public_url
            .as_ref()
            .map(write)
            .unwrap_or_default()
    }

    /// Returns the fields of a form in the order of their names, each name followed by its value.
    /// Equal pairs count once, as in Twilio's libraries. A body of another type has no fields.
    fn form_sorted(&self) -> Result<Vec<u8>, Refusal> {
        if !self.fields.has_form() {
            return Ok(Vec::new());
        }
        let mut pairs: Vec<_> = self.fields.form()?.iter().collect();
        pairs.sort_unstable();
        pairs.dedup();

        let parts = pairs.into_iter().flat_map(|(name, value)| [name, value]);
        Ok(parts.flat_map(|part| part.iter().copied()).collect())
    }

    fn json_fields(&self, fields: &JsonFields) -> Result<String, Refusal> {
        let values = fields.0.iter().map(|pointer| self.json_field(pointer));
        let values: Vec<_> = values.collect::<Result<_, _>>()?;
        Ok(values.join(":"))
    }

    /// Returns the value of a field; an absent one is empty. Only an absent one: an object in its
    /// place would reach a plugin and would not be signed.
    fn json_field(&self, pointer: &JsonPointer) -> Result<Cow<'v, str>, Refusal> {
        match self
            .fields
            .get(&Place::whole(PlaceKind::Json(pointer.clone())))
        {
            Err(Refusal::MissingField { .. }) => Ok(Cow::Borrowed("")),
            found => found.map(|value| Cow::Owned(value.into_owned())),
        }
    }

    /// Returns the JSON that the sender signed.
    ///
    /// Refuses a name that occurs twice, because the sender signed only the last value, and a
    /// number with more digits than the sender signed.
    fn json_stringify(&self) -> Result<String, Refusal> {
        let written = stringify(self.fields.request().body)?;
        match written.repeated {
            Some(name) => Err(crate::Unreadable::Repeated(name).into()),
            None if written.is_rounded => Err(Refusal::UnreadableBody {
                why: "a number has more digits than the signature covers".to_owned(),
            }),
            None => Ok(written.text),
        }
    }
}

fn borrowed(text: Option<&str>) -> Cow<'_, [u8]> {
    Cow::Borrowed(text.unwrap_or_default().as_bytes())
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}
