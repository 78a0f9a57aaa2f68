//! Signatures as data: where a request has its signature, what the signature covers, and how it is
//! computed and written.
//!
//! A [`Recipe`] describes a sender. [`Recipe::check`] finds what cannot work when the recipe is
//! read. The verifier of a source adds the keys, and what only the operator knows: the public URL
//! and the settings that senders sign. The same recipe signs what the host sends.
//!
//! The invariant of every recipe: what reaches a plugin was signed. A signature covers the whole
//! body, or the recipe names the fields that it covers, and a plugin gets only these fields. The
//! exception is a source whose operator writes `unsigned_body = true`.

mod algorithm;
mod certificate;
mod encoding;
mod time;
mod signed;
mod check;
mod values;
mod url;
mod ecma;

use std::collections::BTreeMap;
use std::time::Duration;

pub use algorithm::{Algorithm, EcdsaForm, Hash, KeyOrigin, PublicKeyAlgorithm, RsaHash};
pub use certificate::CertificateOrigin;
pub(crate) use check::{Coverage, coverage};
pub use ecma::{Stringified, stringify};
pub use encoding::Encoding;
pub use signed::{JsonFields, SignedPiece};
pub use time::{TimeFormat, TimePlace};
pub use url::PublicUrl;
pub(crate) use values::SignedValues;

use crate::value::{Place, Template};
use crate::{JsonPointer, Secret};

/// A sender's way of signing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// How the signature is computed.
    pub algorithm: Algorithm,
    /// The encoding of the signature.
    pub encoding: Encoding,
    /// The place of the signature. If it is a pair that occurs more than once, one valid signature
    /// is enough.
    pub signature: Place,
    /// The place of the time of signing.
    pub timestamp: Option<TimePlace>,
    /// The place of the sender's id of the message.
    pub id: Option<Place>,
    /// The text that is signed, such as `v0:{timestamp}:{body}`. The signature must fit one of the
    /// texts.
    pub signed: Vec<Template<SignedPiece>>,
    /// A digest of the body that is itself signed.
    pub digest: Option<BodyDigest>,
    /// The fields of the body that are signed, if the signature does not cover the body.
    pub covers: Option<Vec<JsonPointer>>,
}

/// A digest of the body in a part of the request that the signature covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyDigest {
    /// The place of the digest.
    pub place: Place,
    /// The hash.
    pub hash: Hash,
    /// The encoding of the digest.
    pub encoding: Encoding,
}

/// The settings of a source whose provider has a recipe.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The sender's recipe.
    pub recipe: Recipe,
    /// The secrets, written as the recipe prescribes, or the sender's public keys. All are accepted.
    pub keys: Vec<Secret>,
    /// The maximum distance of the timestamp from now, in place of the recipe's own freshness.
    pub tolerance: Option<Duration>,
    /// What only the operator knows.
    pub source: SourceValues,
}

/// What an operator writes in a source for the recipe of its provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceValues {
    /// The URL at which the sender reaches the source, for `{url}`.
    pub public_url: Option<PublicUrl>,
    /// The values for `{setting:NAME}`.
    pub settings: BTreeMap<String, String>,
    /// Whether plugins get the whole body although the signature does not cover it.
    pub unsigned_body: bool,
}
