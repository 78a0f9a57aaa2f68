//! A small HTTP client for both versions, and a webhook request.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A request of a sender. Headers keep their order, and repeated headers stay repeated.
#[derive(Debug, Clone, Default)]
pub struct Webhook {
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Bytes,
}

impl Webhook {
    /// Creates a webhook without a signature.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self {
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.into(),
        }
    }

    /// Adds a header and keeps others with the same name.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Removes the headers with this name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        self
    }

    /// Sets a header to another value.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// Replaces the body and keeps the headers.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Returns the first header with this name.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Returns whether the event is acknowledged.
    pub fn is_accepted(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns a text of the body's JSON (`status`, `event` or `reason`), or an empty text.
    pub fn says(&self, name: &str) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        json[name].as_str().unwrap_or_default().to_owned()
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A client with a connection pool. Clones share it.
#[derive(Debug, Clone)]
pub struct Client(Pool<HttpConnector, Full<Bytes>>);

impl Client {
    /// Creates a client for HTTP/1.1.
    pub fn http1() -> Self {
        Self(
            Pool::builder(TokioExecutor::new())
                .pool_idle_timeout(Duration::from_secs(5))
                .build_http(),
        )
    }

    /// Creates a client for HTTP/2 in clear text, with prior knowledge.
    pub fn http2() -> Self {
        Self(
            Pool::builder(TokioExecutor::new())
                .http2_only(true)
                .build_http(),
        )
    }

    /// Sends a webhook with POST.
    pub async fn post(&self, to: SocketAddr, path: &str, webhook: &Webhook) -> Result<Answer> {
        self.send(Method::POST, to, path, webhook).await
    }

    /// Sends a webhook with any method.
    pub async fn send(
        &self,
        method: Method,
        to: SocketAddr,
        path: &str,
        webhook: &Webhook,
    ) -> Result<Answer> {
        let mut request = Request::new(Full::new(webhook.body.clone()));
        *request.method_mut() = method;
        *request.uri_mut() = format!("http://{to}{path}")
            .parse()
            .context("the test names an impossible path")?;
        for (name, value) in &webhook.headers {
            request
                .headers_mut()
                .append(name.parse::<HeaderName>()?, HeaderValue::from_str(value)?);
        }
        let answer = self
            .0
            .request(request)
            .await
            .with_context(|| format!("{to}{path} did not answer"))?;
        let (head, body) = answer.into_parts();
        let body = body
            .collect()
            .await
            .context("the answer breaks off")?
            .to_bytes();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    }
}
