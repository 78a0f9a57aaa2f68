//! The keys of a source whose provider describes its signature by a recipe, and of a source with a
//! token.

use hookyard_schemes::recipe::{
    Algorithm, CertificateOrigin, Encoding, KeyOrigin, PublicKeyAlgorithm, Recipe, Settings,
    SourceValues,
};
use hookyard_schemes::sns::Trust;
use hookyard_schemes::value::PlaceKind;
use hookyard_schemes::{
    Provider, PublicKeys, Secret, SecretReport, SecretUse, SettingText, SetupError, check_document,
    token,
};

use super::{HTTP, Reader, SHARED_SECRET};
use crate::tenant::source_values;

impl Reader<'_, '_> {
    pub(super) fn hmac(&self, provider: &Provider) -> Option<Settings> {
        let recipe = self.defined(provider, provider.scheme.hmac.as_ref(), "hmac");
        let key = match recipe.map(|recipe| &recipe.algorithm) {
            Some(Algorithm::Hmac { key, .. }) => *key,
            _ => Encoding::Utf8,
        };
        let secrets = self.secrets(SHARED_SECRET, SecretUse::Hmac(key));
        self.settings(recipe, secrets)
    }

    pub(super) fn public_key(&self, provider: &Provider) -> Option<Settings> {
        let recipe = self.defined(provider, provider.scheme.public_key.as_ref(), "public-key");
        let algorithm = match recipe.map(|recipe| &recipe.algorithm) {
            Some(Algorithm::PublicKey { algorithm, .. }) => Some(*algorithm),
            _ => None,
        };
        if let Some((recipe, origin)) = recipe.and_then(|it| Some((it, it.certificate()?))) {
            let recipe = self.with_certificate(recipe, origin);
            return self.settings(Some(&recipe), Some(Vec::new()));
        }
        let judge = |document: &[u8]| judge_public_keys(document, algorithm);
        let keys = self.references("keys", "the sender's public keys", &judge);
        let keys = keys.map(|keys| keys.into_iter().map(Secret::new).collect());
        self.settings(recipe, keys)
    }

    /// Returns the recipe with what the source says of certificates: another URL and the root that a
    /// stand-in for the sender needs.
    fn with_certificate(&self, recipe: &Recipe, origin: &CertificateOrigin) -> Recipe {
        let mut origin = origin.clone();
        if let Some(url) = self.section.get::<String>("certificate_url") {
            origin.prefixes = vec![SettingText::literal(url)];
        }
        if let Some(Trust::Roots(roots)) = self.trust() {
            origin.roots = roots;
        }
        if origin.roots.is_empty() && has_http_prefix(&origin) {
            self.section.missing(
                "trust",
                "the root of the certificate, because `certificate_url` is not `https:` and does not \
                 prove whose certificate it is",
            );
        }

        let mut recipe = recipe.clone();
        if let Algorithm::PublicKey { keys, .. } = &mut recipe.algorithm {
            *keys = KeyOrigin::Certificate(Box::new(origin));
        }
        recipe
    }

    pub(super) fn token(&self, provider: &Provider) -> Option<token::Settings> {
        let from = self.defined(provider, provider.scheme.token.as_ref(), "token");
        let used_for = match from.map(|place| &place.kind) {
            Some(PlaceKind::Header(_)) => SecretUse::Header,
            _ => SecretUse::Token,
        };
        let secrets = self.secrets("the token that the sender uses", used_for);
        Some(token::Settings {
            from: from?.clone(),
            secrets: secrets?,
        })
    }

    /// Returns what the provider defines for a scheme. Reports a provider that does not.
    pub(in crate::tenant) fn defined<'p, T>(
        &self,
        provider: &Provider,
        defined: Option<&'p T>,
        table: &str,
    ) -> Option<&'p T> {
        if defined.is_none() {
            self.section.fault(format_args!(
                "provider {} does not define this scheme; add [scheme.{table}] to its provider.toml",
                provider.name
            ));
        }
        defined
    }

    fn settings(&self, recipe: Option<&Recipe>, keys: Option<Vec<Secret>>) -> Option<Settings> {
        let tolerance = self.section.get("tolerance");
        let source = source_values::read(self.section);
        let recipe = recipe?.clone();
        self.check_source(&recipe, &source);
        // What is missing has been reported here.
        recipe.check_source(&source).ok()?;
        Some(Settings {
            recipe,
            keys: keys?,
            tolerance,
            source,
        })
    }

    /// Reports what the source lacks for the recipe, and what it has in vain.
    fn check_source(&self, recipe: &Recipe, source: &SourceValues) {
        let has = |key| self.section.entry(key).is_some();
        if recipe.needs_public_url() && !has("public_url") {
            let what_for = "the URL that is registered at the sender, which the sender signs, such \
                            as \"https://hooks.example.com/acme/shop\"";
            self.section.missing("public_url", what_for);
        }
        for name in recipe.settings() {
            if !source.settings.contains_key(name) {
                let name = name.to_owned();
                self.section.fault(SetupError::MissingSetting { name });
            }
        }
        for name in source.settings.keys() {
            if !recipe.settings().any(|known| known == name) {
                self.section
                    .fault(format_args!("settings.{name} has no effect; remove it"));
            }
        }
        match (recipe.covers.is_some(), recipe.leaves_body_unsigned()) {
            (_, true) if !source.unsigned_body => self.section.missing(
                "unsigned_body",
                "the sender does not sign the body, so that anybody who sees one request can send \
                 others; set it to true if you accept this",
            ),
            (false, _) if source.unsigned_body => self
                .section
                .fault("unsigned_body has no effect, because the sender signs the body; remove it"),
            _ => {}
        }
    }
}

/// Returns whether certificates may be fetched over plain HTTP.
pub(super) fn has_http(recipe: &Recipe) -> bool {
    recipe.certificate().is_some_and(has_http_prefix)
}

fn has_http_prefix(origin: &CertificateOrigin) -> bool {
    let mut prefixes = origin.prefixes.iter();
    prefixes.any(|prefix| prefix.begins_with(HTTP))
}

/// Checks a public key or a set of keys. A key of a set that cannot be used is skipped with a note.
fn judge_public_keys(document: &[u8], algorithm: Option<PublicKeyAlgorithm>) -> SecretReport {
    let judgement = check_document(document);
    let Some(algorithm) = algorithm.filter(|_| judgement.faults.is_empty()) else {
        return judgement;
    };
    let (faults, notes) = match PublicKeys::for_algorithm(document, algorithm) {
        Ok(keys) => {
            let note = |skipped: &_| format!("has a key that is skipped: {skipped}");
            (Vec::new(), keys.skipped.iter().map(note).collect())
        }
        Err(error) => (vec![format!("cannot be used: {error}")], Vec::new()),
    };
    SecretReport { faults, notes }
}
