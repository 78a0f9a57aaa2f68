//! What can be known to be wrong with where a destination leads before anything is sent to it.

use http::Uri;

use hookyard_egress::address::judge;
use hookyard_egress::error::Error;
use hookyard_egress::policy::Policy;
use hookyard_egress::target::{Host, Scheme, Target};

/// Refuses a URL that is none, one in the clear that isn't allowed, a literal address that the guard would refuse, and
/// roots or a client certificate that can't be used. What a name leads to is judged at each request.
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
        judge(address, &policy.addresses).map_err(|why| Error::Forbidden { host, address, why })?;
    }
    policy.check()
}
