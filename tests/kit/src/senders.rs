//! The four senders of the demo and most tests, each with a source of the tenant `acme`, and topi
//! SaaS as a receiver of the tenant's destination `partner`.

use anyhow::{Result, bail};
use uuid::Uuid;

use crate::http::Webhook;
use crate::receiver::{Received, Receiver};
use crate::sign::{Family, StandardWebhooks, Topper};
use crate::site::{Config, Site};
use crate::sns::{SignatureVersion, StandIn, TOPIC};

/// The providers with the paths of their sources.
pub const SOURCES: [(&str, &str); 4] = [
    ("topi", "acme/orders"),
    ("topper", "acme/payments"),
    ("topi-saas", "acme/partner"),
    ("tipser", "acme/products"),
];

/// Returns the request path of a provider's source.
pub fn path_of(provider: &str) -> String {
    let source = SOURCES
        .iter()
        .find(|(name, _)| *name == provider)
        .expect("one of the four providers");
    format!("/{}", source.1)
}

/// The keys of all four senders, and the stand-in for SNS.
pub struct Senders {
    /// topi, through Svix.
    pub topi: StandardWebhooks,
    /// Topper.
    pub topper: Topper,
    /// topi SaaS, with Standard Webhooks.
    pub topi_saas: StandardWebhooks,
    /// Tipser, through SNS.
    pub tipser: StandIn,
    /// The receiver of messages to topi SaaS.
    pub topi_saas_inbox: Receiver,
    /// The signer of messages to topi SaaS.
    partner: StandardWebhooks,
}

impl Senders {
    /// Creates new keys.
    pub async fn new() -> Result<Self> {
        Ok(Self {
            topi: StandardWebhooks::new(Family::Svix),
            topper: Topper::new(),
            topi_saas: StandardWebhooks::new(Family::Webhook),
            tipser: StandIn::start().await?,
            topi_saas_inbox: Receiver::start().await?,
            partner: StandardWebhooks::new(Family::Webhook),
        })
    }

    /// Writes the keys into the site and adds the four sources to its configuration.
    pub fn introduce(&self, site: &mut Site, config: Config) -> Result<Config> {
        site.set_variable("TOPI_SECRET", self.topi.secret());
        site.write("topi-saas.secret", self.topi_saas.secret())?;
        site.write("partner.secret", self.partner.secret())?;
        site.write("topper-public.jwk", self.topper.jwk())?;
        site.write("sns-root.pem", self.tipser.root_pem())?;
        Ok(config
            .source(
                "acme/orders",
                "provider = \"topi\"\nsecrets = [{ env = \"TOPI_SECRET\" }]",
            )
            .source(
                "acme/payments",
                "provider = \"topper\"\nkeys = [{ file = \"topper-public.jwk\" }]",
            )
            .source(
                "acme/partner",
                "provider = \"topi-saas\"\nsecrets = [{ file = \"topi-saas.secret\" }]",
            )
            .source("acme/products", &self.tipser_source())
            .section(
                "tenants.acme.destinations.partner",
                &self.partner_destination(),
            ))
    }

    /// Returns the configuration of the destination of topi SaaS. The receiver is on this machine,
    /// so the configuration allows its address.
    fn partner_destination(&self) -> String {
        let url = self.topi_saas_inbox.url();
        format!(
            "url = \"{url}/webhooks/partner\"\nprovider = \"topi-saas\"\nsecrets = [{{ file = \"partner.secret\" }}]\n\
             allow_http = true\naddresses = [\"127.0.0.0/8\"]\nretry = {{ delay_first = \"50ms\", delay_max = \"200ms\" }}"
        )
    }

    /// Grants the destination to a plugin (`tenant/name`), with these additional settings.
    pub fn let_answer(site: &Site, plugin: &str, lines: &str) -> Result<()> {
        site.write(
            &format!("plugins/{plugin}.toml"),
            format!("{lines}\n[grants]\ndestinations = [\"partner\"]\n"),
        )?;
        Ok(())
    }

    /// Verifies a message to topi SaaS with the published library.
    pub fn check_partner(&self, received: &Received) -> Result<()> {
        received.verify(self.partner.secret())
    }

    /// Returns the configuration of a source of the SNS stand-in, as an operator writes it for
    /// LocalStack.
    pub fn tipser_source(&self) -> String {
        let url = self.tipser.url();
        format!(
            "provider = \"tipser\"\ntopics = [\"{TOPIC}\"]\ncertificate_url = \"{url}/\"\nconfirm_url = \"{url}/\"\ntrust = \"sns-root.pem\""
        )
    }

    /// Returns the payload as the provider sends it, with a new message id if the scheme has one.
    pub fn sign(&self, provider: &str, body: &str) -> Result<Webhook> {
        let id = format!("msg_{}", Uuid::new_v4().simple());
        Ok(match provider {
            "topi" => self.topi.sign(&id, body),
            "topper" => self.topper.sign(body),
            "topi-saas" => self.topi_saas.sign(&id, body),
            "tipser" => self
                .tipser
                .sign(self.tipser.notification(body), SignatureVersion::V2),
            _ => bail!("nobody signs for {provider}"),
        })
    }
}
