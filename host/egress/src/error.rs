//! Why a request got no answer, or why a door or a policy couldn't be made.
//!
//! Errors name the host and never the rest of a URL, because paths and queries carry tokens. Causes are in `source`.

use std::net::IpAddr;
use std::time::Duration;

use crate::address::{Why, grant};
use crate::link::HEADERS_MAX;

/// What caused an error of ours.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a request got no answer, or why a door or a policy couldn't be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text given as roots holds no certificate that can be used.
    #[error("root certificates no. {number}: no usable certificate in PEM form")]
    Roots {
        /// Which of the texts, counted from 1.
        number: usize,
        /// What is wrong with it; nothing when it's empty.
        #[source]
        source: Option<Cause>,
    },
    /// The client certificate or its key can't be used.
    #[error(
        "the client certificate can't be used: both it and its private key must be in PEM form and belong together"
    )]
    Identity(#[source] Option<Cause>),
    /// The TLS configuration can't be made.
    #[error("TLS can't be set up")]
    Setup(#[source] rustls::Error),
    /// The text is not an absolute URL with a plain host.
    #[error(
        "not an absolute URL with a plain host name or address, without a user or password in it"
    )]
    InvalidUrl,
    /// The URL's scheme is not one that may be requested.
    #[error(
        "`{scheme}:` is not allowed for {host}; only `https:` is, and `http:` where the configuration says so"
    )]
    Scheme {
        /// The scheme of the URL.
        scheme: String,
        /// The host of the URL.
        host: String,
    },
    /// A method that asks for a tunnel and not for an answer.
    #[error("the method {method} is not for {host}: it's never sent")]
    Method {
        /// The method.
        method: http::Method,
        /// The host of the URL.
        host: String,
    },
    /// The guard refuses every address that the host has.
    #[error("{host} is at {address}, which is {why}; allow it by `{}` where {host} is named", grant(*.address))]
    Forbidden {
        /// The host of the URL.
        host: String,
        /// The first of its addresses.
        address: IpAddr,
        /// What the address is.
        why: Why,
    },
    /// The host has no address.
    #[error("no address is known for {host}")]
    Resolve {
        /// The host of the URL.
        host: String,
        /// What the resolver said; nothing when it found none.
        #[source]
        source: Option<std::io::Error>,
    },
    /// Nothing accepts connections there.
    #[error("no connection to {host}")]
    Connect {
        /// The host of the URL.
        host: String,
        /// What went wrong with the last address that was tried.
        #[source]
        source: std::io::Error,
    },
    /// Connected, but not in confidence: a certificate that isn't trusted or is another's, or no TLS.
    #[error("no trusted TLS connection to {host}")]
    Tls {
        /// The host of the URL.
        host: String,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// The connection ended or what came over it is no HTTP.
    #[error("no whole answer from {host}")]
    Broken {
        /// The host of the URL.
        host: String,
        /// What went wrong.
        #[source]
        source: hyper::Error,
    },
    /// The connection was closed before anything was sent on it.
    #[error("{host} closed the connection at once")]
    Closed {
        /// The host of the URL.
        host: String,
    },
    /// The answer's head is larger than allowed. By HTTP/2 such an answer is `Broken`: all that is known is that it was
    /// ended.
    #[error(
        "the head of the answer of {host} is larger than {bytes_max} bytes or {HEADERS_MAX} headers"
    )]
    HeadTooLarge {
        /// The host of the URL.
        host: String,
        /// What is allowed.
        bytes_max: usize,
    },
    /// The answer's body is larger than allowed.
    #[error("the answer of {host} is larger than {bytes_max} bytes")]
    TooLarge {
        /// The host of the URL.
        host: String,
        /// What is allowed.
        bytes_max: usize,
    },
    /// It took too long.
    #[error("{phase} {host} within {time_max:?}")]
    TimedOut {
        /// The host of the URL.
        host: String,
        /// What it was waiting for.
        phase: Phase,
        /// What is allowed.
        time_max: Duration,
    },
    /// The answer was not 200, where only that will do. Redirects are not followed.
    #[error("{host} answered {status}")]
    Status {
        /// The host of the URL.
        host: String,
        /// The status that came.
        status: u16,
    },
}

/// What an exchange was waiting for when its time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// For one of the bounded places: of the host's exchanges, or of all connections.
    Place,
    /// For an address, a connection, or TLS.
    Connection,
    /// For the request to be taken, or the head or the rest of the answer.
    Answer,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Place => "too many requests under way: no place for one to",
            Self::Connection => "no connection to",
            Self::Answer => "no whole answer from",
        })
    }
}

/// Who can do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Whoever configured the URL, the trust or the grants: trying again is of no use before that is changed.
    Configuration,
    /// The receiver, or the network on the way to it.
    Receiver,
    /// This host is busy.
    Host,
}

impl Error {
    /// Who can do something about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Roots { .. } | Self::Identity(_) | Self::Setup(_) => Fault::Configuration,
            Self::InvalidUrl | Self::Scheme { .. } | Self::Method { .. } => Fault::Configuration,
            Self::Forbidden { .. } => Fault::Configuration,
            Self::TimedOut {
                phase: Phase::Place,
                ..
            } => Fault::Host,
            Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Broken { .. } => Fault::Receiver,
            Self::Closed { .. } | Self::HeadTooLarge { .. } | Self::TooLarge { .. } => {
                Fault::Receiver
            }
            Self::TimedOut { .. } | Self::Status { .. } => Fault::Receiver,
        }
    }

    /// Whether the same request may succeed later, with nothing changed on this host.
    pub fn is_retryable(&self) -> bool {
        self.fault() != Fault::Configuration
    }
}
