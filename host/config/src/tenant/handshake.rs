//! The keys of a source for the handshakes of its provider: `handshake_secret` and `learning`.

use hookyard_schemes::handshake::{HandshakeSettings, SourceHandshakes};
use hookyard_schemes::{Provider, Scheme, Secret, SecretUse, check_secret};

use crate::document::{Entry, Section};
use crate::references::Resolver;

/// What a source says about its handshakes.
pub(crate) struct Keys {
    secret: Option<Secret>,
    /// Whether the host keeps the secrets that strangers bring.
    pub(crate) learning: bool,
}

/// Reads the keys. Reports those that no handshake of the provider needs.
pub(crate) fn read(
    section: &Section<'_>,
    provider: Option<&Provider>,
    resolver: &Resolver<'_>,
) -> Keys {
    let secret = section.entry("handshake_secret");
    let learning = section.entry("learning");
    if let Some(provider) = provider {
        let handshakes = || provider.handshakes.iter();
        if let Some(entry) = &secret
            && handshakes().all(|handshake| handshake.require.is_none())
        {
            entry.fault(format_args!(
                "no handshake of {} compares a value with it; remove it",
                provider.name
            ));
        }
        if let Some(entry) = &learning {
            check_learning(entry, handshakes().any(|it| it.learn.is_some()), provider);
        }
    }

    let judge = |secret: &[u8]| check_secret(secret, SecretUse::Header);
    let secret = secret.and_then(|entry| resolver.secret(&entry, &judge));
    Keys {
        secret: secret.map(Secret::new),
        learning: learning.and_then(|entry| entry.get()).unwrap_or(false),
    }
}

fn check_learning(entry: &Entry<'_>, is_possible: bool, provider: &Provider) {
    let name = &provider.name;
    if !is_possible {
        entry.fault(format_args!(
            "no handshake of {name} brings a secret; remove it"
        ));
    } else if entry.get::<bool>() == Some(true) {
        entry.note(
            "anybody can send a secret now; remove `learning` when `secrets` has the sender's secret",
        );
    }
}

/// Joins the handshakes of the provider with the keys of the source.
pub(crate) fn join(
    section: &Section<'_>,
    keys: Keys,
    provider: &Provider,
    scheme: &Scheme,
) -> Option<SourceHandshakes> {
    let settings = HandshakeSettings {
        handshakes: provider.handshakes.clone(),
        scheme,
        secret: keys.secret,
        learning: keys.learning,
    };
    SourceHandshakes::new(settings)
        .map_err(|error| section.fault(error))
        .ok()
}
