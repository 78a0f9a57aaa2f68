//! The headers `Signature-Input` and `Signature` (RFC 9421, 4): dictionaries of structured fields
//! (RFC 8941) with the same labels.

use hookyard_model::Timestamp;
use sfv::{BareItem, Dictionary, InnerList, ListEntry, Parser, Version};

use crate::{Refusal, Request};

pub(super) const INPUT: &str = "signature-input";
const SIGNATURE: &str = "signature";
/// The maximum number of signatures in one request.
const SIGNATURES_MAX: usize = 8;

/// The signatures of a request, not verified.
pub(super) struct Signatures {
    inputs: Dictionary,
    signatures: Dictionary,
}

/// A signature: what it covers, its parameters, and its bytes.
pub(super) struct SignatureInput<'s> {
    pub(super) list: &'s InnerList,
    pub(super) signature: &'s [u8],
}

impl Signatures {
    pub(super) fn read(request: &Request<'_>) -> Result<Self, Refusal> {
        let signatures = Self {
            inputs: dictionary(request, INPUT)?,
            signatures: dictionary(request, SIGNATURE)?,
        };
        match signatures.inputs.len() {
            1..=SIGNATURES_MAX => Ok(signatures),
            0 => Err(malformed(INPUT, "has no signature")),
            _ => Err(malformed(INPUT, "has more than 8 signatures")),
        }
    }

    /// Returns the signature with a label, or all of them.
    pub(super) fn inputs<'s>(
        &'s self,
        label: Option<&str>,
    ) -> Result<Vec<Result<SignatureInput<'s>, Refusal>>, Refusal> {
        let inputs: Vec<_> = self
            .inputs
            .iter()
            .filter(|(name, _)| label.is_none_or(|label| label == name.as_str()))
            .map(|(name, entry)| self.input(name, entry))
            .collect();
        if inputs.is_empty() {
            return Err(malformed(
                INPUT,
                "has no signature with the provider's label",
            ));
        }
        Ok(inputs)
    }

    fn input<'s>(
        &'s self,
        label: &sfv::Key,
        entry: &'s ListEntry,
    ) -> Result<SignatureInput<'s>, Refusal> {
        let ListEntry::InnerList(list) = entry else {
            return Err(malformed(INPUT, "has a label without a list of components"));
        };
        match self.signatures.get(label) {
            Some(ListEntry::Item(item)) => match &item.bare_item {
                BareItem::ByteSequence(signature) => Ok(SignatureInput { list, signature }),
                _ => Err(malformed(SIGNATURE, "has a signature that is not bytes")),
            },
            _ => Err(malformed(SIGNATURE, "lacks a label of `signature-input`")),
        }
    }
}

impl<'s> SignatureInput<'s> {
    /// Returns a time parameter: whole seconds since 1970.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        match self.list.params.get(name) {
            None => Ok(None),
            Some(BareItem::Integer(seconds)) => {
                Ok(Some(Timestamp::from_unix_secs(i64::from(*seconds))))
            }
            Some(_) => Err(odd_parameter(name)),
        }
    }

    /// Returns a text parameter.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'s str>, Refusal> {
        match self.list.params.get(name) {
            None => Ok(None),
            Some(BareItem::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(odd_parameter(name)),
        }
    }

    /// Returns the refusal of a signature without the right value of a parameter.
    pub(super) fn lacks(&self, name: &str) -> Refusal {
        malformed(
            INPUT,
            &format!("lacks the parameter `{name}` that is wanted"),
        )
    }
}

fn odd_parameter(name: &str) -> Refusal {
    malformed(INPUT, &format!("has a parameter `{name}` of another type"))
}

/// Reads a header that must be a dictionary.
pub(super) fn dictionary(request: &Request<'_>, name: &str) -> Result<Dictionary, Refusal> {
    let value = request.ascii_header(name)?;
    Parser::new(value)
        .with_version(Version::Rfc8941)
        .parse()
        .map_err(|_| malformed(name, "is not a dictionary of structured fields (RFC 8941)"))
}

pub(super) fn malformed(name: &str, why: &str) -> Refusal {
    Refusal::MalformedHeader {
        name: name.to_owned(),
        why: why.to_owned(),
    }
}
