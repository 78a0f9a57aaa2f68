//! Signs notifications as Amazon SNS does over HTTP, for senders that stand in for Amazon.
//!
//! The key signs its own certificate, so that one key is all that a sender keeps. A receiver fetches
//! the certificate from the URL in the message, and must be configured to trust it.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::{Header, Timestamp};
use serde_json::json;
use x509_parser::pem::Pem;

use super::{SignError, header};
use crate::{Secret, SetupError};

/// The common name of Amazon's signing certificates.
const SIGNER: &str = "sns.amazonaws.com";
/// The path of the certificate, as in Amazon's URLs.
pub const CERTIFICATE_PATH: &str =
    "/SimpleNotificationService-00000000000000000000000000000001.pem";

/// A sender of SNS notifications.
#[derive(Debug)]
pub struct SnsSigner {
    pair: RsaKeyPair,
    topic: String,
    certificate_url: String,
}

/// A notification before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct SnsNotification<'a> {
    /// The id of the message.
    pub id: &'a str,
    /// The text of the message: the event.
    pub message: &'a str,
    /// The time of sending.
    pub now: Timestamp,
}

impl SnsSigner {
    /// Reads an RSA private key in PEM. `topic` is the ARN of the topic. The certificate is served
    /// at `certificate_url`.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the key cannot sign.
    pub fn new(key: &Secret, topic: String, certificate_url: String) -> Result<Self, SetupError> {
        let unusable = || SetupError::UnusableKey {
            what: "private key",
            why: "it is not an RSA private key in PEM; generate one with \
                  `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`"
                .to_owned(),
        };

        let blocks = Pem::iter_from_buffer(key.expose()).filter_map(Result::ok);
        let block = blocks
            .into_iter()
            .find(|block| block.label.ends_with("PRIVATE KEY"))
            .ok_or_else(unusable)?;
        let pair = RsaKeyPair::from_pkcs8(&block.contents)
            .or_else(|_| RsaKeyPair::from_der(&block.contents))
            .map_err(|_| unusable())?;

        Ok(Self {
            pair,
            topic,
            certificate_url,
        })
    }

    /// Returns the headers and the body of a signed notification.
    ///
    /// # Errors
    ///
    /// Returns [`SignError::Key`] if the key does not sign.
    pub fn sign(
        &self,
        notification: &SnsNotification<'_>,
    ) -> Result<(Vec<Header>, Vec<u8>), SignError> {
        let SnsNotification { id, message, now } = *notification;
        let (topic, time) = (&self.topic, now.to_string());

        let signed = format!(
            "Message\n{message}\nMessageId\n{id}\nTimestamp\n{time}\nTopicArn\n{topic}\nType\nNotification\n"
        );
        let signature = self.signature(signed.as_bytes())?;
        let body = json!({
            "Type": "Notification",
            "MessageId": id,
            "TopicArn": topic,
            "Message": message,
            "Timestamp": time,
            "SignatureVersion": "2",
            "Signature": BASE64_STANDARD.encode(signature),
            "SigningCertURL": self.certificate_url,
        });

        let headers = vec![
            header("x-amz-sns-message-type", "Notification"),
            header("x-amz-sns-message-id", id),
            header("x-amz-sns-topic-arn", topic.as_str()),
            header("x-amz-sns-subscription-arn", format!("{topic}:1")),
        ];
        Ok((headers, body.to_string().into_bytes()))
    }

    /// Returns the certificate of the key in PEM. The same key always has the same certificate.
    ///
    /// # Errors
    ///
    /// Returns [`SignError::Key`] if the key does not sign.
    pub fn certificate(&self) -> Result<String, SignError> {
        let body = certificate_body(self.pair.public_key().as_ref());
        let signature = self.signature(&body)?;
        let der = sequence(&[&body, &algorithm(SHA256_WITH_RSA), &bit_string(&signature)]);
        Ok(pem("CERTIFICATE", &der))
    }

    fn signature(&self, signed: &[u8]) -> Result<Vec<u8>, SignError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign_digest(&RSA_PKCS1_SHA256, &digest(&SHA256, signed), &mut signature)
            .map_err(|_| SignError::Key)?;
        Ok(signature)
    }
}

