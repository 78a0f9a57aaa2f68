//! The requests of OTLP over HTTP, which leave the host by its door.

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_config::settings::Traces;
use hookyard_egress::{Addresses, Door, Limits, OverLong, Policy};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use opentelemetry_http::{HttpClient, HttpError};

/// The maximum size of the collector's answer that is read, in bytes.
const ANSWER_MAX: usize = 64 << 10;

/// The addresses besides public ones at which a collector may be (RFC 1918, RFC 4193, loopback).
const PRIVATE: [&str; 6] = [
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
];

pub(super) struct DoorClient {
    door: Door,
    policy: Policy,
    headers: HeaderMap,
    limits: Limits,
}

impl DoorClient {
    pub(super) fn new(door: Door, settings: &Traces) -> Self {
        let header = |(name, value): &(String, hookyard_schemes::Secret)| {
            let mut value = HeaderValue::from_bytes(value.expose()).ok()?;
            value.set_sensitive(true);
            Some((name.parse::<HeaderName>().ok()?, value))
        };
        Self {
            door,
            policy: Policy {
                addresses: addresses(),
                allow_http: true,
                ..Policy::default()
            },
            headers: settings.headers.iter().filter_map(header).collect(),
            limits: Limits {
                timeout: settings.timeout,
                body_max: ANSWER_MAX,
                over_long: OverLong::Cut,
            },
        }
    }
}

/// Returns the addresses of collectors: the operator names the collector, which usually runs on the
/// same machine or in the same network.
fn addresses() -> Addresses {
    let granted = PRIVATE.iter().filter_map(|range| range.parse().ok());
    Addresses {
        granted: granted.collect(),
    }
}

impl std::fmt::Debug for DoorClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DoorClient")
    }
}

#[async_trait]
impl HttpClient for DoorClient {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        request.headers_mut().extend(self.headers.clone());
        let response = self.door.send(&self.policy, request, &self.limits).await?;
        Ok(response.map(|body| body.bytes))
    }
}
