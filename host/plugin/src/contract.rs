//! What the host knows about the typed interfaces of each provider.
//!
//! A contract says which case of a plugin's `event` variant a sender's event type stands for, which
//! part of the JSON that case is decoded from, and which events plugins may send to the provider.
//! Contracts are plain data, so this crate does not need to know how providers sign events or how
//! they are configured.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_schemes::OutgoingEvents;

use crate::version;

/// The contract of one provider's WIT package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// The provider's name, as events have it.
    pub provider: String,
    /// The provider's WIT package without a version, such as `topper:webhooks`.
    pub package: String,
    /// The version lines that plugins may be built against, such as `1` or `0.9`. Empty for all
    /// versions.
    pub versions: Vec<String>,
    /// A JSON pointer (RFC 6901) to the part of the event that a case is decoded from. Empty for
    /// the whole event.
    pub content: String,
    /// The name of the case for each of the sender's event types.
    pub cases: BTreeMap<String, String>,
    /// The events that plugins may send to the provider, and their format.
    pub outgoing: OutgoingEvents,
}

impl Contract {
    /// Checks that a plugin that was built against this version of the package can be served.
    ///
    /// # Errors
    ///
    /// Returns the reason as text if the host does not offer that version.
    pub(crate) fn check_version(&self, version: Option<&str>) -> Result<(), String> {
        let Some(version) = version.filter(|_| !self.versions.is_empty()) else {
            return Ok(());
        };

        let is_offered = version::line(version)
            .is_some_and(|line| self.versions.iter().any(|offered| offered == line));
        if is_offered {
            return Ok(());
        }
        Err(format!(
            "this host offers {} in the versions {}; build the plugin against one of them, or update the provider",
            self.package,
            self.versions.join(", ")
        ))
    }
}

/// The contracts of all providers, by package. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Contracts(Arc<BTreeMap<String, Arc<Contract>>>);

impl Contracts {
    /// Collects contracts. If two of them have the same package, the later contract counts.
    pub fn new(contracts: impl IntoIterator<Item = Contract>) -> Self {
        let by_package = contracts
            .into_iter()
            .map(|contract| (contract.package.clone(), Arc::new(contract)));
        Self(Arc::new(by_package.collect()))
    }

    /// Returns the contract of a package, which is given without a version.
    pub fn get(&self, package: &str) -> Option<&Arc<Contract>> {
        self.0.get(package)
    }

    /// Returns the packages in sorted order.
    pub fn packages(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
