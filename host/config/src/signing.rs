//! How what is sent to a destination is signed: from the keys of its table to a scheme with its settings.
//!
//! The sibling of `scheme`, and as strict: a key that belongs to another scheme is refused by name.

use hookyard_schemes::hmac::{Encoding, Recipe};
use hookyard_schemes::{
    Provider, SchemeKind, SchemeRule, Secret, SecretReport, SecretUse, SigningKey, SigningScheme,
    check_document, check_ed25519_key, check_jws_key, check_secret, jws,
};

use super::references::{Judge, Surroundings, Wanted};
use crate::document::{Section, unknown};
use crate::provider::recipe;

/// The keys that belong to one scheme or another.
const KEYS: [&str; 6] = ["secrets", "keys", "header", "algorithm", "username", "hmac"];
/// The schemes that can sign. The others prove a sender by what only it can do.
const SCHEMES: [SchemeKind; 6] = [
    SchemeKind::StandardWebhooks,
    SchemeKind::DetachedJws,
    SchemeKind::Header,
    SchemeKind::Bearer,
    SchemeKind::Basic,
    SchemeKind::Hmac,
];

/// What `secrets` are where both sides have the same.
const SHARED: &str = "what both sides sign with";

/// Reads how a destination's messages are signed, which is of `provider` where it says one. Faults are reported; none
/// means that there is no telling which scheme.
pub fn read(
    section: &Section<'_>,
    provider: Option<&Provider>,
    around: &Surroundings<'_>,
) -> Option<SigningScheme> {
    let rule = provider.map(|provider| &provider.sending);
    let Some(kind) = kind(section, provider, rule) else {
        skip(section);
        return None;
    };
    let scheme = Reader {
        section,
        around,
        rule,
    }
    .scheme(kind);
    section.refuse(
        &KEYS,
        &format!("has no meaning with the scheme {kind}; remove it, or choose another scheme"),
    );
    scheme
}

/// Leaves the keys of all schemes alone, where it isn't known which of them belong.
pub fn skip(section: &Section<'_>) {
    KEYS.iter().for_each(|key| drop(section.entry(key)));
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
    let name = provider.map_or("a destination", |provider| &provider.name);
    if allowed.is_empty() {
        section.fault(format_args!(
            "nothing can be signed the way {name} signs; leave `provider` out"
        ));
        return None;
    }
    let choice = allowed
        .iter()
        .map(|kind| kind.name())
        .collect::<Vec<_>>()
        .join(", ");
    let Some(entry) = section.entry("scheme") else {
        let default = rule.map_or(Some(SchemeKind::StandardWebhooks), |rule| rule.default);
        let default = default.filter(|kind| allowed.contains(kind));
        if default.is_none() {
            section.missing(
                "scheme",
                format_args!("how messages are signed; one of {choice}"),
            );
        }
        return default;
    };
    let given: String = entry.get()?;
    let found = allowed.iter().copied().find(|kind| kind.name() == given);
    if found.is_none() {
        let what = match SchemeKind::ALL.into_iter().any(|kind| kind.name() == given) {
            true => format!("{name} isn't sent to that way"),
            false => unknown("scheme", &given, SCHEMES.map(SchemeKind::name)),
        };
        entry.fault(format_args!("{what} (it is by {choice})"));
    }
    found
}

struct Reader<'s, 'd> {
    section: &'s Section<'d>,
    around: &'s Surroundings<'s>,
    rule: Option<&'s SchemeRule>,
}

