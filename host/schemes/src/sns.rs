//! Amazon SNS over HTTP: notifications, confirmations, raw delivery
//! (docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html).
//!
//! SNS signs fields of its JSON envelope and not the bytes, so the envelope is read before it is verified, strictly: a
//! name that occurs twice is refused. What the signature doesn't cover (all headers, `UnsubscribeURL`,
//! `MessageAttributes`) is never used, apart from `SigningCertURL`, which is held against a rule before it is fetched.
//! An `UnsubscribeConfirmation` carries a URL that would subscribe again; it is never returned.

mod envelope;
mod urls;

use std::time::Duration;

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::{Payload, Timestamp};

use self::envelope::{Envelope, Kind};
use self::urls::{CertificateUrls, ConfirmationUrls};
use crate::credential::CompiledCredential;
use crate::freshness::Freshness;
use crate::refusal::excerpt;
use crate::{
    Certificate, Certificates, Credential, Refusal, Request, SetupError, Verdict, Verified,
};

pub use urls::UrlRule;

/// 65 minutes back, since SNS retries for up to an hour; five minutes ahead.
pub const FRESHNESS: Freshness = Freshness {
    past: Duration::from_secs(3900),
    future: Duration::from_secs(300),
};

const TYPE_HEADER: &str = "x-amz-sns-message-type";
const ID_HEADER: &str = "x-amz-sns-message-id";
const TOPIC_HEADER: &str = "x-amz-sns-topic-arn";
const RAW_HEADER: &str = "x-amz-sns-rawdelivery";

/// What a source with this scheme is configured with.
///
/// [`Settings::new`] gives the rules for Amazon itself; everything else is an override that the operator has to name.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The topics whose messages are taken, as whole ARNs. A valid signature proves Amazon, and not the partner.
    pub topics: Vec<String>,
    /// How far `Timestamp` may be from now. SNS retries for up to 3600 seconds with the same one.
    pub freshness: Freshness,
    /// What proves a raw delivery, which nobody signs; `None` refuses raw deliveries. Signed messages need no more than
    /// their signature, except that a secret path is part of the address and has to be right for every message.
    pub raw_proof: Option<Credential>,
    /// Which certificate URLs may be fetched.
    pub certificate_urls: UrlRule,
    /// Which confirmation URLs may be fetched.
    pub confirmation_urls: UrlRule,
    /// What makes a certificate good.
    pub trust: Trust,
    /// Whether the certificate has to be in Amazon SNS's name.
    pub check_certificate_name: bool,
    /// Whether the header `x-amz-sns-message-type` has to be there. Where it is there it has to be right.
    pub require_type_header: bool,
}

/// What makes a signing certificate good, beside its name and dates.
#[derive(Debug, Clone)]
pub enum Trust {
    /// That it was fetched from a URL that the rule allows: for Amazon's own over TLS, from Amazon's host. Amazon serves
    /// the leaf alone, so that no chain can be built from it.
    Url,
    /// That a chain of signatures leads from it to one of these.
    Roots(Vec<Certificate>),
}

impl Settings {
    /// The rules for Amazon itself.
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
pub(crate) struct Compiled {
    topics: Vec<String>,
    freshness: Freshness,
    raw_proof: Option<CompiledCredential>,
    certificate_urls: CertificateUrls,
    confirmation_urls: ConfirmationUrls,
    trust: Trust,
    check_certificate_name: bool,
    require_type_header: bool,
}

impl Compiled {
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
                .map(CompiledCredential::new)
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
        certificates: &dyn Certificates,
        now: Timestamp,
    ) -> Result<Verdict, Refusal> {
        if let Some(proof) = self.raw_proof.as_ref().filter(|proof| proof.takes_tail()) {
            proof.verify(request)?;
        }
        if is_raw(request)? {
            return self.verify_raw(request);
        }
        let envelope = Envelope::read(request.body)?;
        self.check_type_header(request, envelope.kind)?;
        self.check_topic(&envelope.topic)?;
        let algorithm = algorithm(&envelope.signature_version)?;
        let signature = BASE64_STANDARD.decode(&envelope.signature);
        let signature = signature.map_err(|_| Refusal::MalformedField { name: "Signature" })?;
        // The cheap checks come first, so that a stranger can't make us fetch for a message that is refused anyway.
        self.freshness.check(envelope.timestamp, now)?;
        if !self.certificate_urls.allow(&envelope.certificate_url) {
            return Err(Refusal::CertificateUrl);
        }
        let Some(certificate) = certificates.get(&envelope.certificate_url) else {
            return Ok(Verdict::NeedCertificate {
                url: envelope.certificate_url,
            });
        };
        self.check_certificate(&certificate, now)?;
        if !certificate.verifies(algorithm, envelope.signed.as_bytes(), &signature) {
            return Err(Refusal::BadSignature);
        }
        self.verdict(envelope)
    }

