//! The keys of a source whose requests carry HTTP message signatures.

use hookyard_schemes::http_signatures::Settings;
use hookyard_schemes::recipe::SourceValues;
use hookyard_schemes::{KeyLocation, Provider, SecretUse};

use super::scheme::{Reader, SHARED_SECRET};
use super::source_values;

impl Reader<'_, '_> {
    /// Reads the settings of a source with the scheme `http-signatures`.
    pub(super) fn http_signatures(&self, provider: &Provider) -> Option<Settings> {
        let Some(rules) = &provider.scheme.http_signatures else {
            self.section.fault(format_args!(
                "provider {} does not define its signatures; add [scheme.http-signatures] to its \
                 provider.toml",
                provider.name
            ));
            return None;
        };

        let mut rules = rules.clone();
        if let Some(max_age) = self.section.get("tolerance") {
            rules.max_age = Some(max_age);
        }
        let own_url = self.keys_url();
        let SourceValues {
            public_url,
            unsigned_body,
            ..
        } = source_values::read(self.section);
        let keys = match own_url.or(rules.keys_url.clone()) {
            _ if self.section.entry("keys").is_some() => KeyLocation::Given(self.public_keys()?),
            Some(url) => KeyLocation::Url(url),
            None => {
                let used_for = SecretUse::Hmac(rules.key);
                KeyLocation::Shared(self.secrets(SHARED_SECRET, used_for)?)
            }
        };

        Some(Settings {
            rules,
            keys,
            public_url,
            unsigned_body,
        })
    }
}
