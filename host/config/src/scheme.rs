//! How a source proves its sender: from the keys of its table to a scheme with its settings.
//!
//! Each scheme asks for the keys that it knows; one that belongs to another scheme is refused by name, because a key
//! that is silently ignored looks like protection that isn't there.

use std::time::Duration;

use hookyard_schemes::sns::{self, Trust, UrlRule};
use hookyard_schemes::{
    Certificate, Credential, Provider, Scheme, SchemeKind, Secret, SecretReport, SecretUse,
    check_document, check_secret, hmac, jws, standard_webhooks,
};

use super::references::{Judge, Surroundings, Wanted};
use crate::document::{Section, unknown};

/// The keys that belong to one scheme or another.
const KEYS: [&str; 14] = [
    "secrets",
    "keys",
    "tolerance",
    "header",
    "algorithm",
    "unencoded_payload",
    "username",
    "topics",
    "delivery",
    "certificate_url",
    "confirm_url",
    "trust",
    "check_certificate_name",
    "require_type_header",
];

/// What `secrets` are where both sides have the same.
const SHARED: &str = "what both sides sign with";

/// Reads the scheme of a source of `provider`. Faults are reported; none means that there is no telling which scheme.
pub fn read(
    section: &Section<'_>,
    provider: Option<&Provider>,
    around: &Surroundings<'_>,
) -> Option<Scheme> {
    let Some((kind, provider)) = kind(section, provider).zip(provider) else {
        // Which keys belong isn't known, so none is complained of.
        KEYS.iter().for_each(|key| drop(section.entry(key)));
        return None;
    };
    let scheme = Reader { section, around }.scheme(kind, provider);
    section.refuse(
        &KEYS,
        &format!("has no meaning with the scheme {kind}; remove it, or choose another scheme"),
    );
    scheme
}

/// Whether a handshake may fetch over plain HTTP: only where the operator named such a URL.
pub fn allows_http(scheme: &Scheme) -> bool {
    let is_plain = |rule: &UrlRule| matches!(rule, UrlRule::Prefixes(urls) if urls.iter().any(|url| url.starts_with("http://")));
    matches!(scheme, Scheme::AwsSns(settings) if is_plain(&settings.certificate_urls) || is_plain(&settings.confirmation_urls))
}

fn kind(section: &Section<'_>, provider: Option<&Provider>) -> Option<SchemeKind> {
    let entry = section.entry("scheme");
    let rule = &provider?.scheme;
    let allowed = || rule.allowed.iter().map(|kind| kind.name());
    let Some(entry) = entry else {
        if rule.default.is_none() {
            let choice = allowed().collect::<Vec<_>>().join(", ");
            section.missing(
                "scheme",
                format_args!("how the sender is proven; one of {choice}"),
            );
        }
        return rule.default;
    };
    let given: String = entry.get()?;
    let kind = SchemeKind::ALL
        .into_iter()
        .find(|kind| kind.name() == given);
    // A source without any verification is the operator's own decision, said in words; a provider needn't foresee it.
    if let Some(kind) =
        kind.filter(|kind| rule.allowed.contains(kind) || *kind == SchemeKind::Unverified)
    {
        return Some(kind);
    }
    let choice = allowed().collect::<Vec<_>>().join(", ");
    let what = match kind {
        Some(_) => format!("{} doesn't send that way", provider?.name),
        None => unknown("scheme", &given, SchemeKind::ALL.map(SchemeKind::name)),
    };
    entry.fault(format_args!("{what} (it sends by {choice})"));
    None
}

struct Reader<'s, 'd> {
    section: &'s Section<'d>,
    around: &'s Surroundings<'s>,
}

