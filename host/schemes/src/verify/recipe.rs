//! Verifies requests by a recipe.

mod certificate;

use std::borrow::Cow;

use aws_lc_rs::signature::ParsedPublicKey;
use aws_lc_rs::{constant_time, hmac};
use hookyard_model::{Payload, Timestamp};

use self::certificate::{CertificateKeys, Signing};
use super::checks::Checks;
use super::credential::check_keys;
use super::public_key::verification_keys;
use super::{Certificate, Documents, Freshness, Refusal, Request, Verdict, Verification, Verified};
use crate::diagnose::SignatureTrace;
use crate::handshake::token::{is_always_token, is_token};
use crate::recipe::{
    Algorithm, BodyDigest, Coverage, Encoding, KeyOrigin, Recipe, Settings, SignedPiece,
    SignedValues, SourceValues, coverage,
};
use crate::value::{Fields, PlaceKind, Template};
use crate::{JsonPointer, SetupError};

/// Senders sign once for each live key, and have two live keys during a rotation.
const SIGNATURES_MAX: usize = 32;
const ID_BYTES_MAX: usize = 512;

#[derive(Debug)]
pub(crate) struct RecipeVerifier {
    recipe: Recipe,
    keys: Keys,
    source: SourceValues,
    payload: Payload,
    /// Every location in the body that the recipe reads.
    pointers: Vec<JsonPointer>,
    has_signed_id: bool,
    /// Whether a handshake of the source signs tokens for anybody.
    refuses_tokens: bool,
}

/// The keys of a source. All are accepted.
#[derive(Debug)]
enum Keys {
    Secrets(Vec<hmac::Key>),
    Public(Vec<ParsedPublicKey>),
    Certificate(Box<CertificateKeys>),
}

impl RecipeVerifier {
    pub(crate) fn new(settings: Settings) -> Result<Self, SetupError> {
        let Settings {
            mut recipe,
            keys,
            tolerance,
            source,
        } = settings;
        recipe.check()?;
        recipe.check_source(&source)?;
        if let (Some(time), Some(tolerance)) = (&mut recipe.timestamp, tolerance) {
            time.freshness = Freshness {
                past: tolerance,
                future: tolerance,
            };
        }

        let keys = match &recipe.algorithm {
            Algorithm::Hmac { hash, key } => {
                check_keys("secret", &keys)?;
                let secrets = keys.iter().map(|secret| hash.read_key(*key, secret));
                Keys::Secrets(secrets.collect::<Result<_, _>>()?)
            }
            Algorithm::PublicKey {
                algorithm,
                keys: KeyOrigin::Source,
            } => Keys::Public(verification_keys(&keys, *algorithm)?),
            Algorithm::PublicKey {
                algorithm,
                keys: KeyOrigin::Certificate(origin),
            } => {
                let keys = CertificateKeys::new(origin, *algorithm, &source.settings)?;
                Keys::Certificate(Box::new(keys))
            }
        };
        Ok(Self {
            payload: payload(&recipe, &source),
            pointers: recipe.pointers(),
            has_signed_id: recipe
                .signed
                .iter()
                .any(|text| text.has(&[SignedPiece::Id])),
            recipe,
            keys,
            source,
            refuses_tokens: false,
        })
    }

    /// Refuses signed texts that are tokens from now on.
    pub(crate) fn refuse_tokens(&mut self) -> Result<(), SetupError> {
        if self.recipe.signed.iter().all(is_always_token) {
            return Err(SetupError::Handshake {
                why: "it signs texts that strangers choose, and every message of the sender could be \
                      such a text: `signed` has no part that a token cannot have"
                    .to_owned(),
            });
        }
        self.refuses_tokens = true;
        Ok(())
    }

    /// Verifies a request. The event has the id of the message, if the sender gives one, and the part
    /// of the body that is signed.
    pub(crate) fn verify(
        &self,
        request: &Request<'_>,
        documents: &dyn Documents,
        now: Timestamp,
    ) -> Result<Verification, Refusal> {
        let fields = Fields::new(*request).with_pointers(&self.pointers);
        let signatures = self.signatures(&fields)?;
        let (timestamp, signed_at) = self.timestamp(&fields)?.unzip();
        let id = self.id(&fields)?;

        let values = SignedValues {
            fields: &fields,
            timestamp: timestamp.as_deref(),
            id: id.as_deref(),
            source: &self.source,
        };
        let certificate = match &self.keys {
            Keys::Certificate(keys) => {
                // A stranger must not make the host fetch for a message that is refused anyway.
                self.check_freshness(signed_at, now)?;
                match keys.find(&fields, documents, now)? {
                    Signing::Certificate(certificate) => Some(certificate),
                    Signing::Needs(document) => {
                        return Ok(Verification::NeedsDocument {
                            document,
                            otherwise: Refusal::CertificateUnavailable,
                        });
                    }
                }
            }
            Keys::Secrets(_) | Keys::Public(_) => None,
        };

        self.check_signatures(&signatures, &values, certificate.as_deref())?;
        self.check_freshness(signed_at, now)?;
        Ok(Verification::Complete(Verdict::Event(Verified {
            id: id.map(Cow::into_owned),
            payload: self.payload.clone(),
        })))
    }

