//! A small HTTP client for both versions, and a webhook as it goes over the wire.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A request that a sender makes: headers in their order, doubled ones kept double.
#[derive(Debug, Clone, Default)]
pub struct Webhook {
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Bytes,
}

impl Webhook {
    /// A webhook without a signature.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self {
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.into(),
        }
    }

    /// With one more header, beside others of that name.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Without the headers of that name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        self
    }

    /// With another value for that header.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// With another body under the same headers.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }
}

/// What came back.
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
    /// Whether the sender may forget the event.
    pub fn is_accepted(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A text in the body's JSON, empty where it is missing: `status`, `event` or `reason`.
    pub fn says(&self, name: &str) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        json[name].as_str().unwrap_or_default().to_owned()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A client with a pool of connections. Clones share it.
#[derive(Debug, Clone)]
pub struct Client(Pool<HttpConnector, Full<Bytes>>);

impl Client {
    /// Speaks HTTP/1.1.
    pub fn http1() -> Self {
        Self(
            Pool::builder(TokioExecutor::new())
                .pool_idle_timeout(Duration::from_secs(5))
                .build_http(),
        )
    }

    /// Speaks HTTP/2 in clear text, with prior knowledge.
    pub fn http2() -> Self {
        Self(
            Pool::builder(TokioExecutor::new())
                .http2_only(true)
                .build_http(),
        )
    }

    /// Posts a webhook.
    pub async fn post(&self, to: SocketAddr, path: &str, webhook: &Webhook) -> Result<Answer> {
        self.send(Method::POST, to, path, webhook).await
    }

    /// Sends a webhook by any method.
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
