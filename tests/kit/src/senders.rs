//! The four senders of the demo and most tests, each with a source of tenant `acme` on the host.

use anyhow::{Result, bail};
use uuid::Uuid;

use crate::http::Webhook;
use crate::sign::{Family, StandardWebhooks, Topper};
use crate::site::{Config, Site};
use crate::sns::{SignatureVersion, StandIn, TOPIC};

/// The providers, each with the path of its source.
pub const SOURCES: [(&str, &str); 4] =
    [("topi", "acme/orders"), ("topper", "acme/payments"), ("topi-saas", "acme/partner"), ("tipser", "acme/products")];

/// The path of a provider's source, as in a request.
pub fn path_of(provider: &str) -> String {
    let source = SOURCES.iter().find(|(name, _)| *name == provider).expect("one of the four providers");
    format!("/{}", source.1)
}

/// The keys of all four, and the stand-in for SNS.
pub struct Senders {
    /// topi, through Svix.
    pub topi: StandardWebhooks,
    /// Topper.
    pub topper: Topper,
    /// topi SaaS, by Standard Webhooks.
    pub topi_saas: StandardWebhooks,
    /// Tipser, through SNS.
    pub tipser: StandIn,
}

impl Senders {
    /// Makes new keys.
    pub async fn new() -> Result<Self> {
        Ok(Self {
            topi: StandardWebhooks::new(Family::Svix),
            topper: Topper::new(),
            topi_saas: StandardWebhooks::new(Family::Webhook),
            tipser: StandIn::start().await?,
        })
    }

    /// Writes the keys into the site and the four sources into its configuration.
    pub fn introduce(&self, site: &mut Site, config: Config) -> Result<Config> {
        site.set_variable("TOPI_SECRET", self.topi.secret());
        site.write("topi-saas.secret", self.topi_saas.secret())?;
        site.write("topper-public.jwk", self.topper.jwk())?;
        site.write("sns-root.pem", self.tipser.root_pem())?;
        Ok(config
            .source("acme/orders", "provider = \"topi\"\nsecrets = [{ env = \"TOPI_SECRET\" }]")
            .source("acme/payments", "provider = \"topper\"\nkeys = [{ file = \"topper-public.jwk\" }]")
            .source("acme/partner", "provider = \"topi-saas\"\nsecrets = [{ file = \"topi-saas.secret\" }]")
            .source("acme/products", &self.tipser_source()))
    }

    /// The lines that a source of the SNS stand-in has: what an operator writes for LocalStack.
    pub fn tipser_source(&self) -> String {
        let url = self.tipser.url();
        format!(
            "provider = \"tipser\"\ntopics = [\"{TOPIC}\"]\ncertificate_url = \"{url}/\"\nconfirm_url = \"{url}/\"\ntrust = \"sns-root.pem\""
        )
    }

    /// The payload as this provider sends it, with a message id of its own where the scheme has one.
    pub fn sign(&self, provider: &str, body: &str) -> Result<Webhook> {
        let id = format!("msg_{}", Uuid::new_v4().simple());
        Ok(match provider {
            "topi" => self.topi.sign(&id, body),
            "topper" => self.topper.sign(body),
            "topi-saas" => self.topi_saas.sign(&id, body),
            "tipser" => self.tipser.sign(self.tipser.notification(body), SignatureVersion::V2),
            _ => bail!("nobody signs for {provider}"),
        })
    }
}