    pub(crate) fn check_freshness(
        &self,
        signed_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match (&self.recipe.timestamp, signed_at) {
            (Some(time), Some(signed_at)) => time.freshness.check(signed_at, now),
            _ => Ok(()),
        }
    }

    /// Returns how the signature of a request is checked, for each text that it may cover.
    pub(crate) fn trace(&self, request: &Request<'_>) -> Result<Vec<SignatureTrace>, Refusal> {
        let fields = Fields::new(*request).with_pointers(&self.pointers);
        let came = fields.all(&self.recipe.signature)?;
        let (timestamp, signed_at) = self.timestamp(&fields)?.unzip();
        let id = self.id(&fields)?;
        let values = SignedValues {
            fields: &fields,
            timestamp: timestamp.as_deref(),
            id: id.as_deref(),
            source: &self.source,
        };

        let texts = self.recipe.signed.iter().map(|text| {
            let signed = values.fill(text)?;
            Ok(SignatureTrace {
                computed: self.keys.sign(&signed, self.recipe.encoding),
                signed: joined(&signed).into_owned(),
                came: came.iter().map(|text| text.to_string()).collect(),
                signed_at,
            })
        });
        texts.collect()
    }

    /// Returns the place of the signature.
    pub(crate) const fn signature_place(&self) -> &PlaceKind {
        &self.recipe.signature.kind
    }

    /// Returns the signatures that are in the recipe's encoding; at least one.
    fn signatures(&self, fields: &Fields<'_>) -> Result<Vec<Vec<u8>>, Refusal> {
        let Recipe {
            signature,
            encoding,
            ..
        } = &self.recipe;
        let texts = fields.all(signature)?;
        if texts.len() > SIGNATURES_MAX {
            let why = format!("has more than {SIGNATURES_MAX} signatures");
            return Err(signature.kind.malformed(why));
        }

        let decoded: Vec<_> = texts
            .iter()
            .filter_map(|text| encoding.decode(text.as_bytes()))
            .collect();
        if decoded.is_empty() {
            let why = format!("has no signature in {}", encoding.words());
            return Err(signature.kind.malformed(why));
        }
        Ok(decoded)
    }

    /// Returns the time of signing, as it is written and as it is meant.
    fn timestamp<'a>(
        &self,
        fields: &Fields<'a>,
    ) -> Result<Option<(Cow<'a, str>, Timestamp)>, Refusal> {
        let Some(time) = &self.recipe.timestamp else {
            return Ok(None);
        };
        let text = fields.get(&time.place)?;
        let signed_at = time.format.read(&text);
        let signed_at = signed_at.ok_or_else(|| time.place.kind.malformed(time.format.lack()))?;
        Ok(Some((text, signed_at)))
    }

    /// Returns the id of the message. An id that is signed must be there; any other id is optional.
    fn id<'a>(&self, fields: &Fields<'a>) -> Result<Option<Cow<'a, str>>, Refusal> {
        let Some(place) = &self.recipe.id else {
            return Ok(None);
        };
        let id = if self.has_signed_id {
            Some(fields.get(place)?)
        } else {
            fields.find(place)?
        };
        let Some(id) = id else {
            return Ok(None);
        };
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            let why = format!("has no id of at most {ID_BYTES_MAX} bytes");
            return Err(place.kind.malformed(why));
        }
        Ok(Some(id))
    }

    /// Checks that a signature fits one of the signed texts, and that this text covers the body.
    fn check_signatures(
        &self,
        signatures: &[Vec<u8>],
        values: &SignedValues<'_, '_>,
        certificate: Option<&Certificate>,
    ) -> Result<(), Refusal> {
        let has_digest = match &self.recipe.digest {
            Some(digest) => has_digest(digest, values.fields)?,
            None => false,
        };
        let (mut refusal, checks) = (None, Checks::default());
        for text in &self.recipe.signed {
            if !has_digest && !self.covers(text, values.fields) {
                refusal.get_or_insert(Refusal::UncoveredBody);
                continue;
            }
            let signed = values.fill(text)?;
            if self.refuses_tokens && is_token(&signed) {
                refusal = Some(Refusal::HandshakeText);
                continue;
            }
            if self
                .keys
                .have_signed(&signed, signatures, certificate, &checks)?
            {
                return Ok(());
            }
            refusal = Some(Refusal::BadSignature);
        }
        Err(refusal.unwrap_or(Refusal::BadSignature))
    }

    /// Returns whether a text covers the body of this request, or as much as the recipe promises.
    fn covers(&self, text: &Template<SignedPiece>, fields: &Fields<'_>) -> bool {
        match coverage(text) {
            Coverage::Whole => true,
            Coverage::Form => fields.has_form() || fields.request().body.is_empty(),
            Coverage::Fields => self.recipe.covers.is_some(),
        }
    }
}

