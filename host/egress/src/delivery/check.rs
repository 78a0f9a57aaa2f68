//! What can be known to be wrong with a destination before anything is sent to it.

use http::Uri;

use super::Destination;
use crate::address::judge;
use crate::error::Error;
use crate::target::{Host, Scheme, Target};

impl Destination {
    /// Refuses a URL that is none, one in the clear that isn't allowed, a literal address that the guard would refuse,
    /// and roots or a client certificate that can't be used. What a name leads to is judged at each request.
    pub fn check(&self) -> Result<(), Error> {
        let uri: Uri = self.url.parse().map_err(|_| Error::InvalidUrl)?;
        let target = Target::of(&uri)?;
        let host = target.host.to_string();
        if target.scheme == Scheme::Http && !self.policy.allow_http {
            return Err(Error::Scheme { scheme: target.scheme.name().to_owned(), host });
        }
        if let Host::Address(address) = target.host {
            judge(address, &self.policy.addresses).map_err(|why| Error::Forbidden { host, address, why })?;
        }
        self.policy.check()
    }
}
