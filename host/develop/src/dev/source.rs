//! A source of the host under development: a new secret, and a sender that signs with it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hookyard_schemes::recipe::{Algorithm, Encoding, Recipe};
use hookyard_schemes::{
    CERTIFICATE_PATH, Provider, SchemeKind, SchemeRule, Secret, new_jws_key, new_sns_key,
};
use http::StatusCode;
use uuid::Uuid;

use crate::receiver::Receiver;
use crate::send::{Credentials, Sender};

/// The topic of SNS messages.
const TOPIC: &str = "arn:aws:sns:eu-west-1:000000000000:hookyard-dev";
/// The user of the scheme `basic`.
const USER: &str = "dev";
/// The header for the proof, if the provider does not name one.
const HEADER: &str = "X-Hookyard-Dev";

/// A source, and the sender of its events.
pub struct Source {
    /// The provider, whose name is also the name of the source.
    pub provider: Arc<Provider>,
    /// Signs events with the secret of the source.
    pub sender: Arc<Sender>,
    /// The lines of the source's table in the configuration.
    pub lines: String,
    /// Serves the certificate of SNS messages.
    _certificate: Option<Receiver>,
}

/// A new secret, and how the two sides are configured with it.
struct Proof {
    lines: String,
    credentials: Credentials,
}

impl Source {
    /// Makes a source of a provider. Files with secrets go to `folder`.
    ///
    /// # Errors
    ///
    /// Returns the reason if a secret cannot be made or written.
    pub async fn new(provider: Arc<Provider>, folder: &Path) -> Result<Self, String> {
        let kind = kind(&provider.scheme).unwrap_or(SchemeKind::Unverified);
        let files = Files {
            folder,
            name: &provider.name,
            is_kept: false,
        };
        let Proof {
            mut lines,
            mut credentials,
        } = proof(kind, &provider.scheme, &files, Side::Receiver)?;

        let mut certificate = None;
        if kind == SchemeKind::AwsSns {
            let served = serve_certificate(&provider, &mut credentials).await?;
            files.write("pem", &served.pem)?;
            lines += &format!(
                "topics = [\"{TOPIC}\"]\ncertificate_url = \"http://{}/\"\ntrust = \"{}.pem\"\n",
                served.receiver.address, provider.name
            );
            certificate = Some(served.receiver);
        }

        if asks_for_secret(&provider, kind) {
            let token = files.write("handshake", &secret(SchemeKind::Token, &provider.scheme))?;
            lines += &format!("handshake_secret = {}\n", token.trim_matches(['[', ']']));
        }

        let name = &provider.name;
        let lines = format!("provider = \"{name}\"\nscheme = \"{kind}\"\n{lines}");
        let sender = Sender::new(Arc::clone(&provider), kind, credentials)?;
        Ok(Self {
            provider,
            sender: Arc::new(sender),
            lines,
            _certificate: certificate,
        })
    }
}

/// Returns whether a handshake of the provider compares a value with a secret of the source.
fn asks_for_secret(provider: &Provider, kind: SchemeKind) -> bool {
    let mut handshakes = provider.handshakes.iter();
    kind != SchemeKind::Unverified && handshakes.any(|handshake| handshake.require.is_some())
}

/// Returns the lines that sign the messages for a destination of a provider, or of none.
///
/// # Errors
///
/// Returns the reason if a secret cannot be made or written.
pub fn destination_lines(
    name: &str,
    provider: Option<&Provider>,
    folder: &Path,
) -> Result<String, String> {
    let rule = provider.map(|provider| provider.sending.clone());
    let rule = rule.unwrap_or_else(|| SchemeRule {
        default: Some(SchemeKind::StandardWebhooks),
        allowed: vec![SchemeKind::StandardWebhooks],
        ..SchemeRule::default()
    });
    let kind = kind(&rule).ok_or_else(|| format!("no scheme can sign messages to {name}"))?;

    let name = format!("destination-{name}");
    let files = Files {
        folder,
        name: &name,
        is_kept: true,
    };
    let lines = proof(kind, &rule, &files, Side::Sender)?.lines;
    let provider = provider.map(|provider| format!("provider = \"{}\"\n", provider.name));
    Ok(format!(
        "{}scheme = \"{kind}\"\n{lines}",
        provider.unwrap_or_default()
    ))
}

