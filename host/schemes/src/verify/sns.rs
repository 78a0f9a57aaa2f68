//! Verifies Amazon SNS over HTTP: notifications, confirmations and raw delivery
//! (docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html).
//!
//! SNS signs fields of its JSON envelope and not the bytes. The envelope is therefore parsed before
//! it is verified, strictly: a name that occurs twice is refused. Parts that the signature does not
//! cover (all headers, `UnsubscribeURL`, `MessageAttributes`) are never used. The one exception is
//! `SigningCertURL`, which is checked against a rule before it is fetched. An
//! `UnsubscribeConfirmation` contains a URL that would subscribe again; it is never returned.

mod envelope;
mod urls;

use std::time::Duration;

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::{Payload, Timestamp, excerpt};

use self::envelope::{MessageKind, SnsEnvelope};
pub(super) use self::urls::CertificateUrls;
use self::urls::ConfirmationUrls;
use super::credential::CredentialVerifier;
use super::{
    Certificate, Credential, DocumentRef, Documents, Freshness, Refusal, Request, Verdict,
    Verification, Verified, documents,
};
use crate::SetupError;

pub use urls::UrlRule;

/// The default of [`Settings::freshness`]: 65 minutes back, because SNS retries for up to an hour,
/// and five minutes ahead.
pub const FRESHNESS: Freshness = Freshness {
    past: Duration::from_secs(3900),
    future: Duration::from_secs(300),
};

const TYPE_HEADER: &str = "x-amz-sns-message-type";
const ID_HEADER: &str = "x-amz-sns-message-id";
const TOPIC_HEADER: &str = "x-amz-sns-topic-arn";
const RAW_HEADER: &str = "x-amz-sns-rawdelivery";

/// The settings of a source with this scheme.
///
/// [`Settings::new`] returns the rules for Amazon itself. The operator must configure everything
/// else.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The topics whose messages are accepted, as whole ARNs. A valid signature proves that Amazon
    /// sent the message, not that the partner did.
    pub topics: Vec<String>,
    /// The maximum distance of `Timestamp` from now. SNS retries for up to 3600 seconds with the
    /// same timestamp.
    pub freshness: Freshness,
    /// The proof of a raw delivery, which is not signed; `None` refuses raw deliveries. Signed
    /// messages need only their signature. A secret path, however, is part of the address, so that
    /// every message needs it.
    pub raw_proof: Option<Credential>,
    /// The rule for certificate URLs that may be fetched.
    pub certificate_urls: UrlRule,
    /// The rule for confirmation URLs that may be fetched.
    pub confirmation_urls: UrlRule,
    /// The condition under which a certificate is trusted.
    pub trust: Trust,
    /// Whether the certificate must be issued to Amazon SNS.
    pub check_certificate_name: bool,
    /// Whether the header `x-amz-sns-message-type` is required. If it is there, it must be correct.
    pub require_type_header: bool,
}

/// The condition under which a signing certificate is trusted, in addition to its name and dates.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The certificate was fetched from a URL that the rule allows; Amazon's own rule requires TLS
    /// and Amazon's host. Amazon serves only the leaf, so that no chain can be built.
    Url,
    /// A chain of signatures leads from the certificate to one of these certificates.
    Roots(Vec<Certificate>),
}

impl Settings {
    /// Returns the rules for Amazon itself.
    pub fn new(topics: Vec<String>) -> Self {
        Self {
            topics,
            freshness: FRESHNESS,
            raw_proof: None,
            certificate_urls: UrlRule::Amazon,
            confirmation_urls: UrlRule::Amazon,
            trust: Trust::Url,
            check_certificate_name: true,
            require_type_header: true,
        }
    }
}

#[derive(Debug)]
pub(crate) struct SnsVerifier {
    topics: Vec<String>,
    freshness: Freshness,
    raw_proof: Option<CredentialVerifier>,
    certificate_urls: CertificateUrls,
    confirmation_urls: ConfirmationUrls,
    trust: Trust,
    check_certificate_name: bool,
    require_type_header: bool,
}

impl SnsVerifier {
    pub(crate) fn new(settings: Settings) -> Result<Self, SetupError> {
        check_topics(&settings.topics)?;
        if matches!(&settings.trust, Trust::Roots(roots) if roots.is_empty()) {
            return Err(SetupError::NoKeys {
                what: "trusted certificate",
            });
        }
        Ok(Self {
            certificate_urls: CertificateUrls::new(&settings.certificate_urls)?,
            confirmation_urls: ConfirmationUrls::new(&settings.confirmation_urls)?,
            raw_proof: settings
                .raw_proof
                .map(CredentialVerifier::new)
                .transpose()?,
            topics: settings.topics,
            freshness: settings.freshness,
            trust: settings.trust,
            check_certificate_name: settings.check_certificate_name,
            require_type_header: settings.require_type_header,
        })
    }

