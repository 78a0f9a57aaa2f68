//! Plugins' requests, through the one door: held against what was granted, with the credentials that were, under a
//! policy of the tenant's own.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_egress::{
    Addresses, AllowList, Denial, Door, Error, Host, Limits, OverLong, Phase, Policy, Rule, Scheme,
    Target, check_address,
};
use hookyard_plugin::{Authority, HostGrant, Http, HttpCall, HttpError, HttpFault};
use http::{HeaderValue, Method, Request, Response, header};

use hookyard_model::chain;

/// Makes them.
pub struct Requests(pub Door);

#[async_trait]
impl Http for Requests {
    async fn send(&self, call: HttpCall) -> Result<Response<Bytes>, HttpError> {
        let grant = granted(&call).map_err(|error| denied(&error, &call))?;
        let policy = Policy {
            tenant: Some(call.plugin.tenant.clone()),
            addresses: Addresses {
                granted: grant.addresses.iter().copied().map(Into::into).collect(),
            },
            allow_http: grant.is_plain,
            ..Policy::default()
        };
        let limits = Limits {
            timeout: call.time_max,
            body_max: call.body_max,
            over_long: OverLong::Refuse,
        };
        let request = with_credentials(call.request.clone(), grant);
        let answer = self
            .0
            .send(&policy, request, &limits)
            .await
            .map_err(|error| failed(&error))?;
        Ok(answer.map(|body| body.bytes))
    }
}

/// Refuses a request that isn't granted, and makes none.
pub fn check(call: &HttpCall) -> Result<(), HttpError> {
    granted(call)
        .map(drop)
        .map_err(|error| denied(&error, call))
}

/// The grant that allows the request.
fn granted(call: &HttpCall) -> Result<&HostGrant, Denial> {
    let target = Target::of(call.request.uri()).map_err(Denial::Url)?;
    let Some(grant) = grant_of(call, &target) else {
        return Err(Denial::Host(target));
    };
    let scheme = if grant.is_plain {
        Scheme::Http
    } else {
        Scheme::Https
    };
    let (methods, paths) = (grant.methods.clone(), grant.paths.clone());
    let rules = vec![Rule {
        target: Target { scheme, ..target },
        methods,
        paths,
    }];
    AllowList { rules }.find(call.request.method(), call.request.uri())?;
    Ok(grant)
}

fn grant_of<'c>(call: &'c HttpCall, target: &Target) -> Option<&'c HostGrant> {
    call.grants.http.get(&Authority {
        host: target.host.to_string(),
        port: target.port,
    })
}

/// The request with what the guest must not have. What comes back is searched for it, so it must not come back packed.
fn with_credentials(mut request: Request<Bytes>, grant: &HostGrant) -> Request<Bytes> {
    let headers = request.headers_mut();
    for (name, value) in &grant.credentials {
        headers.insert(name, value.clone());
    }
    if !grant.credentials.is_empty() {
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
    }
    request
}

/// Says what would grant the request, where something can, as lines of the plugin's settings.
fn denied(error: &Denial, call: &HttpCall) -> HttpError {
    let (plugin, method) = (&call.plugin, call.request.method());
    let way_out = match error {
        Denial::Url(_) | Denial::AmbiguousPath(_) => String::new(),
        Denial::Host(target) => format!("; add to {plugin}.toml:\n{}", table(target, method)),
        Denial::Method { target, .. } => {
            let grant = grant_of(call, target);
            let methods = grant
                .map(|grant| &*grant.methods)
                .unwrap_or_default()
                .iter()
                .chain([method]);
            format!(
                "; say in [grants.http.\"{}\"]:\nmethods = {}",
                authority(target),
                list(methods)
            )
        }
        Denial::Path(target) => format!(
            "; add it to `paths` in [grants.http.\"{}\"]",
            authority(target)
        ),
    };
    HttpError {
        fault: HttpFault::Denied,
        message: format!("{}{way_out}", chain(error)),
    }
}

/// The grant of one request, whole: with all that would be asked for next.
fn table(target: &Target, method: &Method) -> String {
    let mut lines = format!(
        "[grants.http.\"{}\"]\nmethods = {}",
        authority(target),
        list([method])
    );
    if target.scheme == Scheme::Http {
        lines.push_str("\nscheme = \"http\"");
    }
    let private = private_addresses(&target.host);
    if !private.is_empty() {
        lines.push_str(&format!("\naddresses = {}", list(&private)));
    }
    lines
}

/// The addresses of a host that are not public, where its name alone tells them: nothing is resolved for a request that
/// isn't granted.
fn private_addresses(host: &Host) -> Vec<IpAddr> {
    let all = match host {
        Host::Address(address) => vec![*address],
        Host::Name(name) if name == "localhost" => {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        }
        Host::Name(_) => Vec::new(),
    };
    all.into_iter()
        .filter(|address| check_address(*address, &Addresses::default()).is_err())
        .collect()
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items
        .into_iter()
        .map(|item| format!("\"{item}\""))
        .collect();
    format!("[{}]", items.join(", "))
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
        Error::Roots { .. } | Error::Identity(_) | Error::Setup(_) | Error::Tls { .. } => {
            HttpFault::Untrusted
        }
        Error::InvalidUrl | Error::Scheme { .. } | Error::Method { .. } => HttpFault::Denied,
        Error::Forbidden { .. } => HttpFault::AddressDenied,
        Error::Resolve { .. } => HttpFault::Unresolved,
        Error::Connect { .. } => HttpFault::Unreachable,
        Error::TimedOut {
            phase: Phase::Slot, ..
        } => HttpFault::Busy,
        Error::TimedOut { .. } => HttpFault::TimedOut,
        Error::HeaderTooLarge { .. } | Error::BodyTooLarge { .. } => HttpFault::TooLarge,
        Error::Broken { .. } | Error::Closed { .. } | Error::Status { .. } => HttpFault::Broken,
    };
    HttpError {
        fault,
        message: chain(error),
    }
}