/// Returns the default scheme, or else the first one that the host can sign with.
fn kind(rule: &SchemeRule) -> Option<SchemeKind> {
    let can_sign = |kind: &SchemeKind| match kind {
        SchemeKind::Hmac => rule.hmac.as_ref().is_some_and(Recipe::can_sign),
        SchemeKind::PublicKey
        | SchemeKind::Token
        | SchemeKind::Jwt
        | SchemeKind::HttpSignatures => false,
        _ => true,
    };
    let mut kinds = rule.default.into_iter().chain(rule.allowed.iter().copied());
    kinds.find(can_sign)
}

/// The side that the host has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Receiver,
    Sender,
}

/// The files of one source or destination.
struct Files<'f> {
    folder: &'f Path,
    name: &'f str,
    /// Whether a file that exists stays as it is.
    is_kept: bool,
}

impl Files<'_> {
    /// Writes a file, and returns the reference to it.
    fn write(&self, extension: &str, content: &str) -> Result<String, String> {
        let file = format!("{}.{extension}", self.name);
        let path = self.folder.join(&file);
        if self.is_kept && path.exists() {
            return Ok(format!("[{{ file = \"{file}\" }}]"));
        }
        fs::write(&path, content)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(format!("[{{ file = \"{file}\" }}]"))
    }
}

fn proof(
    kind: SchemeKind,
    rule: &SchemeRule,
    files: &Files<'_>,
    side: Side,
) -> Result<Proof, String> {
    let failed = |error: hookyard_schemes::SignError| error.to_string();
    let header = rule.header.clone().unwrap_or_else(|| HEADER.to_owned());
    let mut credentials = Credentials {
        user: Some(USER.to_owned()),
        header: Some(header.clone()),
        ..Credentials::default()
    };

    let lines = match kind {
        SchemeKind::DetachedJws => {
            let key = new_jws_key("dev").map_err(failed)?;
            credentials.secret = Some(Secret::new(key.private.as_str()));
            let configured = if side == Side::Receiver {
                key.public
            } else {
                key.private
            };
            let reference = files.write("jwk", &configured)?;
            format!("keys = {reference}\nheader = \"{header}\"\n")
        }
        SchemeKind::AwsSns => {
            credentials.secret = Some(Secret::new(new_sns_key().map_err(failed)?));
            String::new()
        }
        SchemeKind::Unverified => String::new(),
        _ => {
            let secret = secret(kind, rule);
            let reference = files.write("secret", &secret)?;
            credentials.secret = Some(Secret::new(secret));
            let more = match kind {
                SchemeKind::Header => format!("header = \"{header}\"\n"),
                SchemeKind::Basic => format!("username = \"{USER}\"\n"),
                _ => String::new(),
            };
            format!("secrets = {reference}\n{more}")
        }
    };
    Ok(Proof { lines, credentials })
}

/// Returns a new secret in the form that the scheme prescribes.
fn secret(kind: SchemeKind, rule: &SchemeRule) -> String {
    let bytes = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    let hex = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let algorithm = rule.hmac.as_ref().map(|recipe| &recipe.algorithm);

    match (kind, algorithm) {
        (SchemeKind::StandardWebhooks, _) => format!("whsec_{}", BASE64.encode(bytes)),
        (
            SchemeKind::Hmac,
            Some(Algorithm::Hmac {
                key: Encoding::Base64,
                ..
            }),
        ) => BASE64.encode(bytes),
        _ => hex(),
    }
}

struct ServedCertificate {
    receiver: Receiver,
    pem: String,
}

/// Serves the certificate of the key in `credentials`, and adds its URL.
async fn serve_certificate(
    provider: &Arc<Provider>,
    credentials: &mut Credentials,
) -> Result<ServedCertificate, String> {
    // The certificate does not depend on its URL, and the address is known only afterwards.
    credentials.sns = Some((TOPIC.to_owned(), String::new()));
    let sender = Sender::new(
        Arc::clone(provider),
        SchemeKind::AwsSns,
        credentials.clone(),
    )?;
    let pem = sender.certificate()?.unwrap_or_default();

    let content = Bytes::from(pem.clone());
    let respond = move |_: &http::Method, _: &str| (StatusCode::OK, content.clone());
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let receiver = Receiver::start(loopback, Arc::new(respond)).await?;

    let url = format!("http://{}{CERTIFICATE_PATH}", receiver.address);
    credentials.sns = Some((TOPIC.to_owned(), url));
    Ok(ServedCertificate { receiver, pem })
}
