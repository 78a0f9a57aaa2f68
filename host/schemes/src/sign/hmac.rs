//! Signs messages by an HMAC recipe: the recipe that says where to read a signature says where to
//! write it.
//!
//! Some recipes can be read but not written, such as two values in one header without names. They
//! are refused when they are loaded.

use aws_lc_rs::hmac;
use hookyard_model::{Header, Timestamp};

use super::keys::{KeyCount, Keys, SigningKey};
use super::{SignError, UnsignedMessage, header, is_header_value, settable_header};
use crate::SetupError;
use crate::hmac::{Field, Part, Piece, Recipe, SignedValues, tag};

#[derive(Debug)]
pub(super) struct HmacSigner {
    recipe: Recipe,
    signed: Vec<Piece>,
    keys: Keys<hmac::Key>,
}

impl HmacSigner {
    pub(super) fn new(recipe: Recipe, secrets: &[SigningKey]) -> Result<Self, SetupError> {
        let recipe = recipe.normalized()?;
        let fields: Vec<&Field> = recipe.fields().collect();
        for field in &fields {
            settable_header(&field.header)?;
        }
        check_fields(&fields).map_err(|why| SetupError::OneWay { why })?;

        let keys = Keys::required("secret", secrets, |secret| recipe.read_key(secret))?;
        Ok(Self {
            signed: recipe.signed_pieces()?,
            recipe,
            keys,
        })
    }

    pub(super) fn sign(&self, message: &UnsignedMessage<'_>) -> Result<Vec<Header>, SignError> {
        let mut headers = HeaderValues::default();

        let mut timestamp = String::new();
        if let Some(time) = &self.recipe.timestamp {
            timestamp = time.format.write(message.now).ok_or(SignError::Time)?;
            headers.add(&time.field, &timestamp);
        }
        if let Some(id) = &self.recipe.id {
            headers.add(id, message.id);
        }

        let values = SignedValues {
            body: message.body,
            timestamp: &timestamp,
            id: message.id,
        };
        let signed = values.fill(&self.signed);
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
        self.recipe.fields().any(|field| field.header == name)
    }

    pub(super) fn keys_at(&self, now: Timestamp) -> KeyCount {
        self.keys.count(now)
    }
}

/// Header names with the values that have been added so far.
#[derive(Default)]
struct HeaderValues(Vec<(String, String)>);

impl HeaderValues {
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

/// Checks that values written to these fields can be read from them again.
fn check_fields(fields: &[&Field]) -> Result<(), String> {
    for (index, field) in fields.iter().enumerate() {
        check_text(field)?;

        for other in &fields[index + 1..] {
            if other.header == field.header && !can_share_header(&field.part, &other.part) {
                return Err(format!(
                    "two values are in the header `{}`; give each value a header of its own, or \
                     a `pair` with the same separator",
                    field.header
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
            Part::Pair { separator, name },
            Part::Pair {
                separator: other_separator,
                name: other_name,
            },
        ) => separator == other_separator && name != other_name,
        _ => false,
    }
}

fn check_text(field: &Field) -> Result<(), String> {
    // A separator that can occur in a time, an id or a signature would end the value too early.
    let can_be_in_value = |c: char| c.is_ascii_alphanumeric() || "+/=-_.:".contains(c);

    match &field.part {
        Part::Pair { separator, .. }
            if can_be_in_value(*separator) || !(' '..='~').contains(separator) =>
        {
            Err(format!(
                "`{}` cannot separate pairs; use `,` or `;`",
                separator.escape_debug()
            ))
        }
        Part::Pair { separator, name }
            if !is_header_value(name.as_bytes()) || name.contains(['=', *separator]) =>
        {
            Err(format!(
                "`{}` cannot be the name of a pair",
                name.escape_debug()
            ))
        }
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
