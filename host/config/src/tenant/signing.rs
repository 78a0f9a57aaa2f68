//! The signing scheme of a destination.
//!
//! The counterpart of [`scheme`](super::scheme): a key that belongs to another scheme is a fault.

use hookyard_schemes::recipe::{Algorithm, Encoding, Recipe};
use hookyard_schemes::{
    Provider, SchemeKind, SchemeRule, Secret, SecretReport, SecretUse, SigningKey, SigningScheme,
    check_document, check_ed25519_key, check_jws_key, check_secret,
};

use super::scheme::{SHARED_SECRET, algorithm};
use crate::document::{Section, unknown};
use crate::providers::recipe;
use crate::references::{Judge, RequiredList, Resolver};

/// The keys of all schemes.
pub(crate) const KEYS: [&str; 6] = ["secrets", "keys", "header", "algorithm", "username", "hmac"];
/// The schemes that can sign.
const SCHEMES: [SchemeKind; 6] = [
    SchemeKind::StandardWebhooks,
    SchemeKind::DetachedJws,
    SchemeKind::Header,
    SchemeKind::Bearer,
    SchemeKind::Basic,
    SchemeKind::Hmac,
];

/// Reads the scheme that signs the messages for a destination, which may have a `provider`.
///
/// Reports faults. Returns `None` if the scheme is unknown or has a fault.
pub(crate) fn read(
    section: &Section<'_>,
    provider: Option<&Provider>,
    resolver: &Resolver<'_>,
) -> Option<SigningScheme> {
    let rule = provider.map(|provider| &provider.sending);
    let Some(kind) = kind(section, provider, rule) else {
        ignore(section);
        return None;
    };

    let scheme = Reader {
        section,
        resolver,
        rule,
    }
    .scheme(kind);
    section.refuse(
        &KEYS,
        &format!("does not apply to the scheme {kind}; remove it, or choose another scheme"),
    );
    scheme
}

/// Marks the keys of all schemes as known. Without a scheme, it is not known which keys are right.
pub(crate) fn ignore(section: &Section<'_>) {
    for key in KEYS {
        let _ = section.entry(key);
    }
}

fn kind(
    section: &Section<'_>,
    provider: Option<&Provider>,
    rule: Option<&SchemeRule>,
) -> Option<SchemeKind> {
    let can_sign = |kind: &SchemeKind| SCHEMES.contains(kind);
    let allowed: Vec<SchemeKind> = match rule {
        Some(rule) => rule.allowed.iter().copied().filter(can_sign).collect(),
        None => SCHEMES.to_vec(),
    };
    let receiver = provider.map_or("a destination", |provider| &provider.name);
    if allowed.is_empty() {
        section.fault(format_args!(
            "cannot be signed, because the host cannot sign with the schemes of {receiver}; remove \
             `provider`"
        ));
        return None;
    }
    let choice: Vec<_> = allowed.iter().map(|kind| kind.name()).collect();
    let choice = choice.join(", ");

    let Some(entry) = section.entry("scheme") else {
        let default = rule.map_or(Some(SchemeKind::StandardWebhooks), |rule| rule.default);
        let default = default.filter(|kind| allowed.contains(kind));
        if default.is_none() {
            let what_for = format_args!("how messages are signed; one of {choice}");
            section.missing("scheme", what_for);
        }
        return default;
    };

    let name: String = entry.get()?;
    let kind = allowed.iter().copied().find(|kind| kind.name() == name);
    if kind.is_none() {
        let is_known = SchemeKind::ALL.into_iter().any(|kind| kind.name() == name);
        let message = if is_known {
            format!("{receiver} does not accept this scheme")
        } else {
            unknown("scheme", &name, SCHEMES.map(SchemeKind::name))
        };
        entry.fault(format_args!("{message} (choose one of {choice})"));
    }
    kind
}

/// The table of a destination that is being read.
struct Reader<'s, 'd> {
    section: &'s Section<'d>,
    resolver: &'s Resolver<'s>,
    rule: Option<&'s SchemeRule>,
}

