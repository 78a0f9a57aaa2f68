//! The settings of a source that a component of its provider verifies.

use std::sync::Arc;

use hookyard_schemes::component::{ComponentFile, KeyHandle, Rule, Settings};
use hookyard_schemes::recipe::Encoding;
use hookyard_schemes::{Freshness, Provider, Scheme, SecretUse};

use super::scheme::Reader;

impl Reader<'_, '_> {
    /// Reads the keys of a source and the component of its provider.
    pub(super) fn component(&self, provider: &Provider) -> Option<Scheme> {
        let keys = self.secrets("the secrets of the sender", SecretUse::Hmac(Encoding::Utf8));
        let rule = self.rule(provider);
        let file = rule.and_then(|rule| self.file(rule));
        let tolerance = self.section.get("tolerance");

        let tolerance = tolerance.unwrap_or(rule?.tolerance);
        Some(Scheme::Component(Settings {
            file: file?,
            keys: keys?.into_iter().map(KeyHandle::secret).collect(),
            settings: Default::default(),
            public_url: None,
            freshness: Freshness {
                past: tolerance,
                future: tolerance,
            },
        }))
    }

    fn rule<'p>(&self, provider: &'p Provider) -> Option<&'p Rule> {
        let rule = provider.scheme.verifier.as_ref();
        if rule.is_none() {
            self.section.fault(format_args!(
                "provider {} does not name its verifier; add [scheme.verifier] to its provider.toml",
                provider.name
            ));
        }
        rule
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
