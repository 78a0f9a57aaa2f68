//! HMAC schemes as data, the other way round: the recipe that says where to read a signature says where to write it.
//!
//! Some recipes can be read and not written, such as two values in one header without a name; those are refused at load.

use aws_lc_rs::hmac;
use hookyard_model::{Header, Timestamp};

use super::keys::{KeyCount, Keys, SigningKey};
use super::{Outgoing, SignError, header, is_value, own_header};
use crate::SetupError;
use crate::hmac::{Encoding, Field, Part, Piece, Recipe, key, normal, pieces};

#[derive(Debug)]
pub(super) struct Compiled {
    recipe: Recipe,
    signed: Vec<Piece>,
    keys: Keys<hmac::Key>,
}

impl Compiled {
    pub(super) fn new(recipe: Recipe, secrets: &[SigningKey]) -> Result<Self, SetupError> {
        let recipe = normal(recipe)?;
        let fields: Vec<&Field> = recipe.fields().collect();
        fields
            .iter()
            .try_for_each(|field| own_header(&field.header).map(drop))?;
        check(&fields).map_err(|why| SetupError::OneWay { why })?;
        let keys = Keys::some("secret", secrets, |secret| key(&recipe, secret))?;
        Ok(Self {
            signed: pieces(&recipe)?,
            recipe,
            keys,
        })
    }

    pub(super) fn sign(&self, outgoing: &Outgoing<'_>) -> Result<Vec<Header>, SignError> {
        let now = outgoing.now;
        let time = self.recipe.timestamp.as_ref();
        let timestamp = time
            .map(|time| time.format.write(now).ok_or(SignError::Time))
            .transpose()?
            .unwrap_or_default();
        let signed = self.signed.iter().fold(Vec::new(), |mut signed, piece| {
            signed.extend_from_slice(match piece {
                Piece::Text(text) => text.as_bytes(),
                Piece::Body => outgoing.body,
                Piece::Timestamp => timestamp.as_bytes(),
                Piece::Id => outgoing.id.as_bytes(),
            });
            signed
        });
        let mut values = Values::default();
        if let Some(time) = time {
            values.add(&time.field, &timestamp);
        }
        if let Some(id) = &self.recipe.id {
            values.add(id, outgoing.id);
        }
        let first = self.keys.first(now)?;
        let keys = match self.recipe.signature.part {
            Part::Pair { .. } => self.keys.live(now).collect(),
            Part::Whole | Part::After(_) => vec![first],
        };
        for key in keys {
            values.add(
                &self.recipe.signature,
                &self
                    .recipe
                    .encoding
                    .encode(hmac::sign(key, &signed).as_ref()),
            );
        }
        Ok(values
            .0
            .into_iter()
            .map(|(name, value)| header(&name, value))
            .collect())
    }

    /// Whether there is a place for the message's id.
    pub(super) const fn sends_id(&self) -> bool {
        self.recipe.id.is_some()
    }

    /// Whether it sets this header.
    pub(super) fn sets(&self, name: &str) -> bool {
        self.recipe.fields().any(|field| field.header == name)
    }

    pub(super) fn keys_at(&self, now: Timestamp) -> KeyCount {
        self.keys.count(now)
    }
}

/// Headers as they come about, value by value.
#[derive(Default)]
struct Values(Vec<(String, String)>);

impl Values {
    fn add(&mut self, field: &Field, value: &str) {
        let (separator, written) = match &field.part {
            Part::Whole => (None, value.to_owned()),
            Part::After(prefix) => (None, format!("{prefix}{value}")),
            Part::Pair { separator, name } => (Some(*separator), format!("{name}={value}")),
        };
        match self.0.iter_mut().find(|(name, _)| *name == field.header) {
            Some((_, before)) => {
                before.extend(separator);
                before.push_str(&written);
            }
            None => self.0.push((field.header.clone(), written)),
        }
    }
}

/// Whether what is written to these places can be read from them again.
fn check(fields: &[&Field]) -> Result<(), String> {
    for (index, field) in fields.iter().enumerate() {
        check_text(field)?;
        for other in fields
            .iter()
            .skip(index + 1)
            .filter(|other| other.header == field.header)
        {
            let shares = match (&field.part, &other.part) {
                (
                    Part::Pair { separator, name },
                    Part::Pair {
                        separator: between,
                        name: another,
                    },
                ) => separator == between && name != another,
                _ => false,
            };
            if !shares {
                return Err(format!(
                    "two values stand in the header `{}`; give each a header or a `pair` of its own, with one separator",
                    field.header
                ));
            }
        }
    }
    Ok(())
}

fn check_text(field: &Field) -> Result<(), String> {
    // What may stand in a time, an id or a signature would end the value that it stands in.
    let may_be_in_a_value = |c: char| c.is_ascii_alphanumeric() || "+/=-_.:".contains(c);
    match &field.part {
        Part::Pair { separator, .. }
            if may_be_in_a_value(*separator) || !(' '..='~').contains(separator) =>
        {
            Err(format!(
                "`{}` can't stand between pairs when they are written; use `,` or `;`",
                separator.escape_debug()
            ))
        }
        Part::Pair { separator, name }
            if !is_value(name.as_bytes()) || name.contains(['=', *separator]) =>
        {
            Err(format!(
                "`{}` can't be written as the name of a pair",
                name.escape_debug()
            ))
        }
        // A prefix may end in a space, since a value follows it.
        Part::After(prefix) if !prefix.is_empty() && !is_value(format!("{prefix}.").as_bytes()) => {
            Err(format!(
                "`{}` can't be written before a value",
                prefix.escape_debug()
            ))
        }
        _ => Ok(()),
    }
}

impl Encoding {
    /// The one way in which `decode` takes it.
    fn encode(self, bytes: &[u8]) -> String {
        use base64::Engine as _;
        match self {
            Self::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Self::Base64 => base64::prelude::BASE64_STANDARD.encode(bytes),
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}
