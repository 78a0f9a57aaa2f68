//! What the host knows of typed interfaces: for each provider's WIT package, which case of `event` a sender's type is,
//! which part of the JSON that case is made from, and what is sent the other way.
//!
//! Plain data, so that this crate needs to know nothing of how senders sign or of how providers are configured.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_schemes::Outgoing;

use crate::offers;

/// What the events of one provider's package mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// The provider's name, as it stands in an event.
    pub provider: String,
    /// Its WIT package without a version, such as `topper:webhooks`.
    pub package: String,
    /// The lines of its versions that plugins may be built against, such as `1` or `0.9`; empty for all.
    pub versions: Vec<String>,
    /// A JSON pointer (RFC 6901) to the part of the event that a case is made from; empty for the whole event.
    pub content: String,
    /// From the sender's event type to the name of the case.
    pub cases: BTreeMap<String, String>,
    /// What its plugins may send, and how.
    pub outgoing: Outgoing,
}

impl Contract {
    /// Says why a plugin that was built against this version of the package can't be served, if it can't.
    pub(crate) fn check_version(&self, version: Option<&str>) -> Result<(), String> {
        let Some(version) = version.filter(|_| !self.versions.is_empty()) else {
            return Ok(());
        };
        if offers::line(version)
            .is_some_and(|line| self.versions.iter().any(|offered| offered == line))
        {
            return Ok(());
        }
        Err(format!(
            "this host offers {} in the versions {}; build it against one of these, or bring the provider up to date",
            self.package,
            self.versions.join(", ")
        ))
    }
}

/// The contracts of all providers, found by package.
#[derive(Debug, Clone, Default)]
pub struct Contracts(BTreeMap<String, Arc<Contract>>);

impl Contracts {
    /// Takes the contracts; of two with the same package the later one counts.
    pub fn new(contracts: impl IntoIterator<Item = Contract>) -> Self {
        Self(
            contracts
                .into_iter()
                .map(|contract| (contract.package.clone(), Arc::new(contract)))
                .collect(),
        )
    }

    /// The contract of a package, given without a version.
    pub fn get(&self, package: &str) -> Option<&Arc<Contract>> {
        self.0.get(package)
    }

    /// The packages, sorted.
    pub fn packages(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
