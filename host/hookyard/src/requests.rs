//! Plugins' requests, through the one door: held against what was granted, with the credentials that were, under a
//! policy of the tenant's own.

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_egress::allow::Denied;
use hookyard_egress::error::Phase;
use hookyard_egress::target::{Scheme, Target};
use hookyard_egress::{Addresses, AllowList, Door, Error, Limits, OverLong, Policy, Rule};
use hookyard_plugin::{Authority, HostGrant, Http, HttpCall, HttpError, HttpFault};
use http::{HeaderValue, Request, Response, header};

use crate::explain::chain;

/// Makes them.
pub(crate) struct Requests(pub(crate) Door);

#[async_trait]
impl Http for Requests {
    async fn send(&self, call: HttpCall) -> Result<Response<Bytes>, HttpError> {
        let grant = granted(&call).map_err(|error| denied(&error))?;
        let policy = Policy {
            tenant: Some(call.plugin.tenant.clone()),
            addresses: Addresses { granted: grant.addresses.iter().copied().map(Into::into).collect() },
            allow_http: grant.is_plain,
            ..Policy::default()
        };
        let limits =
            Limits { time_max: call.time_max, body_bytes_max: call.body_bytes_max, over_long: OverLong::Refuse };
        let request = with_credentials(call.request.clone(), grant);
        let answer = self.0.send(&policy, request, &limits).await.map_err(|error| failed(&error))?;
        Ok(answer.map(|body| body.bytes))
    }
}

/// Refuses a request that isn't granted, and makes none.
pub(crate) fn check(call: &HttpCall) -> Result<(), HttpError> {
    granted(call).map(drop).map_err(|error| denied(&error))
}

/// The grant that allows the request.
fn granted(call: &HttpCall) -> Result<&HostGrant, Denied> {
    let target = Target::of(call.request.uri()).map_err(Denied::Url)?;
    let authority = Authority { host: target.host.to_string(), port: target.port };
    let Some(grant) = call.grants.http.get(&authority) else { return Err(Denied::Host(target)) };
    let scheme = if grant.is_plain { Scheme::Http } else { Scheme::Https };
    let (methods, paths) = (grant.methods.clone(), grant.paths.clone());
    let rules = vec![Rule { target: Target { scheme, ..target }, methods, paths }];
    AllowList { rules }.find(call.request.method(), call.request.uri())?;
    Ok(grant)
}

/// The request with what the guest must not have. What comes back is searched for it, so it must not come back packed.
fn with_credentials(mut request: Request<Bytes>, grant: &HostGrant) -> Request<Bytes> {
    let headers = request.headers_mut();
    for (name, value) in &grant.credentials {
        headers.insert(name, value.clone());
    }
    if !grant.credentials.is_empty() {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    request
}

fn denied(error: &Denied) -> HttpError {
    let way_out = match error {
        Denied::Url(_) | Denied::Crooked(_) => String::new(),
        Denied::Host(target) if target.scheme == Scheme::Http => {
            format!("; it can be, in [grants.http.\"{}\"] with scheme = \"http\"", authority(target))
        }
        Denied::Host(target) => format!("; it can be, in [grants.http.\"{}\"]", authority(target)),
        Denied::Method { target, .. } | Denied::Path(target) => {
            format!("; see [grants.http.\"{}\"]", authority(target))
        }
    };
    HttpError { fault: HttpFault::Denied, message: format!("{}{way_out}", chain(error)) }
}

/// A host as grants name it.
fn authority(target: &Target) -> String {
    match target.port == Scheme::Https.port() {
        true => target.host.to_string(),
        false => format!("{}:{}", target.host, target.port),
    }
}

fn failed(error: &Error) -> HttpError {
    let fault = match error {
        Error::Roots { .. } | Error::Identity(_) | Error::Setup(_) | Error::Tls { .. } => HttpFault::Untrusted,
        Error::InvalidUrl | Error::Scheme { .. } | Error::Method { .. } => HttpFault::Denied,
        Error::Forbidden { .. } => HttpFault::AddressDenied,
        Error::Resolve { .. } => HttpFault::Unresolved,
        Error::Connect { .. } => HttpFault::Unreachable,
        Error::TimedOut { phase: Phase::Place, .. } => HttpFault::Busy,
        Error::TimedOut { .. } => HttpFault::TimedOut,
        Error::HeadTooLarge { .. } | Error::TooLarge { .. } => HttpFault::TooLarge,
        Error::Broken { .. } | Error::Closed { .. } | Error::Status { .. } => HttpFault::Broken,
    };
    HttpError { fault, message: chain(error) }
}
