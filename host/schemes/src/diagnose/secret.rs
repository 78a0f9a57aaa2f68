//! Mistakes with secrets: a line end, quotation marks or a prefix too many or too few, and another
//! encoding.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Mistake, Question};
use crate::recipe::{Algorithm, Encoding};
use crate::{Credential, Scheme, Secret};

const MARK: &[u8] = b"\xef\xbb\xbf";
const PREFIX: &[u8] = b"whsec_";

/// A form of a secret, and the words for it, which complete "the proof fits …".
type Form = (String, Vec<u8>);

/// Recognizes a mistake with the source's own secret.
pub(super) fn own(question: &Question<'_>) -> Option<Mistake> {
    let mut forms = forms(question.scheme);
    let fitting = forms.find(|(_, scheme)| question.fits(scheme, &question.request));
    fitting.map(|(mistake, _)| mistake)
}

/// Returns the scheme with each form of its secrets, and the mistake that each form is.
pub(super) fn forms(scheme: &Scheme) -> impl Iterator<Item = (Mistake, Scheme)> {
    let secrets = keys(scheme).into_iter();
    let forms = secrets
        .flat_map(|secret| texts(secret.expose()))
        .flat_map(decoded);
    forms.flat_map(|(how, bytes)| {
        let schemes = [
            with_hmac_key(scheme, &bytes),
            with_credential(scheme, &bytes),
        ];
        schemes.into_iter().flatten().map(move |scheme| {
            let text = format!(
                "the proof fits {how}: write the secret in the same way here and at the sender"
            );
            let mistake = Mistake {
                name: "secret-form",
                text,
            };
            (mistake, scheme)
        })
    })
}

/// Returns a scheme with the keys of another scheme, if both have keys of one kind.
pub(super) fn with_keys_of(scheme: &Scheme, other: &Scheme) -> Option<Scheme> {
    let keys: Vec<_> = keys(other).into_iter().cloned().collect();
    if keys.is_empty() {
        return None;
    }
    let mut scheme = scheme.clone();
    match &mut scheme {
        Scheme::StandardWebhooks(settings) => settings.secrets = keys,
        Scheme::Recipe(settings) => settings.keys = keys,
        Scheme::Token(settings) => settings.secrets = keys,
        Scheme::DetachedJws(settings) => settings.keys = keys,
        Scheme::Static(credential) => *values(credential) = keys,
        _ => return None,
    }
    Some(scheme)
}

/// Returns the secrets and keys of a scheme.
fn keys(scheme: &Scheme) -> Vec<&Secret> {
    match scheme {
        Scheme::StandardWebhooks(settings) => settings.secrets.iter().collect(),
        Scheme::Recipe(settings) => settings.keys.iter().collect(),
        Scheme::Token(settings) => settings.secrets.iter().collect(),
        Scheme::DetachedJws(settings) => settings.keys.iter().collect(),
        Scheme::Static(
            Credential::Basic {
                passwords: secrets, ..
            }
            | Credential::Bearer { tokens: secrets }
            | Credential::Header {
                tokens: secrets, ..
            }
            | Credential::SecretPath { secrets },
        ) => secrets.iter().collect(),
        _ => Vec::new(),
    }
}

fn values(credential: &mut Credential) -> &mut Vec<Secret> {
    match credential {
        Credential::Basic {
            passwords: secrets, ..
        }
        | Credential::Bearer { tokens: secrets }
        | Credential::Header {
            tokens: secrets, ..
        }
        | Credential::SecretPath { secrets } => secrets,
    }
}

/// Returns a scheme whose only secret consists of these bytes.
fn with_hmac_key(scheme: &Scheme, bytes: &[u8]) -> Option<Scheme> {
    let mut scheme = scheme.clone();
    match &mut scheme {
        Scheme::Recipe(settings) => {
            let Algorithm::Hmac { key, .. } = &mut settings.recipe.algorithm else {
                return None;
            };
            *key = Encoding::Hex;
            settings.keys = vec![Secret::new(Encoding::Hex.encode(bytes))];
        }
        Scheme::StandardWebhooks(settings) => {
            settings.secrets = vec![Secret::new(BASE64_STANDARD.encode(bytes))];
        }
        _ => return None,
    }
    Some(scheme)
}

/// Returns a scheme whose only credential consists of these bytes.
fn with_credential(scheme: &Scheme, bytes: &[u8]) -> Option<Scheme> {
    let mut scheme = scheme.clone();
    let secrets = vec![Secret::new(bytes)];
    match &mut scheme {
        Scheme::Static(credential) => *values(credential) = secrets,
        Scheme::Token(settings) => settings.secrets = secrets,
        _ => return None,
    }
    Some(scheme)
}

/// Returns the secret as it is written, and as mistakes in copying change it.
fn texts(secret: &[u8]) -> Vec<Form> {
    let with = |before: &[u8], after: &[u8]| [before, secret, after].concat();
    let mut texts = vec![
        (String::new(), secret.to_vec()),
        (
            "with a line feed after the secret".to_owned(),
            with(b"", b"\n"),
        ),
        (
            "with a line end (CR LF) after the secret".to_owned(),
            with(b"", b"\r\n"),
        ),
        ("with a blank after the secret".to_owned(), with(b"", b" ")),
        (
            "with quotation marks around the secret".to_owned(),
            with(b"\"", b"\""),
        ),
        (
            "with `whsec_` before the secret".to_owned(),
            with(PREFIX, b""),
        ),
        (
            "with a byte order mark before the secret".to_owned(),
            with(MARK, b""),
        ),
    ];

    let mut without = |what: &str, text: &[u8]| {
        if text != secret && !text.is_empty() {
            texts.push((format!("without {what} the secret"), text.to_vec()));
        }
    };
    without("white space around", secret.trim_ascii());
    for quote in [b"\"", b"'"] {
        let inner = secret.strip_prefix(quote);
        let inner = inner.and_then(|rest| rest.strip_suffix(quote));
        without("the quotation marks around", inner.unwrap_or_default());
    }
    without(
        "`whsec_` before",
        secret.strip_prefix(PREFIX).unwrap_or_default(),
    );
    without(
        "the byte order mark before",
        secret.strip_prefix(MARK).unwrap_or_default(),
    );
    texts
}

/// Returns the bytes of a text: itself, and what its digits mean.
fn decoded((how, text): Form) -> Vec<Form> {
    let read_as = |encoding: &str| {
        if how.is_empty() {
            format!("if the secret is read as {encoding}")
        } else {
            format!("{how}, and if the secret is read as {encoding}")
        }
    };
    let encodings = [("hexadecimal", Encoding::Hex), ("base64", Encoding::Base64)];
    let decoded = encodings.into_iter().filter_map(|(name, encoding)| {
        let bytes = encoding.decode_key(&text).ok()?.bytes;
        (!bytes.is_empty()).then(|| (read_as(name), bytes))
    });
    let mut forms: Vec<_> = decoded.collect();
    forms.insert(0, (read_as("plain text"), text));
    forms
}