impl Reader<'_, '_> {
    fn scheme(&self, kind: SchemeKind, provider: &Provider) -> Option<Scheme> {
        Some(match kind {
            SchemeKind::StandardWebhooks => Scheme::StandardWebhooks(self.standard_webhooks()?),
            SchemeKind::DetachedJws => Scheme::DetachedJws(self.jws(provider)?),
            SchemeKind::Basic => Scheme::Static(self.basic()?),
            SchemeKind::Bearer => Scheme::Static(self.bearer()?),
            SchemeKind::Header => Scheme::Static(self.header_token(provider)?),
            SchemeKind::SecretPath => Scheme::Static(self.secret_path()?),
            SchemeKind::Hmac => Scheme::Hmac(self.hmac(provider)?),
            SchemeKind::AwsSns => Scheme::AwsSns(self.aws_sns()?),
            SchemeKind::Unverified => Scheme::Unverified,
        })
    }

    // Each asks for all of its keys before it gives up for want of one, so that none of them counts as another scheme's.

    fn standard_webhooks(&self) -> Option<standard_webhooks::Settings> {
        let has = |key| self.section.entry(key).is_some();
        // Either will do; when there is neither, the usual one is asked for.
        let is_asymmetric = has("keys") && !has("secrets");
        let secrets = if is_asymmetric {
            Some(Vec::new())
        } else {
            self.secrets(SHARED, SecretUse::StandardWebhooks)
        };
        let keys = match has("keys") {
            true => {
                let check = |key: &[u8]| SecretReport::of(standard_webhooks::check_public_key(key));
                self.references("keys", "the sender's Ed25519 public keys", &check)
            }
            false => Some(Vec::new()),
        };
        let tolerance = self
            .section
            .get("tolerance")
            .unwrap_or(standard_webhooks::TOLERANCE);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Some(standard_webhooks::Settings {
            secrets: secrets?,
            public_keys: keys?.into_iter().map(text).collect(),
            tolerance,
        })
    }

    fn jws(&self, provider: &Provider) -> Option<jws::Settings> {
        let header = self.header(provider);
        let algorithm = self.section.entry("algorithm").and_then(|entry| {
            let name = entry.get::<String>()?;
            jws::check_algorithm(&name)
                .map_err(|error| entry.fault(error))
                .ok()
                .map(|()| name)
        });
        let judge = |document: &[u8]| judge_keys(document, algorithm.as_deref());
        let keys = self.references("keys", "the sender's public JSON Web Keys", &judge);
        let unencoded_payload = self.section.get("unencoded_payload").unwrap_or(false);
        let keys = keys?.into_iter().map(Secret::new).collect();
        Some(jws::Settings {
            header: header?,
            keys,
            algorithm,
            unencoded_payload,
        })
    }

    fn hmac(&self, provider: &Provider) -> Option<hmac::Settings> {
        let recipe = provider.scheme.recipe.clone();
        if recipe.is_none() {
            self.section.fault(format_args!(
                "provider {} says nothing of how its HMAC is made",
                provider.name
            ));
        }
        let key = recipe
            .as_ref()
            .map_or(hmac::Encoding::Utf8, |recipe| recipe.key);
        let (secrets, tolerance) = (
            self.secrets(SHARED, SecretUse::Hmac(key)),
            self.section.get("tolerance"),
        );
        Some(hmac::Settings {
            recipe: recipe?,
            secrets: secrets?,
            tolerance,
        })
    }

    fn header_token(&self, provider: &Provider) -> Option<Credential> {
        let (name, tokens) = (
            self.header(provider),
            self.secrets("the token that the sender gives", SecretUse::Header),
        );
        Some(Credential::Header {
            name: name?,
            tokens: tokens?,
        })
    }

    fn bearer(&self) -> Option<Credential> {
        Some(Credential::Bearer {
            tokens: self.secrets("the token that the sender gives", SecretUse::Bearer)?,
        })
    }

    fn basic(&self) -> Option<Credential> {
        let user = self
            .section
            .require("username", "the user that the sender gives");
        let passwords = self.secrets("the password that the sender gives", SecretUse::Password);
        Some(Credential::Basic {
            user: user?,
            passwords: passwords?,
        })
    }

    fn secret_path(&self) -> Option<Credential> {
        let what = "the secret end of the URL that the sender is given";
        Some(Credential::SecretPath {
            secrets: self.secrets(what, SecretUse::Path)?,
        })
    }

