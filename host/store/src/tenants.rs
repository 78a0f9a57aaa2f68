//! The tenants that a question of an operator is about.

use std::collections::BTreeSet;

use hookyard_model::TenantName;

/// The tenants whose items a list, a search or a count may contain.
///
/// This is not a filter of the caller's choice: it is what the caller may see. So it is an argument
/// of its own, which no default leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenants {
    /// Every tenant, and what belongs to no tenant.
    All,
    /// These tenants alone.
    Only(BTreeSet<TenantName>),
}

impl Tenants {
    /// Returns whether the items of a tenant are among these.
    pub fn contains(&self, tenant: &TenantName) -> bool {
        match self {
            Self::All => true,
            Self::Only(tenants) => tenants.contains(tenant),
        }
    }

    /// Returns whether an item is among these: an item of a tenant, or one that belongs to no tenant.
    pub fn contain(&self, tenant: Option<&TenantName>) -> bool {
        match tenant {
            Some(tenant) => self.contains(tenant),
            None => *self == Self::All,
        }
    }

    /// Returns the tenants that are among these and that a filter names, if the filter names one.
    #[must_use]
    pub fn filtered(&self, filter: Option<&TenantName>) -> Self {
        match filter {
            None => self.clone(),
            Some(tenant) if self.contains(tenant) => Self::Only([tenant.clone()].into()),
            Some(_) => Self::Only(BTreeSet::new()),
        }
    }
}

impl From<TenantName> for Tenants {
    fn from(tenant: TenantName) -> Self {
        Self::Only([tenant].into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TenantName {
        text.parse().expect("a name")
    }

    #[test]
    fn filter_never_adds_tenants() {
        let acme = Tenants::from(name("acme"));

        assert_eq!(acme.filtered(None), acme);
        assert_eq!(acme.filtered(Some(&name("acme"))), acme);
        assert_eq!(
            acme.filtered(Some(&name("umbrella"))),
            Tenants::Only(BTreeSet::new())
        );
        assert_eq!(Tenants::All.filtered(Some(&name("acme"))), acme);
    }

    #[test]
    fn items_without_tenant_are_among_all() {
        assert!(Tenants::All.contain(None));
        assert!(!Tenants::from(name("acme")).contain(None));
        assert!(!Tenants::from(name("acme")).contains(&name("umbrella")));
    }
}
