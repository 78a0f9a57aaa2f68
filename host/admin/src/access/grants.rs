//! The tokens of the listener, and what each allows: a role, tenants, and whether bodies are shown.

use std::sync::Arc;

use hookyard_model::{Role, TenantName};
use hookyard_schemes::Secret;
use hookyard_store::Tenants;

/// What the owner of a token may see and do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The name of the token, which the audit log shows.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The tenants whose things the owner sees.
    pub tenants: Tenants,
    /// Whether the owner sees bodies, headers, log lines and answers.
    pub shows_payloads: bool,
}

impl Grant {
    /// Returns the grant of an administrator of the whole host.
    pub fn administrator(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            role: Role::Admin,
            tenants: Tenants::All,
            shows_payloads: true,
        }
    }

    /// Returns whether the owner may use the pages, which show the bodies of all tenants.
    pub(crate) fn has_pages(&self) -> bool {
        self.tenants == Tenants::All && self.shows_payloads
    }

    /// Returns whether the owner sees the things of this tenant.
    pub(crate) fn sees(&self, tenant: &TenantName) -> bool {
        self.tenants.contains(tenant)
    }
}

/// The tokens of the listener.
#[derive(Debug, Default)]
pub struct Grants {
    /// Whether nobody may change anything.
    pub is_read_only: bool,
    tokens: Vec<(Secret, Arc<Grant>)>,
}

impl Grants {
    /// Adds a token.
    pub fn add(&mut self, token: Secret, grant: Grant) {
        self.tokens.push((token, Arc::new(grant)));
    }

    /// Returns whether a request may read the metrics: with any token, or without tokens.
    pub fn allow_metrics(&self, token: Option<&[u8]>) -> bool {
        self.tokens.is_empty() || token.is_some_and(|given| self.of_token(given).is_some())
    }

    /// Returns the grant of everybody who reaches the listener, if there is no token.
    pub(crate) fn of_everybody(&self) -> Option<Arc<Grant>> {
        let everybody = || Arc::new(Grant::administrator("anybody"));
        self.tokens.is_empty().then(everybody)
    }

    /// Returns the grant of a token. The time does not depend on how much of a token is right.
    pub(crate) fn of_token(&self, given: &[u8]) -> Option<Arc<Grant>> {
        let mut found = None;
        for (token, grant) in &self.tokens {
            if token.matches(given) {
                found = Some(Arc::clone(grant));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_has_its_grant() {
        let mut grants = Grants::default();
        assert_eq!(
            grants.of_everybody().map(|grant| grant.role),
            Some(Role::Admin)
        );

        let viewer = Grant {
            role: Role::Viewer,
            ..Grant::administrator("wall")
        };
        grants.add(Secret::from("one"), viewer);
        grants.add(Secret::from("two"), Grant::administrator("ada"));
        let name = |given: &[u8]| grants.of_token(given).map(|grant| grant.name.clone());

        assert_eq!(name(b"one").as_deref(), Some("wall"));
        assert_eq!(name(b"two").as_deref(), Some("ada"));
        assert_eq!(name(b"three"), None);
        assert_eq!(grants.of_everybody(), None);
    }
}
