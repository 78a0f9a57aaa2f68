//! Fetching: one GET with everything about it bounded.
//!
//! A redirect is an answer other than 200 and so an error: whoever asked checked the URL, not where it points to.
//! Errors name the host but never the rest of the URL, because a confirmation URL carries its token in the query.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::uri::Scheme;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::connect::Connector;

/// What a client trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Roots to trust besides the platform's, as PEM texts of one or more certificates each.
    pub extra_roots: Vec<Vec<u8>>,
}

/// What one GET may cost.
#[derive(Debug, Clone, Copy)]
pub struct GetLimits {
    /// The most bytes of body that are taken.
    pub bytes_max: usize,
    /// The most time from the call to the last byte of the body.
    pub time_max: Duration,
    /// Whether `http:` URLs are fetched too. Otherwise only `https:` ones are.
    pub allow_http: bool,
}

/// Makes outgoing requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: legacy::Client<HttpsConnector<Connector>, Empty<Bytes>>,
}

/// Why a fetch failed, or why a client couldn't be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text given as extra roots holds no certificate that can be used.
    #[error("extra root certificates no. {number}: no usable certificate in PEM form")]
    Roots {
        /// Which of the texts, counted from 1.
        number: usize,
        /// What is wrong with it; nothing when it's empty.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The TLS configuration can't be made.
    #[error("TLS can't be set up")]
    Tls(#[source] rustls::Error),
    /// The text is not an absolute URL with a host.
    #[error("not an absolute URL with a host")]
    InvalidUrl,
    /// The URL's scheme is not one that may be fetched.
    #[error("`{scheme}:` is not allowed for {host}; only `https:` is, and `http:` where the configuration says so")]
    Scheme {
        /// The scheme of the URL.
        scheme: String,
        /// The host of the URL.
        host: String,
    },
    /// No answer came: no address, no connection, no TLS, or no HTTP.
    #[error("no answer from {host}")]
    Request {
        /// The host of the URL.
        host: String,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer was not 200. Redirects are not followed.
    #[error("{host} answered {status}")]
    Status {
        /// The host of the URL.
        host: String,
        /// The status that came.
        status: u16,
    },
    /// The answer's body is larger than allowed.
    #[error("the answer of {host} is larger than {bytes_max} bytes")]
    TooLarge {
        /// The host of the URL.
        host: String,
        /// What was allowed.
        bytes_max: usize,
    },
    /// The answer was not complete in time.
    #[error("no whole answer from {host} within {time_max:?}")]
    TimedOut {
        /// The host of the URL.
        host: String,
        /// What was allowed.
        time_max: Duration,
    },
}

impl Client {
    /// A client that trusts the platform's roots and the configured ones.
    pub fn new(config: Config) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::Tls)?
            .with_root_certificates(roots(&config.extra_roots)?)
            .with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(Connector);
        // Fetches are rare and to few hosts; a kept connection would only be one more thing that can be stale.
        let http = legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { http })
    }

    /// Fetches `url`: the body of a 200, whole, within the limits.
    pub async fn get(&self, url: &str, limits: GetLimits) -> Result<Bytes, Error> {
        let (uri, host) = parse(url, limits.allow_http)?;
        match tokio::time::timeout(limits.time_max, self.exchange(uri, &host, limits.bytes_max)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(Error::TimedOut { host, time_max: limits.time_max }),
        }
    }

    async fn exchange(&self, uri: Uri, host: &str, bytes_max: usize) -> Result<Bytes, Error> {
        let failed =
            |source: Box<dyn std::error::Error + Send + Sync>| Error::Request { host: host.to_owned(), source };
        let request = Request::get(uri).body(Empty::new()).map_err(|error| failed(error.into()))?;
        let response = self.http.request(request).await.map_err(|error| failed(error.into()))?;
        if response.status() != StatusCode::OK {
            return Err(Error::Status { host: host.to_owned(), status: response.status().as_u16() });
        }
        match collect(response.into_body(), bytes_max).await {
            Ok(Some(body)) => Ok(body),
            Ok(None) => Err(Error::TooLarge { host: host.to_owned(), bytes_max }),
            Err(error) => Err(failed(error.into())),
        }
    }
}

/// The body, or `None` as soon as it's known to be larger than `bytes_max`.
async fn collect(mut body: Incoming, bytes_max: usize) -> Result<Option<Bytes>, hyper::Error> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Ok(None);
    }
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            if collected.len() + data.len() > bytes_max {
                return Ok(None);
            }
            collected.extend_from_slice(&data);
        }
    }
    Ok(Some(collected.freeze()))
}

fn parse(url: &str, allow_http: bool) -> Result<(Uri, String), Error> {
    let uri: Uri = url.parse().map_err(|_| Error::InvalidUrl)?;
    let (Some(scheme), Some(host)) = (uri.scheme(), uri.host()) else { return Err(Error::InvalidUrl) };
    let is_allowed = *scheme == Scheme::HTTPS || (allow_http && *scheme == Scheme::HTTP);
    if !is_allowed {
        return Err(Error::Scheme { scheme: scheme.to_string(), host: host.to_owned() });
    }
    let host = host.to_owned();
    Ok((uri, host))
}

fn roots(extra: &[Vec<u8>]) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    let platform = rustls_native_certs::load_native_certs();
    // Platforms carry old roots that don't parse; those are skipped.
    store.add_parsable_certificates(platform.certs);
    if store.is_empty() {
        tracing::warn!(target: "hookyard::egress", "no root certificates found on this machine; https fetches will fail until some are installed");
    }
    for (index, pem) in extra.iter().enumerate() {
        let number = index + 1;
        let fault = |source: Box<dyn std::error::Error + Send + Sync>| Error::Roots { number, source: Some(source) };
        let certificates: Vec<_> =
            CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| fault(error.into()))?;
        if certificates.is_empty() {
            return Err(Error::Roots { number, source: None });
        }
        for certificate in certificates {
            store.add(certificate).map_err(|error| fault(error.into()))?;
        }
    }
    Ok(store)
}
