//! Signs events as a provider signs them.

use hookyard_model::{Header, Timestamp};
use hookyard_schemes::{
    Provider, SchemeKind, Secret, Signer, SigningKey, SigningScheme, SnsNotification, SnsSigner,
    UnsignedMessage,
};
use std::sync::Arc;

use super::body;

/// The header that the host adds to messages whose scheme does not send their id.
const ID_HEADER: &str = "webhook-id";

/// What the sender signs with. Which parts are needed depends on the scheme.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The secret, token, password or private key.
    pub secret: Option<Secret>,
    /// The user of `basic`.
    pub user: Option<String>,
    /// The header of `header` and `jws-detached`, in place of the provider's.
    pub header: Option<String>,
    /// The topic of `aws-sns`, and the URL of the certificate.
    pub sns: Option<(String, String)>,
}

/// A sender of one provider's events.
pub struct Sender {
    provider: Arc<Provider>,
    proof: Proof,
}

enum Proof {
    Nothing,
    Signed(Box<Signer>),
    Sns(Box<SnsSigner>),
    /// The secret at the end of the path.
    Path(String),
}

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub struct SignedRequest {
    /// The headers that prove the request, and those with the id and type of the event.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
    /// The text to add to the path of the URL.
    pub path_end: Option<String>,
}

/// Returns the scheme of this name, if the provider uses it. Without a name, returns the provider's
/// default.
///
/// # Errors
///
/// Returns the reason if the provider does not use the scheme.
pub fn kind(provider: &Provider, name: Option<&str>) -> Result<SchemeKind, String> {
    let rule = &provider.scheme;
    let allowed: Vec<_> = rule.allowed.iter().map(|kind| kind.name()).collect();
    let choice = allowed.join(", ");

    match name {
        None => rule.default.ok_or_else(|| {
            format!(
                "{} uses several schemes; choose one with --scheme: {choice}",
                provider.name
            )
        }),
        Some("none" | "unverified") => Ok(SchemeKind::Unverified),
        Some(name) => {
            let mut kinds = rule.allowed.iter();
            kinds
                .find(|kind| kind.name() == name)
                .copied()
                .ok_or_else(|| {
                    format!(
                        "{} does not use the scheme {name}; it uses {choice}, or none",
                        provider.name
                    )
                })
        }
    }
}

impl Sender {
    /// Returns a sender with this scheme.
    ///
    /// # Errors
    ///
    /// Returns the reason if a part of the credentials is missing or cannot be used.
    pub fn new(
        provider: Arc<Provider>,
        kind: SchemeKind,
        credentials: Credentials,
    ) -> Result<Self, String> {
        let proof = match kind {
            SchemeKind::Unverified => Proof::Nothing,
            SchemeKind::SecretPath => {
                let secret = required_secret(kind, &credentials)?;
                Proof::Path(String::from_utf8_lossy(secret.expose()).into_owned())
            }
            SchemeKind::AwsSns => {
                let key = required_secret(kind, &credentials)?;
                let (topic, url) = credentials
                    .sns
                    .ok_or("aws-sns needs the ARN of the topic; give it with --topic")?;
                let signer = SnsSigner::new(&key, topic, url).map_err(|it| it.to_string())?;
                Proof::Sns(Box::new(signer))
            }
            _ => {
                let scheme = signing_scheme(&provider, kind, &credentials)?;
                let signer = Signer::new(scheme).map_err(|error| error.to_string())?;
                Proof::Signed(Box::new(signer.for_provider(&provider)))
            }
        };
        Ok(Self { provider, proof })
    }

    /// Returns the certificate that the receiver must fetch; `None` if the scheme has none.
    ///
    /// # Errors
    ///
    /// Returns the reason if the key does not sign.
    pub fn certificate(&self) -> Result<Option<String>, String> {
        match &self.proof {
            Proof::Sns(signer) => {
                let certificate = signer.certificate().map_err(|error| error.to_string())?;
                Ok(Some(certificate))
            }
            _ => Ok(None),
        }
    }

