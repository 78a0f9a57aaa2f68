//! The door: sends a request after checking that it may be sent at all. `exchange` does the work.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};

use crate::error::Error;
use crate::exchange::{Exchange, Shared};
use crate::limits::{Body, Config, Limits};
use crate::policy::Policy;
use crate::resolve::{Resolve, SystemResolver};
use crate::target::{Scheme, Target};

/// The one way out for HTTP requests. Cheap to clone; clones share connections and limits.
#[derive(Clone)]
pub struct Door {
    shared: Arc<Shared>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

impl Door {
    /// Returns a door that resolves hosts with the system's resolver.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Roots`] for configured roots that cannot be used, and [`Error::Setup`].
    pub fn new(config: Config) -> Result<Self, Error> {
        Self::with_resolver(config, Arc::new(SystemResolver::default()))
    }

    /// Returns a door that uses another resolver. The errors are those of [`Door::new`].
    pub fn with_resolver(config: Config, resolver: Arc<dyn Resolve>) -> Result<Self, Error> {
        let shared = Shared::new(config, resolver)?;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Sends `request` under `policy` and reads the whole response within `limits`. The request's
    /// URL must be absolute.
    ///
    /// Redirects are not followed. A request is sent at most once; only if an idle connection turns
    /// out to be closed before any byte of the request was sent, the request goes to another
    /// connection. Headers that concern a single connection are removed, and the `host` header is
    /// set from the URL. Dropping the future ends the exchange.
    ///
    /// # Errors
    ///
    /// Returns why there is no complete response. [`Error::fault`] says who can do something about
    /// it.
    pub async fn send(
        &self,
        policy: &Policy,
        request: Request<Bytes>,
        limits: &Limits,
    ) -> Result<Response<Body>, Error> {
        let target = Target::of(request.uri())?;
        check_request(&request, &target, policy)?;

        Exchange::new(&self.shared, policy, target, limits)?
            .run(request)
            .await
    }
}

fn check_request(request: &Request<Bytes>, target: &Target, policy: &Policy) -> Result<(), Error> {
    if target.scheme == Scheme::Http && !policy.allow_http {
        return Err(Error::Scheme {
            scheme: target.scheme.name().to_owned(),
            host: target.host.to_string(),
        });
    }
    if request.method() == Method::CONNECT {
        return Err(Error::Method {
            method: Method::CONNECT,
            host: target.host.to_string(),
        });
    }
    Ok(())
}
