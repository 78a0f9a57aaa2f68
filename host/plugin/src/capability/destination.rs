//! Decides which destinations a plugin may send to, for untyped messages and for typed events.

use hookyard_model::DestinationName;

use crate::Grants;
use crate::call::state::State;

/// Returns the destinations that a plugin may send to: those of one provider for typed events, all
/// for untyped messages.
pub(super) fn granted<'g>(
    grants: &'g Grants,
    provider: Option<&'g str>,
) -> impl Iterator<Item = &'g DestinationName> {
    grants
        .destinations
        .iter()
        .filter(move |(_, accepted)| provider.is_none() || accepted.as_deref() == provider)
        .map(|(name, _)| name)
}

/// Returns the destination of this name, if the plugin may send to it.
///
/// The error that the guest gets has no room for a reason, so the reason is written to the
/// attempt's log.
pub(super) fn find(state: &State, name: &str, provider: Option<&str>) -> Option<DestinationName> {
    let found = granted(&state.terms.grants, provider).find(|granted| granted.as_str() == name);
    if found.is_none() {
        let note = match provider {
            None => format!("the plugin is not granted the destination {name}"),
            Some(provider) => {
                format!("the plugin is not granted a destination {name} of the provider {provider}")
            }
        };
        state.output.host_line(&note);
    }
    found.cloned()
}