/// Returns a new RSA private key in PEM.
///
/// # Errors
///
/// Returns [`SignError::Key`] if the cryptography library makes no key.
pub fn new_sns_key() -> Result<String, SignError> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SignError::Key)?;
    let der = AsDer::as_der(&pair).map_err(|_: aws_lc_rs::error::Unspecified| SignError::Key)?;
    let der: &aws_lc_rs::encoding::Pkcs8V1Der<'_> = &der;
    Ok(pem("PRIVATE KEY", der.as_ref()))
}

/// Returns a text in PEM.
fn pem(label: &str, der: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = encoded
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
}

// The parts of a certificate in DER (RFC 5280, 4.1).

const RSA_ENCRYPTION: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const SHA256_WITH_RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
const COMMON_NAME: &[u8] = b"\x06\x03\x55\x04\x03";
/// Version 3 and the serial number 1.
const VERSION_AND_SERIAL: &[u8] = b"\xa0\x03\x02\x01\x02\x02\x01\x01";
const NULL: &[u8] = b"\x05\x00";

/// Returns the part of a certificate that is signed, for a public key in the form of PKCS #1.
fn certificate_body(public_key: &[u8]) -> Vec<u8> {
    let name = sequence(&[&element(
        0x31,
        &sequence(&[COMMON_NAME, &element(0x0c, SIGNER.as_bytes())]),
    )]);
    let validity = sequence(&[
        &element(0x17, b"200101000000Z"),
        &element(0x17, b"491231235959Z"),
    ]);
    let key = sequence(&[&algorithm(RSA_ENCRYPTION), &bit_string(public_key)]);

    sequence(&[
        VERSION_AND_SERIAL,
        &algorithm(SHA256_WITH_RSA),
        &name,
        &validity,
        &name,
        &key,
    ])
}

fn algorithm(id: &[u8]) -> Vec<u8> {
    sequence(&[id, NULL])
}

fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], bytes].concat())
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// Returns an element with its tag and length.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let bytes = length.to_be_bytes();
    let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];

    let header = match u8::try_from(length) {
        Ok(short) if short < 0x80 => vec![tag, short],
        _ => [&[tag, 0x80 | significant.len() as u8], significant].concat(),
    };
    [header, content.to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sns::{Settings, Trust, UrlRule};
    use crate::{
        Certificate, Document, DocumentRef, Documents, Request, Scheme, Verdict, Verification,
        Verifier,
    };

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:products";

    struct Served(Arc<Certificate>);

    impl Documents for Served {
        fn get(&self, _: &DocumentRef) -> Option<Document> {
            Some(Document::Certificate(Arc::clone(&self.0)))
        }
    }

    #[test]
    fn receiver_accepts_signed_notification() {
        let now = Timestamp::from_unix_secs(1_780_400_200);
        let key = Secret::new(new_sns_key().expect("a key"));
        let url = format!("http://127.0.0.1:7070{CERTIFICATE_PATH}");
        let signer = SnsSigner::new(&key, TOPIC.into(), url).expect("a signer");
        let pem = signer.certificate().expect("a certificate");
        let certificate = Certificate::parse_pem(pem.as_bytes()).expect("a certificate");

        let settings = Settings {
            certificate_urls: UrlRule::Prefixes(vec!["http://127.0.0.1:7070/".into()]),
            trust: Trust::Roots(vec![certificate.clone()]),
            ..Settings::new(vec![TOPIC.into()])
        };
        let verifier = Verifier::new(Scheme::AwsSns(settings)).expect("a verifier");
        let notification = SnsNotification {
            id: "0197308f-0000-7000-8000-000000000001",
            message: "{\"a\": \"ü\"}\n",
            now,
        };
        let (headers, body) = signer.sign(&notification).expect("signed");
        let request = Request {
            method: "POST",
            path: "/acme/events",
            query: None,
            headers: &headers,
            body: &body,
            tail: None,
        };

        let verified = verifier.verify(&request, &Served(Arc::new(certificate)), now);
        assert!(
            matches!(&verified, Ok(Verification::Complete(Verdict::Event(_)))),
            "{verified:?}"
        );
    }
}
