//! The settings of a source that a component of its provider verifies.

use std::sync::Arc;

use hookyard_schemes::component::{ComponentFile, KeyHandle, Rule, Settings};
use hookyard_schemes::recipe::{Encoding, SourceValues};
use hookyard_schemes::{
    Freshness, Provider, PublicKeys, Scheme, SecretReport, SecretUse, check_document,
};

use super::scheme::Reader;
use super::source_values;

impl Reader<'_, '_> {
    /// Reads the keys of a source and the component of its provider.
    pub(super) fn component(&self, provider: &Provider) -> Option<Scheme> {
        let keys = self.handles();
        let source = SourceValues {
            public_url: source_values::public_url(self.section),
            settings: source_values::settings(self.section),
            ..SourceValues::default()
        };
        let rule = self.defined(provider, provider.scheme.verifier.as_ref(), "verifier");
        let file = rule.and_then(|rule| self.file(rule));
        let tolerance = self.section.get("tolerance");

        let rule = rule?;
        let tolerance = tolerance.unwrap_or(rule.tolerance);
        Some(Scheme::Component(Settings {
            file: file?,
            keys: keys?,
            source,
            freshness: Freshness {
                past: tolerance,
                future: tolerance,
            },
            credential_headers: rule.credential_headers.clone(),
        }))
    }

    /// Reads the secrets and the public keys. One of the two lists is enough. If both are absent,
    /// the missing secrets are reported.
    fn handles(&self) -> Option<Vec<KeyHandle>> {
        let has = |key| self.section.entry(key).is_some();
        let secrets = if has("keys") && !has("secrets") {
            Some(Vec::new())
        } else {
            self.secrets("the secrets of the sender", SecretUse::Hmac(Encoding::Utf8))
        };
        let documents = if has("keys") {
            self.references("keys", "the sender's public keys", &judge_public_keys)
        } else {
            Some(Vec::new())
        };

        let mut handles: Vec<_> = secrets?.into_iter().map(KeyHandle::secret).collect();
        for document in documents? {
            let keys = PublicKeys::read(&document).ok()?.keys;
            handles.extend(keys.into_iter().map(KeyHandle::public));
        }
        Some(handles)
    }

    fn file(&self, rule: &Rule) -> Option<Arc<ComponentFile>> {
        let path = rule.component.display().to_string();
        match self.resolver.component(&rule.component) {
            Ok(bytes) => Some(Arc::new(ComponentFile { path, bytes })),
            Err(error) => {
                self.section.fault(format_args!(
                    "the verifier {path} of its provider cannot be read: {error}"
                ));
                None
            }
        }
    }
}

fn judge_public_keys(document: &[u8]) -> SecretReport {
    let judgement = check_document(document);
    if judgement.faults.is_empty() {
        SecretReport::of(PublicKeys::read(document))
    } else {
        judgement
    }
}