impl Reader<'_, '_> {
    // Each asks for all of its keys before it gives up for want of one, so that none of them counts as another scheme's.
    fn scheme(&self, kind: SchemeKind) -> Option<SigningScheme> {
        match kind {
            SchemeKind::StandardWebhooks => self.standard_webhooks(),
            SchemeKind::DetachedJws => self.jws(),
            SchemeKind::Header => {
                let (name, tokens) = (
                    self.header(),
                    self.secrets("the token that the receiver expects", SecretUse::SentHeader),
                );
                Some(SigningScheme::Header {
                    name: name?,
                    tokens: tokens?,
                })
            }
            SchemeKind::Basic => {
                let user = self
                    .section
                    .require("username", "the user that the receiver expects");
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
                let key = recipe.as_ref().map_or(Encoding::Utf8, |recipe| recipe.key);
                let secrets = self.secrets(SHARED, SecretUse::Hmac(key));
                Some(SigningScheme::Hmac {
                    recipe: recipe?,
                    secrets: secrets?,
                })
            }
            SchemeKind::Bearer => {
                let tokens = self.secrets("the token that the receiver expects", SecretUse::Bearer);
                Some(SigningScheme::Bearer { tokens: tokens? })
            }
            SchemeKind::AwsSns | SchemeKind::SecretPath | SchemeKind::Unverified => None,
        }
    }

    fn standard_webhooks(&self) -> Option<SigningScheme> {
        let has = |key| self.section.entry(key).is_some();
        // Either will do; when there is neither, the usual one is asked for.
        let is_asymmetric = has("keys") && !has("secrets");
        let secrets = match is_asymmetric {
            true => Some(Vec::new()),
            false => self.secrets(SHARED, SecretUse::StandardWebhooks),
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
        let algorithm = self.section.entry("algorithm").and_then(|entry| {
            let name = entry.get::<String>()?;
            jws::check_algorithm(&name)
                .map_err(|error| entry.fault(error))
                .ok()
                .map(|()| name)
        });
        let judge = |key: &[u8]| judge_private_key(key, algorithm.as_deref());
        let keys = self.keys("keys", "the private keys to sign with", &judge);
        Some(SigningScheme::DetachedJws {
            header: header?,
            keys: keys?,
            algorithm,
        })
    }

    /// The header that the proof is put in: the destination's own, or the one that the provider always uses.
    fn header(&self) -> Option<String> {
        match (
            self.section.entry("header"),
            self.rule.and_then(|rule| rule.header.clone()),
        ) {
            (Some(entry), _) => entry.get(),
            (None, Some(header)) => Some(header),
            (None, None) => self.section.require(
                "header",
                "the header that the receiver expects the proof in",
            ),
        }
    }

    /// The destination's own recipe, or the provider's.
    fn recipe(&self) -> Option<Recipe> {
        match (
            self.section.entry("hmac"),
            self.rule.and_then(|rule| rule.recipe.clone()),
        ) {
            (Some(entry), _) => entry.table(recipe::read),
            (None, Some(recipe)) => Some(recipe),
            (None, None) => {
                let what_for = "how the signature is made, such as hmac = { hash = \"sha256\", encoding = \"hex\", \
                                signature = { header = \"X-Signature\" }, signed = \"{body}\" }";
                self.section.missing("hmac", what_for);
                None
            }
        }
    }

    fn secrets(&self, what: &str, used_for: SecretUse) -> Option<Vec<SigningKey>> {
        self.keys("secrets", what, &|secret| check_secret(secret, used_for))
    }

    /// What the references under `key` refer to, each with the time in which it signs.
    fn keys(&self, key: &'static str, what: &str, judge: Judge<'_>) -> Option<Vec<SigningKey>> {
        let window = |section: &Section<'_>| Some((section.get("from"), section.get("until")));
        let found = self
            .around
            .needed(self.section, &Wanted { key, what, judge }, &window)?;
        let keys = found.into_iter();
        Some(
            keys.map(|(bytes, (from, until))| SigningKey {
                secret: Secret::new(bytes),
                from,
                until,
            })
            .collect(),
        )
    }
}

fn judge_private_key(key: &[u8], algorithm: Option<&str>) -> SecretReport {
    let judgement = check_document(key);
    match judgement.faults.is_empty() {
        true => SecretReport::of(
            check_jws_key(key, algorithm).map_err(|error| format!("does not do: {error}")),
        ),
        false => judgement,
    }
}
