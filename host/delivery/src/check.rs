//! Checks a destination before anything is sent to it, so that a configuration can be refused for
//! it.

use hookyard_egress::{Error, Host, Policy, Scheme, Target, check_address, check_policy};
use http::Uri;

/// Checks that `url` can be requested under `policy`.
///
/// The addresses of a host name are not checked here: they may change, so the door checks them at
/// each delivery.
///
/// # Errors
///
/// Returns an error for a URL that is not valid, for an `http:` URL that the policy does not allow,
/// for a literal address that the address guard refuses, and for root certificates or a client
/// certificate that cannot be used.
pub fn check(url: &str, policy: &Policy) -> Result<(), Error> {
    let uri: Uri = url.parse().map_err(|_| Error::InvalidUrl)?;
    let target = Target::of(&uri)?;
    let host = target.host.to_string();

    if target.scheme == Scheme::Http && !policy.allow_http {
        return Err(Error::Scheme {
            scheme: target.scheme.name().to_owned(),
            host,
        });
    }
    if let Host::Address(address) = target.host {
        check_address(address, &policy.addresses).map_err(|class| Error::Forbidden {
            host,
            address,
            class,
        })?;
    }
    check_policy(policy)
}