    /// The header that may carry the proof of raw deliveries.
    pub(crate) fn proof_header(&self) -> Option<&str> {
        self.raw_proof.as_ref().and_then(CompiledCredential::header)
    }

    pub(crate) fn takes_tail(&self) -> bool {
        self.raw_proof
            .as_ref()
            .is_some_and(CompiledCredential::takes_tail)
    }

    /// Nothing is signed: the proof vouches for the whole request, and so for the headers as well.
    fn verify_raw(&self, request: &Request<'_>) -> Result<Verdict, Refusal> {
        self.raw_proof
            .as_ref()
            .ok_or(Refusal::RawDelivery)?
            .verify(request)?;
        self.check_type_header(request, Kind::Notification)?;
        self.check_topic(request.ascii_header(TOPIC_HEADER)?)?;
        let id = request.ascii_header(ID_HEADER)?;
        if !envelope::is_plain(id) {
            return Err(Refusal::MalformedHeader {
                name: ID_HEADER.to_owned(),
            });
        }
        Ok(Verdict::Event(Verified {
            id: Some(id.to_owned()),
            payload: Payload::Body,
        }))
    }

    fn verdict(&self, envelope: Envelope) -> Result<Verdict, Refusal> {
        match (envelope.kind, envelope.subscribe_url) {
            (Kind::Notification, _) => {
                let payload = Payload::TextAt("/Message".to_owned());
                Ok(Verdict::Event(Verified {
                    id: Some(envelope.id),
                    payload,
                }))
            }
            (Kind::SubscriptionConfirmation, Some(url)) if self.confirmation_urls.allow(&url) => {
                Ok(Verdict::Confirm {
                    url,
                    topic: envelope.topic,
                })
            }
            (Kind::SubscriptionConfirmation, _) => Err(Refusal::ConfirmationUrl),
            (Kind::UnsubscribeConfirmation, _) => Ok(Verdict::Notice {
                what: "the topic's subscription has ended",
            }),
        }
    }

    fn check_type_header(&self, request: &Request<'_>, kind: Kind) -> Result<(), Refusal> {
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
        let is_ours = self.topics.iter().any(|ours| ours == topic);
        if is_ours {
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
                why: "is not in Amazon SNS's name",
            });
        }
        match &self.trust {
            Trust::Roots(roots) if !certificate.is_vouched_for_by(roots, now) => {
                Err(Refusal::CertificateRefused {
                    why: "is vouched for by none that this source trusts",
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
        }),
    }
}

/// A fixed map: the message chooses between these two and nothing else.
fn algorithm(version: &str) -> Result<&'static dyn VerificationAlgorithm, Refusal> {
    match version {
        "1" => Ok(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        "2" => Ok(&RSA_PKCS1_2048_8192_SHA256),
        other => Err(Refusal::WrongAlgorithm {
            found: format!("SignatureVersion {}", excerpt(other)),
        }),
    }
}

/// `sns.amazonaws.com`; newer partitions and regions put the region in, as in `sns-signing.<region>.amazonaws.com` and
/// `sns-<region>.amazonaws.com.cn` (the AWS SDK for Java knows these).
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
            "no topic is named; anybody with an AWS account can sign, so list the ARNs of your topics in `topics`",
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
    fn names_of_amazon_sns() {
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
    fn topics_are_whole_arns() {
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