    pub(crate) fn verify(
        &self,
        request: &Request<'_>,
        fetched: &dyn Documents,
        now: Timestamp,
    ) -> Result<Verification, Refusal> {
        if let Some(proof) = self.raw_proof.as_ref().filter(|proof| proof.takes_tail()) {
            proof.verify(request)?;
        }
        if is_raw(request)? {
            return self.verify_raw(request).map(Verification::Complete);
        }

        let envelope = SnsEnvelope::read(request.body)?;
        self.check_type_header(request, envelope.kind)?;
        self.check_topic(&envelope.topic)?;
        let algorithm = algorithm(&envelope.signature_version)?;
        let signature = BASE64_STANDARD
            .decode(&envelope.signature)
            .map_err(|_| envelope::malformed("Signature", "is not base64"))?;

        // The cheap checks come first, so that a stranger cannot make the host fetch a certificate
        // for a message that is refused anyway.
        self.freshness.check(envelope.timestamp, now)?;
        if !self.certificate_urls.allow(&envelope.certificate_url) {
            return Err(Refusal::CertificateUrl);
        }

        let Some(certificate) = documents::certificate(fetched, &envelope.certificate_url) else {
            return Ok(Verification::NeedsDocument {
                document: DocumentRef::Certificate {
                    url: envelope.certificate_url,
                },
                otherwise: Refusal::CertificateUnavailable,
            });
        };
        self.check_certificate(&certificate, now)?;

        if !certificate.verifies(algorithm, envelope.signed.as_bytes(), &signature) {
            return Err(Refusal::BadSignature);
        }
        self.verdict(envelope).map(Verification::Complete)
    }

    /// Returns the header that may carry the proof of raw deliveries.
    pub(crate) fn proof_header(&self) -> Option<&str> {
        self.raw_proof.as_ref().and_then(CredentialVerifier::header)
    }

    pub(crate) fn takes_tail(&self) -> bool {
        self.raw_proof
            .as_ref()
            .is_some_and(CredentialVerifier::takes_tail)
    }

    /// Verifies a raw delivery. Nothing is signed: the proof stands for the whole request,
    /// including its headers.
    fn verify_raw(&self, request: &Request<'_>) -> Result<Verdict, Refusal> {
        self.raw_proof
            .as_ref()
            .ok_or(Refusal::RawDelivery)?
            .verify(request)?;
        self.check_type_header(request, MessageKind::Notification)?;
        self.check_topic(request.ascii_header(TOPIC_HEADER)?)?;

        let id = request.ascii_header(ID_HEADER)?;
        if !envelope::is_plain(id) {
            return Err(Refusal::MalformedHeader {
                name: ID_HEADER.to_owned(),
                why: "has no id, or one with blanks".to_owned(),
            });
        }

        Ok(Verdict::Event(Verified {
            id: Some(id.to_owned()),
            payload: Payload::Body,
        }))
    }

    fn verdict(&self, envelope: SnsEnvelope) -> Result<Verdict, Refusal> {
        match (envelope.kind, envelope.subscribe_url) {
            (MessageKind::Notification, _) => {
                let payload = Payload::TextAt("/Message".to_owned());
                Ok(Verdict::Event(Verified {
                    id: Some(envelope.id),
                    payload,
                }))
            }
            (MessageKind::SubscriptionConfirmation, Some(url))
                if self.confirmation_urls.allow(&url) =>
            {
                Ok(Verdict::Confirm {
                    url,
                    topic: envelope.topic,
                })
            }
            (MessageKind::SubscriptionConfirmation, _) => Err(Refusal::ConfirmationUrl),
            (MessageKind::UnsubscribeConfirmation, _) => Ok(Verdict::Notice {
                what: "the subscription to the topic has ended",
            }),
        }
    }