    /// The header that the scheme reads: the source's own, or the one that the provider always uses.
    fn header(&self, provider: &Provider) -> Option<String> {
        match self.section.entry("header") {
            Some(entry) => entry.get(),
            None if provider.scheme.header.is_some() => provider.scheme.header.clone(),
            None => self
                .section
                .require("header", "the header that the sender puts its proof in"),
        }
    }

    fn aws_sns(&self) -> Option<sns::Settings> {
        let topics = self.section.entry("topics").map(|entry| entry.list());
        if topics.is_none() {
            let what_for =
                "a list of the ARNs of your topics; anybody with an AWS account can sign";
            self.section.missing("topics", what_for);
        }
        let mut settings = sns::Settings::new(topics.clone().unwrap_or_default());
        if let Some(url) = self.section.get("certificate_url") {
            settings.certificate_urls = UrlRule::Prefixes(vec![url]);
        }
        if let Some(url) = self.section.get("confirm_url") {
            settings.confirmation_urls = UrlRule::Prefixes(vec![url]);
        }
        if let Some(tolerance) = self.section.get::<Duration>("tolerance") {
            settings.freshness.past = tolerance;
        }
        let flag = |key, default| self.section.get(key).unwrap_or(default);
        settings.check_certificate_name =
            flag("check_certificate_name", settings.check_certificate_name);
        settings.require_type_header = flag("require_type_header", settings.require_type_header);
        settings.raw_proof = self.raw_proof();
        settings.trust = self.trust().unwrap_or(settings.trust);
        topics.map(|_| settings)
    }

    /// Raw delivery has no signature: it's taken only where the operator asks for it and names another proof.
    fn raw_proof(&self) -> Option<Credential> {
        let entry = self.section.entry("delivery")?;
        match entry.get::<String>()?.as_str() {
            "signed" => None,
            "raw" if self.section.entry("username").is_some() => self.basic(),
            "raw" => self.secret_path(),
            other => {
                entry.fault(
                    unknown("way of delivery", other, ["signed", "raw"])
                        + " (it's \"signed\" or \"raw\")",
                );
                None
            }
        }
    }

    fn trust(&self) -> Option<Trust> {
        let entry = self.section.entry("trust")?;
        let path = self.around.resolve(&entry.get::<std::path::PathBuf>()?);
        let bytes = self.around.bytes(&path);
        let bytes = bytes
            .map_err(|error| entry.fault(format_args!("{} can't be read: {error}", path.display())))
            .ok()?;
        let root = Certificate::parse_pem(&bytes);
        let root = root
            .map_err(|error| entry.fault(format_args!("{}: {error}", path.display())))
            .ok()?;
        Some(Trust::Roots(vec![root]))
    }

    fn secrets(&self, what: &str, used_for: SecretUse) -> Option<Vec<Secret>> {
        let found = self.references("secrets", what, &|secret| check_secret(secret, used_for))?;
        Some(found.into_iter().map(Secret::new).collect())
    }

    /// What the references under `key` refer to.
    fn references(&self, key: &'static str, what: &str, judge: Judge<'_>) -> Option<Vec<Vec<u8>>> {
        let found =
            self.around
                .needed(self.section, &Wanted { key, what, judge }, &|_| Some(()))?;
        Some(found.into_iter().map(|(bytes, ())| bytes).collect())
    }
}

/// Judges a JSON Web Key or a set of them. A key of a set that can't be used is skipped with a note.
fn judge_keys(document: &[u8], algorithm: Option<&str>) -> SecretReport {
    let judgement = check_document(document);
    if !judgement.faults.is_empty() {
        return judgement;
    }
    match jws::skipped_keys(document, algorithm) {
        Ok(skipped) => {
            let notes = skipped
                .iter()
                .map(|skipped| format!("has a key that is skipped: {skipped}"))
                .collect();
            SecretReport {
                notes,
                ..SecretReport::default()
            }
        }
        Err(error) => SecretReport {
            faults: vec![format!("does not do: {error}")],
            ..SecretReport::default()
        },
    }
}