    /// Signs an event with this id.
    ///
    /// # Errors
    ///
    /// Returns the reason if the event cannot be signed.
    pub fn sign(
        &self,
        id: &str,
        event_type: Option<&str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<SignedRequest, String> {
        let body = body::with_id(&self.provider, body, id);
        let mut headers = self.plain_headers(id);
        let mut path_end = None;

        match &self.proof {
            Proof::Nothing => {}
            Proof::Path(secret) => path_end = Some(secret.clone()),
            Proof::Sns(signer) => {
                let message = std::str::from_utf8(&body)
                    .map_err(|_| "SNS sends text, and the body is not UTF-8".to_owned())?;
                let notification = SnsNotification { id, message, now };
                let signed = signer.sign(&notification).map_err(|it| it.to_string())?;
                return Ok(SignedRequest {
                    headers: signed.0,
                    body: signed.1,
                    path_end: None,
                });
            }
            Proof::Signed(signer) => {
                let message = UnsignedMessage {
                    id,
                    body: &body,
                    now,
                    event_type,
                };
                let signed = signer.sign(&message).map_err(|error| error.to_string())?;
                headers.retain(|header| signed.iter().all(|it| it.name != header.name));
                headers.extend(signed.into_iter().filter(|it| self.sends(&it.name, signer)));
            }
        }

        Ok(SignedRequest {
            headers,
            body,
            path_end,
        })
    }

    /// Returns the headers with the id, for schemes that do not set them.
    fn plain_headers(&self, id: &str) -> Vec<Header> {
        let header = |name: &str| Header {
            name: name.to_owned(),
            value: id.to_owned().into(),
        };
        self.provider.key.headers().map(header).collect()
    }

    /// Returns whether the provider sends this header. The host adds an id of its own to messages
    /// that it signs with a scheme without an id.
    fn sends(&self, name: &str, signer: &Signer) -> bool {
        let has_id = matches!(
            signer.kind(),
            SchemeKind::StandardWebhooks | SchemeKind::Hmac
        );
        name != ID_HEADER || has_id || self.provider.key.headers().any(|header| header == name)
    }
}

fn required_secret(kind: SchemeKind, credentials: &Credentials) -> Result<Secret, String> {
    credentials.secret.clone().ok_or_else(|| {
        let what = match kind {
            SchemeKind::DetachedJws | SchemeKind::AwsSns => {
                "a private key; give it with --key FILE, or make one with --generate-key FILE"
            }
            SchemeKind::Basic => "a password; give it with --secret, and the user with --user",
            _ => "a secret; give it with --secret env:NAME, file:PATH or text:VALUE",
        };
        format!("the scheme {kind} needs {what}")
    })
}

fn signing_scheme(
    provider: &Provider,
    kind: SchemeKind,
    credentials: &Credentials,
) -> Result<SigningScheme, String> {
    let secret = required_secret(kind, credentials)?;
    let is_private_key = secret.expose().starts_with(b"whsk_");
    let secrets = vec![SigningKey::always(secret)];
    let header = credentials
        .header
        .clone()
        .or(provider.scheme.header.clone());
    let needs_header = || "the scheme needs the name of a header; give it with --header".to_owned();

    Ok(match kind {
        SchemeKind::StandardWebhooks if is_private_key => SigningScheme::StandardWebhooks {
            secrets: Vec::new(),
            keys: secrets,
        },
        SchemeKind::StandardWebhooks => SigningScheme::StandardWebhooks {
            secrets,
            keys: Vec::new(),
        },
        SchemeKind::DetachedJws => SigningScheme::DetachedJws {
            header: header.ok_or_else(needs_header)?,
            keys: secrets,
            algorithm: None,
        },
        SchemeKind::Header => SigningScheme::Header {
            name: header.ok_or_else(needs_header)?,
            tokens: secrets,
        },
        SchemeKind::Bearer => SigningScheme::Bearer { tokens: secrets },
        SchemeKind::Basic => SigningScheme::Basic {
            user: credentials
                .user
                .clone()
                .ok_or("the scheme basic needs a user; give it with --user")?,
            passwords: secrets,
        },
        SchemeKind::Hmac => SigningScheme::Hmac {
            recipe: provider.scheme.hmac.clone().map(Box::new).ok_or_else(|| {
                format!("{} does not say how its HMAC is computed", provider.name)
            })?,
            secrets,
        },
        SchemeKind::AwsSns
        | SchemeKind::SecretPath
        | SchemeKind::Verifier
        | SchemeKind::PublicKey
        | SchemeKind::Token
        | SchemeKind::Jwt
        | SchemeKind::HttpSignatures
        | SchemeKind::Unverified => {
            return Err(format!("the scheme {kind} does not sign"));
        }
    })
}
