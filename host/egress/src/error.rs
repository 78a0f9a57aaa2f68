//! Errors: the reasons why there is no complete response, or why a door or a policy cannot be used.
//!
//! The messages name the host and never the rest of a URL, because paths and queries can contain
//! tokens. The cause of an error is in `source`.

use std::net::IpAddr;
use std::time::Duration;

use crate::address::{AddressClass, address_setting};

/// The cause of an error.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The reason why there is no complete response, or why a door or a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A configured text contains no root certificate that can be used.
    #[error("root certificates no. {number}: no usable certificate in PEM form")]
    Roots {
        /// The number of the text, counted from 1.
        number: usize,
        /// The cause; `None` if the text contains no certificate.
        #[source]
        source: Option<Cause>,
    },
    /// The client certificate or its key cannot be used.
    #[error(
        "the client certificate cannot be used: it and its private key must be in PEM form and belong together"
    )]
    Identity(#[source] Option<Cause>),
    /// The TLS library rejected its configuration.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
    /// The text is not an absolute URL with a plain host.
    #[error(
        "not an absolute URL with a plain host name or address, without a user or password in it"
    )]
    InvalidUrl,
    /// Requests with the scheme of this URL are not allowed.
    #[error(
        "`{scheme}:` is not allowed for {host}; use `https:`, or allow `http:` in the configuration"
    )]
    Scheme {
        /// The scheme of the URL.
        scheme: String,
        /// The host of the URL.
        host: String,
    },
    /// The method asks for a tunnel rather than for a response.
    #[error("the method {method} is never sent, so it cannot be used for {host}")]
    Method {
        /// The method of the request.
        method: http::Method,
        /// The host of the URL.
        host: String,
    },
    /// The address guard refuses every address of the host.
    #[error("{host} is at {address}, which is {class}; allow it with `{}` where {host} is named", address_setting(*.address))]
    Forbidden {
        /// The host of the URL.
        host: String,
        /// The first refused address.
        address: IpAddr,
        /// The class of the address.
        class: AddressClass,
    },
    /// The host has no address.
    #[error("no address is known for {host}")]
    Resolve {
        /// The host of the URL.
        host: String,
        /// The resolver's error; `None` if it found no address.
        #[source]
        source: Option<std::io::Error>,
    },
    /// No address of the host accepts connections.
    #[error("no connection to {host}")]
    Connect {
        /// The host of the URL.
        host: String,
        /// The error of the last address that was tried.
        #[source]
        source: std::io::Error,
    },
    /// The TLS handshake failed: the receiver does not speak TLS, or its certificate is not trusted
    /// or is for another host.
    #[error("could not establish a trusted TLS connection to {host}")]
    Tls {
        /// The host of the URL.
        host: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The connection ended early, or the response is not HTTP.
    #[error("incomplete response from {host}")]
    Broken {
        /// The host of the URL.
        host: String,
        /// The cause.
        #[source]
        source: hyper::Error,
    },
    /// The receiver closed a new connection before anything was sent.
    #[error("{host} closed the connection at once")]
    Closed {
        /// The host of the URL.
        host: String,
    },
    /// The header of the response is too large. Over HTTP/2 this is [`Error::Broken`], because the
    /// library reports only that the response ended.
    #[error(
        "the header of the response from {host} is larger than {header_max} bytes or {headers_max} fields"
    )]
    HeaderTooLarge {
        /// The host of the URL.
        host: String,
        /// The maximum size, in bytes.
        header_max: usize,
        /// The maximum number of header fields.
        headers_max: usize,
    },
    /// The body of the response is too large.
    #[error("the response from {host} is larger than {body_max} bytes")]
    BodyTooLarge {
        /// The host of the URL.
        host: String,
        /// The maximum size, in bytes.
        body_max: usize,
    },
    /// The exchange took too long.
    #[error("{phase} {host} within {timeout:?}")]
    TimedOut {
        /// The host of the URL.
        host: String,
        /// The phase in which the time ran out.
        phase: Phase,
        /// The time limit.
        timeout: Duration,
    },
    /// The status of the response is not 200, where only 200 will do.
    #[error("{host} answered {status}")]
    Status {
        /// The host of the URL.
        host: String,
        /// The status of the response.
        status: u16,
    },
}

/// The phases of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for a slot for an exchange or for a connection.
    Slot,
    /// Resolving the host, connecting, and setting up TLS.
    Connection,
    /// Sending the request and reading the response.
    Response,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Slot => "too many requests in progress: no free slot for",
            Self::Connection => "no connection to",
            Self::Response => "no complete response from",
        })
    }
}

/// The party that can do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operator: the URL, the certificates or the grants must be changed first.
    Configuration,
    /// The receiver, or the network between it and this host.
    Receiver,
    /// This host, because it is busy.
    Host,
}

impl Error {
    /// Returns the party that can do something about the error.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Roots { .. } | Self::Identity(_) | Self::Setup(_) => Fault::Configuration,
            Self::InvalidUrl | Self::Scheme { .. } | Self::Method { .. } => Fault::Configuration,
            Self::Forbidden { .. } => Fault::Configuration,
            Self::TimedOut {
                phase: Phase::Slot, ..
            } => Fault::Host,
            Self::Resolve { .. } | Self::Connect { .. } | Self::Tls { .. } => Fault::Receiver,
            Self::Broken { .. } | Self::Closed { .. } | Self::Status { .. } => Fault::Receiver,
            Self::HeaderTooLarge { .. } | Self::BodyTooLarge { .. } => Fault::Receiver,
            Self::TimedOut { .. } => Fault::Receiver,
        }
    }

    /// Returns whether the same request may succeed later without a change on this host.
    pub fn is_retryable(&self) -> bool {
        self.fault() != Fault::Configuration
    }
}