impl Reader<'_, '_> {
    // Each reader asks for all of its keys before it returns because of a missing one. Otherwise
    // the keys that were not asked for would be reported as keys of another scheme.
    fn scheme(&self, kind: SchemeKind) -> Option<SigningScheme> {
        match kind {
            SchemeKind::StandardWebhooks => self.standard_webhooks(),
            SchemeKind::DetachedJws => self.jws(),
            SchemeKind::Header => {
                let name = self.header();
                let tokens =
                    self.secrets("the token that the receiver expects", SecretUse::SentHeader);
                Some(SigningScheme::Header {
                    name: name?,
                    tokens: tokens?,
                })
            }
            SchemeKind::Basic => {
                let user = self
                    .section
                    .require("username", "the user name that the receiver expects");
                let passwords = self.secrets(
                    "the password that the receiver expects",
                    SecretUse::Password,
                );
                Some(SigningScheme::Basic {
                    user: user?,
                    passwords: passwords?,
                })
            }
            SchemeKind::Hmac => {
                let recipe = self.recipe();
                let key = match recipe.as_ref().map(|recipe| &recipe.algorithm) {
                    Some(Algorithm::Hmac { key, .. }) => *key,
                    _ => Encoding::Utf8,
                };
                let secrets = self.secrets(SHARED_SECRET, SecretUse::Hmac(key));
                Some(SigningScheme::Hmac {
                    recipe: Box::new(recipe?),
                    secrets: secrets?,
                })
            }
            SchemeKind::Bearer => {
                let tokens = self.secrets("the token that the receiver expects", SecretUse::Bearer);
                Some(SigningScheme::Bearer { tokens: tokens? })
            }
            SchemeKind::AwsSns
            | SchemeKind::SecretPath
            | SchemeKind::Verifier
            | SchemeKind::PublicKey
            | SchemeKind::Token
            | SchemeKind::Jwt
            | SchemeKind::HttpSignatures
            | SchemeKind::Unverified => None,
        }
    }

    fn standard_webhooks(&self) -> Option<SigningScheme> {
        let has = |key| self.section.entry(key).is_some();
        // One of them is enough. If both are absent, the missing secrets are reported.
        let is_asymmetric = has("keys") && !has("secrets");
        let secrets = if is_asymmetric {
            Some(Vec::new())
        } else {
            self.secrets(SHARED_SECRET, SecretUse::StandardWebhooks)
        };
        let check = |key: &[u8]| SecretReport::of(check_ed25519_key(key));
        let keys = if has("keys") {
            self.keys("keys", "Ed25519 private keys", &check)
        } else {
            Some(Vec::new())
        };
        Some(SigningScheme::StandardWebhooks {
            secrets: secrets?,
            keys: keys?,
        })
    }

    fn jws(&self) -> Option<SigningScheme> {
        let header = self.header();
        let algorithm = algorithm(self.section);
        let judge = |key: &[u8]| judge_private_key(key, algorithm.as_deref());
        let keys = self.keys("keys", "the private keys to sign with", &judge);
        Some(SigningScheme::DetachedJws {
            header: header?,
            keys: keys?,
            algorithm,
        })
    }

    /// Returns the header for the proof: the destination's own, or the one that the provider always
    /// uses.
    fn header(&self) -> Option<String> {
        match (
            self.section.entry("header"),
            self.rule.and_then(|rule| rule.header.clone()),
        ) {
            (Some(entry), _) => entry.get(),
            (None, Some(header)) => Some(header),
            (None, None) => self.section.require(
                "header",
                "the header in which the receiver expects the proof",
            ),
        }
    }

    /// Returns the HMAC recipe: the destination's own, or the provider's.
    fn recipe(&self) -> Option<Recipe> {
        match (
            self.section.entry("hmac"),
            self.rule.and_then(|rule| rule.hmac.clone()),
        ) {
            (Some(entry), _) => entry.table(recipe::hmac),
            (None, Some(recipe)) => Some(recipe),
            (None, None) => {
                let what_for = "how the signature is computed, such as hmac = { hash = \"sha256\", \
                                encoding = \"hex\", signature = { header = \"X-Signature\" }, \
                                signed = \"{body}\" }";
                self.section.missing("hmac", what_for);
                None
            }
        }
    }

    fn secrets(&self, what_for: &str, used_for: SecretUse) -> Option<Vec<SigningKey>> {
        self.keys("secrets", what_for, &|secret| {
            check_secret(secret, used_for)
        })
    }

    /// Returns what the references in the list `key` name, each with the time in which it signs.
    fn keys(&self, key: &'static str, what_for: &str, judge: Judge<'_>) -> Option<Vec<SigningKey>> {
        let list = RequiredList {
            key,
            what_for,
            judge,
        };
        let times = |section: &Section<'_>| Some((section.get("from"), section.get("until")));
        let found = self.resolver.required(self.section, &list, &times)?;

        let keys = found.into_iter().map(|(bytes, (from, until))| SigningKey {
            secret: Secret::new(bytes),
            from,
            until,
        });
        Some(keys.collect())
    }
}

fn judge_private_key(key: &[u8], algorithm: Option<&str>) -> SecretReport {
    let judgement = check_document(key);
    if !judgement.faults.is_empty() {
        return judgement;
    }
    let checked = check_jws_key(key, algorithm);
    SecretReport::of(checked.map_err(|error| format!("cannot be used: {error}")))
}
