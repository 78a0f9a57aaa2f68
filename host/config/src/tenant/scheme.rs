//! The verification scheme of a source.
//!
//! Each scheme asks for its own keys. A key that belongs to another scheme is a fault, because a
//! key that is silently ignored looks like protection that does not exist.

mod recipe;

use std::path::PathBuf;
use std::time::Duration;

use hookyard_schemes::jws::SkippedKey;
use hookyard_schemes::sns::{self, Trust, UrlRule};
use hookyard_schemes::{
    Certificate, Credential, KeyLocation, Provider, Scheme, SchemeKind, Secret, SecretReport,
    SecretUse, SetupError, check_document, check_secret, jws, standard_webhooks,
};

use crate::document::{Section, unknown};
use crate::references::{Judge, RequiredList, Resolver};

/// The keys of all schemes.
pub(crate) const KEYS: [&str; 21] = [
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
    "public_url",
    "settings",
    "unsigned_body",
    "issuer",
    "audience",
    "email",
    "keys_url",
];

/// The beginning of a URL that is not encrypted.
const HTTP: &str = "http://";

/// The purpose of `secrets` in a scheme in which both sides have the same secret.
pub(crate) const SHARED_SECRET: &str = "the secret that both sides sign with";

/// Reads the scheme of a source of `provider`.
///
/// Reports faults. Returns `None` if the scheme is unknown or has a fault. A source that is still
/// `learning` its secret may have none.
pub(crate) fn read(
    section: &Section<'_>,
    provider: Option<&Provider>,
    resolver: &Resolver<'_>,
    learning: bool,
) -> Option<Scheme> {
    let Some((kind, provider)) = kind(section, provider).zip(provider) else {
        // Without a scheme, it is not known which keys are right.
        know_keys(section);
        return None;
    };
    if learning && !has_secrets(section) {
        know_keys(section);
        return Some(Scheme::NoSecretYet(kind));
    }

    let scheme = Reader { section, resolver }.scheme(kind, provider);
    section.refuse(
        &KEYS,
        &format!("does not apply to the scheme {kind}; remove it, or choose another scheme"),
    );
    scheme
}

/// Asks for the keys of all schemes, so that none of them is unknown.
fn know_keys(section: &Section<'_>) {
    for key in KEYS {
        let _ = section.entry(key);
    }
}

fn has_secrets(section: &Section<'_>) -> bool {
    let entry = section.entry("secrets");
    entry.is_some_and(|entry| entry.as_text().is_some() || !entry.items().is_empty())
}

/// Returns whether a handshake may fetch over plain HTTP: only if the operator named such a URL.
pub(crate) fn allows_http(scheme: &Scheme) -> bool {
    match scheme {
        Scheme::AwsSns(settings) => {
            has_http(&settings.certificate_urls) || has_http(&settings.confirmation_urls)
        }
        Scheme::Jwt(settings) => is_http_location(&settings.keys),
        Scheme::HttpSignatures(settings) => is_http_location(&settings.keys),
        Scheme::Recipe(settings) => recipe::has_http(&settings.recipe),
        _ => false,
    }
}

fn has_http(rule: &UrlRule) -> bool {
    match rule {
        UrlRule::Prefixes(urls) => urls.iter().any(|url| is_http(url)),
        UrlRule::Amazon | UrlRule::Pattern(_) => false,
    }
}

fn is_http_location(keys: &KeyLocation) -> bool {
    match keys {
        KeyLocation::Url(url) => is_http(url),
        KeyLocation::Request(request) => is_http(&request.url),
        KeyLocation::Given(_) | KeyLocation::Shared(_) => false,
    }
}

fn is_http(url: &str) -> bool {
    url.starts_with(HTTP)
}

fn kind(section: &Section<'_>, provider: Option<&Provider>) -> Option<SchemeKind> {
    let entry = section.entry("scheme");
    let provider = provider?;
    let rule = &provider.scheme;
    let allowed: Vec<_> = rule.allowed.iter().map(|kind| kind.name()).collect();
    let allowed = allowed.join(", ");

    let Some(entry) = entry else {
        if rule.default.is_none() {
            let what_for = format_args!("how the sender proves its identity; one of {allowed}");
            section.missing("scheme", what_for);
        }
        return rule.default;
    };

    let name: String = entry.get()?;
    let kind = SchemeKind::ALL.into_iter().find(|kind| kind.name() == name);
    // A source without verification is the operator's explicit decision. Providers do not list it.
    let is_allowed =
        |kind: &SchemeKind| rule.allowed.contains(kind) || *kind == SchemeKind::Unverified;
    if let Some(kind) = kind.filter(is_allowed) {
        return Some(kind);
    }

    let message = match kind {
        Some(_) => format!("{} does not use this scheme", provider.name),
        None => unknown("scheme", &name, SchemeKind::ALL.map(SchemeKind::name)),
    };
    entry.fault(format_args!("{message} (it uses {allowed})"));
    None
}

