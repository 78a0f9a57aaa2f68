//! Amazon SNS over HTTP: notifications, subscription confirmations, raw delivery.

mod urls;

pub use urls::UrlRule;

use std::time::Duration;

use hookyard_model::Timestamp;

use crate::freshness::Freshness;
use crate::{Certificate, Certificates, Credential, Refusal, Request, SetupError, Verdict};

/// What a source with this scheme is configured with.
///
/// [`Settings::new`] gives the rules for Amazon itself; everything else is an override that the operator has to name.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The topics whose messages are taken, as whole ARNs. A valid signature proves Amazon, and not the partner.
    pub topics: Vec<String>,
    /// How far `Timestamp` may be from now. SNS retries for up to 3600 seconds with the same one.
    pub freshness: Freshness,
    /// What proves a raw delivery, which nobody signs; `None` refuses raw deliveries.
    pub raw_proof: Option<Credential>,
    /// Which certificate URLs may be fetched.
    pub certificate_urls: UrlRule,
    /// Which confirmation URLs may be fetched.
    pub confirmation_urls: UrlRule,
    /// What makes a certificate good.
    pub trust: Trust,
    /// Whether the certificate has to be in Amazon SNS's name.
    pub check_certificate_name: bool,
    /// Whether the header `x-amz-sns-message-type` has to be there. Where it is there it has to be right.
    pub require_type_header: bool,
}

/// What makes a signing certificate good, beside its name and dates.
#[derive(Debug, Clone)]
pub enum Trust {
    /// That it was fetched over TLS from a URL that the rule allows. Amazon serves the leaf alone, so that no chain can
    /// be built from it.
    Url,
    /// That a chain of signatures leads from it to one of these.
    Roots(Vec<Certificate>),
}

impl Settings {
    /// The rules for Amazon itself.
    pub fn new(topics: Vec<String>) -> Self {
        Self {
            topics,
            freshness: FRESHNESS,
            raw_proof: None,
            certificate_urls: UrlRule::Amazon,
            confirmation_urls: UrlRule::Amazon,
            trust: Trust::Url,
            check_certificate_name: true,
            require_type_header: true,
        }
    }
}

/// 65 minutes back, since SNS retries for up to an hour; five minutes ahead.
pub const FRESHNESS: Freshness = Freshness { past: Duration::from_secs(3900), future: Duration::from_secs(300) };

#[derive(Debug)]
pub(crate) struct Compiled;
impl Compiled {
    pub(crate) fn new(_: Settings) -> Result<Self, SetupError> {
        Ok(Self)
    }
    pub(crate) fn verify(&self, _: &Request<'_>, _: &dyn Certificates, _: Timestamp) -> Result<Verdict, Refusal> {
        Err(Refusal::BadSignature)
    }
    pub(crate) fn proof_header(&self) -> Option<&str> {
        None
    }
    pub(crate) fn takes_tail(&self) -> bool {
        false
    }
}
