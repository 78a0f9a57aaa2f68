//! The four senders of the demo and most tests, each with a source of tenant `acme` on the host; and topi SaaS as who is
//! answered, at the tenant's destination `partner`.

use anyhow::{Result, bail};
use uuid::Uuid;

use crate::http::Webhook;
use crate::receiver::{Received, Receiver};
use crate::sign::{Family, StandardWebhooks, Topper};
use crate::site::{Config, Site};
use crate::sns::{SignatureVersion, StandIn, TOPIC};

/// The providers, each with the path of its source.
pub const SOURCES: [(&str, &str); 4] = [
    ("topi", "acme/orders"),
    ("topper", "acme/payments"),
    ("topi-saas", "acme/partner"),
    ("tipser", "acme/products"),
];

/// The path of a provider's source, as in a request.
pub fn path_of(provider: &str) -> String {
    let source = SOURCES
        .iter()
        .find(|(name, _)| *name == provider)
        .expect("one of the four providers");
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
    /// Where topi SaaS takes what its partners send.
    pub topi_saas_inbox: Receiver,
    /// What they sign it with.
    partner: StandardWebhooks,
}

impl Senders {
    /// Makes new keys.
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

    /// Writes the keys into the site and the four sources into its configuration.
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

    /// The lines of the destination that topi SaaS is. It is on this machine, which has to be said.
    fn partner_destination(&self) -> String {
        let url = self.topi_saas_inbox.url();
        format!(
            "url = \"{url}/webhooks/partner\"\nprovider = \"topi-saas\"\nsecrets = [{{ file = \"partner.secret\" }}]\n\
             allow_http = true\naddresses = [\"127.0.0.0/8\"]\nretry = {{ delay_first = \"50ms\", delay_max = \"200ms\" }}"
        )
    }

    /// Lets a plugin (`tenant/name`) answer topi SaaS, with these lines beside it.
    pub fn let_answer(site: &Site, plugin: &str, lines: &str) -> Result<()> {
        site.write(
            &format!("plugins/{plugin}.toml"),
            format!("{lines}\n[grants]\ndestinations = [\"partner\"]\n"),
        )?;
        Ok(())
    }

    /// Checks a partner's signature with the published library, as topi SaaS would.
    pub fn check_partner(&self, received: &Received) -> Result<()> {
        received.verify(self.partner.secret())
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
            "tipser" => self
                .tipser
                .sign(self.tipser.notification(body), SignatureVersion::V2),
            _ => bail!("nobody signs for {provider}"),
        })
    }
}