/// Returns the part of the body that reaches a plugin.
fn payload(recipe: &Recipe, source: &SourceValues) -> Payload {
    match &recipe.covers {
        Some(covers) if !source.unsigned_body => {
            let texts = covers.iter().map(|pointer| pointer.as_str().to_owned());
            Payload::Covered(texts.collect())
        }
        _ => Payload::Body,
    }
}

/// Returns whether the request has a digest of its body. A wrong digest is refused.
fn has_digest(digest: &BodyDigest, fields: &Fields<'_>) -> Result<bool, Refusal> {
    let Some(given) = fields.find(&digest.place)? else {
        return Ok(false);
    };
    let actual = digest.hash.digest(fields.request().body);
    match digest.encoding.decode(given.as_bytes()) {
        Some(given) if given == actual.as_ref() => Ok(true),
        _ => Err(Refusal::WrongDigest {
            name: digest.place.kind.to_string(),
        }),
    }
}

impl Keys {
    /// Returns the signature by each secret, as the sender writes it. Public keys sign nothing.
    fn sign(&self, signed: &[Cow<'_, [u8]>], encoding: Encoding) -> Vec<String> {
        match self {
            Self::Secrets(keys) => keys
                .iter()
                .map(|key| encoding.encode(tag(key, signed).as_ref()))
                .collect(),
            Self::Public(_) | Self::Certificate(_) => Vec::new(),
        }
    }

    /// Returns whether one of the signatures was made with one of the keys.
    fn have_signed(
        &self,
        signed: &[Cow<'_, [u8]>],
        signatures: &[Vec<u8>],
        certificate: Option<&Certificate>,
        checks: &Checks,
    ) -> Result<bool, Refusal> {
        match self {
            // Every key is compared with every signature, so that the time reveals nothing.
            Self::Secrets(keys) => Ok(keys.iter().fold(false, |is_valid, key| {
                let tag = tag(key, signed);
                signatures.iter().fold(is_valid, |is_valid, given| {
                    is_valid | constant_time::verify_slices_are_equal(tag.as_ref(), given).is_ok()
                })
            })),
            Self::Public(keys) => {
                let signed = joined(signed);
                let verifies = |key: &ParsedPublicKey, given: &[u8]| {
                    checks.begin()?;
                    Ok(key.verify_sig(&signed, given).is_ok())
                };
                let pairs = keys
                    .iter()
                    .flat_map(|key| signatures.iter().map(move |given| (key, given)));
                any(pairs, |(key, given)| verifies(key, given))
            }
            Self::Certificate(keys) => {
                let Some(certificate) = certificate else {
                    return Ok(false);
                };
                let signed = joined(signed);
                any(signatures, |given| {
                    checks.begin()?;
                    Ok(keys.has_signed(certificate, &signed, given))
                })
            }
        }
    }
}

/// Returns whether `fits` holds for an item, and asks for no further items then.
fn any<T>(
    items: impl IntoIterator<Item = T>,
    fits: impl Fn(T) -> Result<bool, Refusal>,
) -> Result<bool, Refusal> {
    for item in items {
        if fits(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the HMAC of slices that follow each other. They are not copied into one buffer.
pub(crate) fn tag(key: &hmac::Key, signed: &[impl AsRef<[u8]>]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for slice in signed {
        context.update(slice.as_ref());
    }
    context.sign()
}

fn joined<'a>(slices: &'a [Cow<'_, [u8]>]) -> Cow<'a, [u8]> {
    match slices {
        [only] => Cow::Borrowed(only),
        slices => Cow::Owned(slices.concat()),
    }
}