    fn check_type_header(&self, request: &Request<'_>, kind: MessageKind) -> Result<(), Refusal> {
        match request.optional_header(TYPE_HEADER)? {
            None if self.require_type_header => Err(Refusal::MissingHeader {
                name: TYPE_HEADER.to_owned(),
            }),
            Some(found) if found != kind.name().as_bytes() => Err(Refusal::Disagreement {
                one: TYPE_HEADER.to_owned(),
                other: "Type".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn check_topic(&self, topic: &str) -> Result<(), Refusal> {
        if self.topics.iter().any(|allowed| allowed == topic) {
            Ok(())
        } else {
            Err(Refusal::TopicNotAllowed {
                topic: excerpt(topic),
            })
        }
    }

    fn check_certificate(&self, certificate: &Certificate, now: Timestamp) -> Result<(), Refusal> {
        certificate
            .check_use(now)
            .map_err(|why| Refusal::CertificateRefused { why })?;
        if self.check_certificate_name && !certificate.has_name(is_amazon_name) {
            return Err(Refusal::CertificateRefused {
                why: "is not issued to Amazon SNS",
            });
        }
        match &self.trust {
            Trust::Roots(roots) if !certificate.has_chain_to(roots, now) => {
                Err(Refusal::CertificateRefused {
                    why: "has no chain to a certificate that this source trusts",
                })
            }
            _ => Ok(()),
        }
    }
}

fn is_raw(request: &Request<'_>) -> Result<bool, Refusal> {
    match request.optional_header(RAW_HEADER)? {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case(b"true") => Ok(true),
        Some(value) if value.eq_ignore_ascii_case(b"false") => Ok(false),
        Some(_) => Err(Refusal::MalformedHeader {
            name: RAW_HEADER.to_owned(),
            why: "is neither `true` nor `false`".to_owned(),
        }),
    }
}

/// Returns the algorithm of a signature version. A message can choose only between these two.
fn algorithm(version: &str) -> Result<&'static dyn VerificationAlgorithm, Refusal> {
    match version {
        "1" => Ok(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        "2" => Ok(&RSA_PKCS1_2048_8192_SHA256),
        other => Err(Refusal::WrongAlgorithm {
            found: format!("SignatureVersion {}", excerpt(other)),
        }),
    }
}

/// Returns whether a name belongs to Amazon SNS: `sns.amazonaws.com`, or a name with a region such
/// as `sns-signing.<region>.amazonaws.com` and `sns-<region>.amazonaws.com.cn` (as in the AWS SDK
/// for Java).
fn is_amazon_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let Some(host) = name
        .strip_suffix(".amazonaws.com")
        .or_else(|| name.strip_suffix(".amazonaws.com.cn"))
    else {
        return false;
    };

    let is_region = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let prefixes = ["sns-signing.", "sns-signing-", "sns.", "sns-"];
    host == "sns"
        || prefixes
            .iter()
            .any(|prefix| host.strip_prefix(prefix).is_some_and(is_region))
}

fn check_topics(topics: &[String]) -> Result<(), SetupError> {
    if topics.is_empty() {
        return Err(SetupError::Senseless(
            "no topic is configured; anybody with an AWS account can sign, so list the ARNs of your \
             topics in `topics`",
        ));
    }

    let is_arn = |topic: &String| {
        topic.starts_with("arn:") && topic.split(':').count() == 6 && !topic.contains('*')
    };
    if topics.iter().all(is_arn) {
        Ok(())
    } else {
        Err(SetupError::Senseless(
            "a topic is not a whole ARN, such as `arn:aws:sns:eu-west-1:123456789012:orders`",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazon_sns_names_are_recognized() {
        for good in [
            "sns.amazonaws.com",
            "sns-cn-north-1.amazonaws.com.cn",
            "sns-signing.me-south-1.amazonaws.com",
            "sns.eu-west-1.amazonaws.com",
        ] {
            assert!(is_amazon_name(good), "{good}");
        }
        for bad in [
            "s3.amazonaws.com",
            "amazonaws.com",
            "sns.evil.example",
            "sns.a.b.amazonaws.com",
            "xsns.amazonaws.com",
        ] {
            assert!(!is_amazon_name(bad), "{bad}");
        }
    }

    #[test]
    fn topics_must_be_whole_arns() {
        let topics = |topics: &[&str]| {
            check_topics(
                &topics
                    .iter()
                    .map(|topic| (*topic).to_owned())
                    .collect::<Vec<_>>(),
            )
        };

        assert!(topics(&["arn:aws:sns:eu-west-1:123456789012:orders"]).is_ok());
        for bad in [
            &[][..],
            &["orders"],
            &["arn:aws:sns:eu-west-1:123456789012:*"],
        ] {
            assert!(topics(bad).is_err(), "{bad:?}");
        }
    }
}