/// Reads `algorithm`: the JWS algorithm of keys that do not name theirs.
pub(crate) fn algorithm(section: &Section<'_>) -> Option<String> {
    let entry = section.entry("algorithm")?;
    let name = entry.get::<String>()?;
    jws::check_algorithm(&name)
        .map_err(|error| entry.fault(error))
        .ok()?;
    Some(name)
}

/// The table of a source that is being read.
pub(super) struct Reader<'s, 'd> {
    pub(super) section: &'s Section<'d>,
    pub(super) resolver: &'s Resolver<'s>,
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
            SchemeKind::Hmac => Scheme::Recipe(Box::new(self.hmac(provider)?)),
            SchemeKind::PublicKey => Scheme::Recipe(Box::new(self.public_key(provider)?)),
            SchemeKind::Token => Scheme::Token(self.token(provider)?),
            SchemeKind::AwsSns => Scheme::AwsSns(self.aws_sns()?),
            SchemeKind::Verifier => self.component(provider)?,
            SchemeKind::Jwt => Scheme::Jwt(Box::new(self.jwt(provider)?)),
            SchemeKind::HttpSignatures => {
                Scheme::HttpSignatures(Box::new(self.http_signatures(provider)?))
            }
            SchemeKind::Unverified => Scheme::Unverified,
        })
    }

    // Each reader asks for all of its keys before it returns because of a missing one. Otherwise
    // the keys that were not asked for would be reported as keys of another scheme.

    fn standard_webhooks(&self) -> Option<standard_webhooks::Settings> {
        let has = |key| self.section.entry(key).is_some();
        // One of them is enough. If both are absent, the missing secrets are reported.
        let is_asymmetric = has("keys") && !has("secrets");
        let secrets = if is_asymmetric {
            Some(Vec::new())
        } else {
            self.secrets(SHARED_SECRET, SecretUse::StandardWebhooks)
        };
        let keys = if has("keys") {
            let check = |key: &[u8]| SecretReport::of(standard_webhooks::check_public_key(key));
            self.references("keys", "the sender's Ed25519 public keys", &check)
        } else {
            Some(Vec::new())
        };
        let tolerance = self
            .section
            .get_or("tolerance", standard_webhooks::TOLERANCE);

        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Some(standard_webhooks::Settings {
            secrets: secrets?,
            public_keys: keys?.into_iter().map(text).collect(),
            tolerance,
        })
    }

    fn jws(&self, provider: &Provider) -> Option<jws::Settings> {
        let header = self.header(provider);
        let algorithm = algorithm(self.section);
        let judge = |document: &[u8]| judge_keys(document, algorithm.as_deref());
        let keys = self.references("keys", "the sender's public JSON Web Keys", &judge);
        let unencoded_payload = self.section.get_or("unencoded_payload", false);

        let keys = keys?.into_iter().map(Secret::new).collect();
        Some(jws::Settings {
            header: header?,
            keys,
            algorithm,
            unencoded_payload,
        })
    }

    fn header_token(&self, provider: &Provider) -> Option<Credential> {
        let name = self.header(provider);
        let tokens = self.secrets("the token that the sender uses", SecretUse::Header);
        Some(Credential::Header {
            name: name?,
            tokens: tokens?,
        })
    }

    fn bearer(&self) -> Option<Credential> {
        Some(Credential::Bearer {
            tokens: self.secrets("the token that the sender uses", SecretUse::Bearer)?,
        })
    }

    fn basic(&self) -> Option<Credential> {
        let user = self
            .section
            .require("username", "the user name that the sender uses");
        let passwords = self.secrets("the password that the sender uses", SecretUse::Password);
        Some(Credential::Basic {
            user: user?,
            passwords: passwords?,
        })
    }

    fn secret_path(&self) -> Option<Credential> {
        let what = "the secret at the end of the URL that the sender uses";
        Some(Credential::SecretPath {
            secrets: self.secrets(what, SecretUse::Path)?,
        })
    }

    /// Returns the header with the proof: the source's own, or the one that the provider always
    /// uses.
    fn header(&self, provider: &Provider) -> Option<String> {
        match self.section.entry("header") {
            Some(entry) => entry.get(),
            None if provider.scheme.header.is_some() => provider.scheme.header.clone(),
            None => self
                .section
                .require("header", "the header with the sender's proof"),
        }
    }

    fn aws_sns(&self) -> Option<sns::Settings> {
        let topics = self.section.entry("topics").map(|entry| entry.list());
        if topics.is_none() {
            let what_for =
                "a list of the ARNs of your topics, because anybody with an AWS account can sign";
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
        settings.check_certificate_name = self
            .section
            .get_or("check_certificate_name", settings.check_certificate_name);
        settings.require_type_header = self
            .section
            .get_or("require_type_header", settings.require_type_header);
        settings.raw_proof = self.raw_proof();
        settings.trust = self.trust().unwrap_or(settings.trust);
        topics.map(|_| settings)
    }

    /// Reads the proof for raw delivery, which has no signature. The host accepts raw delivery only
    /// if the operator configures another proof.
    fn raw_proof(&self) -> Option<Credential> {
        let entry = self.section.entry("delivery")?;
        match entry.get::<String>()?.as_str() {
            "signed" => None,
            "raw" if self.section.entry("username").is_some() => self.basic(),
            "raw" => self.secret_path(),
            other => {
                let message = unknown("kind of delivery", other, ["signed", "raw"]);
                entry.fault(message + " (must be \"signed\" or \"raw\")");
                None
            }
        }
    }

    fn trust(&self) -> Option<Trust> {
        let entry = self.section.entry("trust")?;
        let path = entry.get::<PathBuf>()?;
        let bytes = self.resolver.file(&entry, &path)?;
        let root = Certificate::parse_pem(&bytes)
            .map_err(|error| entry.fault(format_args!("{}: {error}", path.display())))
            .ok()?;

        Some(Trust::Roots(vec![root]))
    }

    /// Reads the sender's public keys: PEM, JSON Web Keys or sets of them.
    pub(super) fn public_keys(&self) -> Option<Vec<Secret>> {
        let judge = |document: &[u8]| {
            judge_document(document, || hookyard_schemes::skipped_public_keys(document))
        };
        let keys = self.references("keys", "the sender's public keys", &judge)?;
        Some(keys.into_iter().map(Secret::new).collect())
    }

    pub(super) fn secrets(&self, what_for: &str, used_for: SecretUse) -> Option<Vec<Secret>> {
        let found = self.references("secrets", what_for, &|secret| {
            check_secret(secret, used_for)
        })?;
        Some(found.into_iter().map(Secret::new).collect())
    }

    /// Returns what the references in the list `key` name.
    pub(super) fn references(
        &self,
        key: &'static str,
        what_for: &str,
        judge: Judge<'_>,
    ) -> Option<Vec<Vec<u8>>> {
        let list = RequiredList {
            key,
            what_for,
            judge,
        };
        let found = self.resolver.required(self.section, &list, &|_| Some(()))?;
        Some(found.into_iter().map(|(bytes, ())| bytes).collect())
    }
}

/// Checks a JSON Web Key or a key set.
fn judge_keys(document: &[u8], algorithm: Option<&str>) -> SecretReport {
    judge_document(document, || jws::skipped_keys(document, algorithm))
}

/// Checks a document with keys. A key of a set that cannot be used is skipped with a note.
fn judge_document(
    document: &[u8],
    skipped: impl FnOnce() -> Result<Vec<SkippedKey>, SetupError>,
) -> SecretReport {
    let judgement = check_document(document);
    if !judgement.faults.is_empty() {
        return judgement;
    }

    let (faults, notes) = match skipped() {
        Ok(skipped) => {
            let note = |skipped: &_| format!("has a key that is skipped: {skipped}");
            (Vec::new(), skipped.iter().map(note).collect())
        }
        Err(error) => (vec![format!("cannot be used: {error}")], Vec::new()),
    };
    SecretReport { faults, notes }
}
