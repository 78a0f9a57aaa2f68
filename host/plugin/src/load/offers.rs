//! The table of everything that plugins may import: the interfaces, their versions, and the grants
//! that they require.
//!
//! The check of a plugin's imports and the command `hookyard wit` use the same table.

use crate::capability::{config, keyvalue, logging};
use crate::grants::RequiredGrant;
use crate::version::Versions;

/// Something that plugins may import.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// The name of an interface, such as `wasi:keyvalue/store`, or of a package, such as `wasi:io`,
    /// for all its interfaces.
    pub name: &'static str,
    /// The offered versions.
    pub versions: Versions,
    /// The grant that a plugin needs to import it.
    pub grant: RequiredGrant,
}

const WASI: Versions = Versions::Compatible("0.2.12");
const KEYVALUE: Versions = Versions::Exactly(&keyvalue::VERSIONS);
const LOGGING: Versions = Versions::Exactly(&logging::VERSIONS);
const CONFIG: Versions = Versions::Exactly(&config::VERSIONS);
const OWN: Versions = Versions::Compatible("0.1.0");

/// Everything that the host offers.
///
/// Files, sockets and the environment are offered because standard libraries import them even if a
/// program does not use them. They are empty.
pub const OFFERS: [Offer; 15] = [
    offer("wasi:cli", WASI, RequiredGrant::Nothing),
    offer("wasi:clocks", WASI, RequiredGrant::Nothing),
    offer("wasi:filesystem", WASI, RequiredGrant::Nothing),
    offer("wasi:io", WASI, RequiredGrant::Nothing),
    offer("wasi:random", WASI, RequiredGrant::Nothing),
    offer("wasi:sockets", WASI, RequiredGrant::Nothing),
    // The types alone cannot send anything.
    offer("wasi:http/types", WASI, RequiredGrant::Nothing),
    offer("wasi:http/outgoing-handler", WASI, RequiredGrant::Http),
    offer("wasi:logging/logging", LOGGING, RequiredGrant::Logging),
    offer("wasi:config/store", CONFIG, RequiredGrant::Config),
    offer("wasi:keyvalue/store", KEYVALUE, RequiredGrant::Keyvalue),
    offer("wasi:keyvalue/atomics", KEYVALUE, RequiredGrant::Keyvalue),
    offer("wasi:keyvalue/batch", KEYVALUE, RequiredGrant::Keyvalue),
    offer("hookyard:plugin/outbox", OWN, RequiredGrant::Destination),
    // The configuration of each source says which plugin may respond.
    offer("hookyard:plugin/responder", OWN, RequiredGrant::Nothing),
];

const fn offer(name: &'static str, versions: Versions, grant: RequiredGrant) -> Offer {
    Offer {
        name,
        versions,
        grant,
    }
}

/// Returns the offer of an interface, which is given without its version.
pub(super) fn find(interface: &str) -> Option<&'static Offer> {
    let package = interface.split('/').next().unwrap_or_default();
    OFFERS
        .iter()
        .find(|offer| offer.name == interface || offer.name == package)
}

/// Returns the offers of a package and of its interfaces.
pub(super) fn of_package(package: &str) -> impl Iterator<Item = &'static Offer> {
    OFFERS
        .iter()
        .filter(move |offer| offer.name.split('/').next() == Some(package))
}
