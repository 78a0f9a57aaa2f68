//! A host with a source for each sender.

use anyhow::Result;
use hookyard_testkit::host::Host;
use hookyard_testkit::http::{Answer, Client, Webhook};
use hookyard_testkit::site::{Config, Site};
use http::Method;

use crate::rig::quick;

const PROVIDERS: [(&str, &str); 16] = [
    ("adyen", include_str!("adyen.toml")),
    ("asana", include_str!("asana.toml")),
    ("cloudevents", include_str!("cloudevents.toml")),
    ("discord", include_str!("discord.toml")),
    ("dropbox", include_str!("dropbox.toml")),
    ("event-grid", include_str!("event-grid.toml")),
    ("graph", include_str!("graph.toml")),
    ("meta", include_str!("meta.toml")),
    ("monday", include_str!("monday.toml")),
    ("notion", include_str!("notion.toml")),
    ("okta", include_str!("okta.toml")),
    ("slack", include_str!("slack.toml")),
    ("twitch", include_str!("twitch.toml")),
    ("whatsapp", include_str!("whatsapp.toml")),
    ("x", include_str!("x.toml")),
    ("zoom", include_str!("zoom.toml")),
];

/// The secrets of the sources, as the vectors have them.
const SECRETS: [(&str, &str); 7] = [
    (
        "X_KEYS",
        "z3ZX4v7mAAUGykl3EcmkqbartmuW8VFOOzCloLx9Q45P0hLrFu",
    ),
    ("SLACK", "8f742231b10e8888abcd99yyyzzz85a5"),
    ("META_TOKEN", "meatyhamhock"),
    ("OKTA", "my-okta-secret"),
    ("ZOOM", "ztok-ztok-ztok"),
    (
        "DISCORD",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    ),
    ("SHARED", "a-shared-secret"),
];

/// The vectors were signed years ago.
const ANCIENT: &str = "tolerance = \"36500d\"";

/// The sources of the vectors, and those of the other senders.
pub(super) fn sources(config: Config) -> Config {
    let secrets = |name: &str| format!("secrets = [{{ env = \"{name}\" }}]");
    let sources = [
        ("x", "x", "secrets = [{ file = \"convoy.secret\" }]".into()),
        ("x-keys", "x", secrets("X_KEYS")),
        ("slack", "slack", format!("{}\n{ANCIENT}", secrets("SLACK"))),
        ("slack-open", "slack", "scheme = \"unverified\"".into()),
        ("meta", "meta", with_token(&secrets("SHARED"))),
        ("whatsapp", "whatsapp", with_token(&secrets("SHARED"))),
        ("okta", "okta", secrets("OKTA")),
        ("zoom", "zoom", secrets("ZOOM")),
        ("graph", "graph", secrets("SHARED")),
        ("ce", "cloudevents", secrets("SHARED")),
        ("adyen", "adyen", "scheme = \"unverified\"".into()),
        (
            "discord",
            "discord",
            format!("keys = [{{ env = \"DISCORD\" }}]\n{ANCIENT}"),
        ),
        ("dropbox", "dropbox", secrets("SHARED")),
        ("event-grid", "event-grid", secrets("SHARED")),
        (
            "twitch",
            "twitch",
            format!("{}\n{ANCIENT}", secrets("SHARED")),
        ),
        ("monday", "monday", secrets("SHARED")),
        ("asana", "asana", "learning = true".into()),
        ("notion", "notion", "learning = true\nsecrets = []".into()),
    ];
    let config = config.section("providers", "folder = \"providers\"");
    sources
        .into_iter()
        .fold(config, |config, (name, provider, lines)| {
            config.source(
                &format!("in/{name}"),
                &format!("provider = \"{provider}\"\n{lines}"),
            )
        })
}

fn with_token(lines: &str) -> String {
    format!("{lines}\nhandshake_secret = {{ env = \"META_TOKEN\" }}")
}

/// A host with every sender.
pub(super) struct Senders {
    pub(super) client: Client,
    pub(super) host: Host,
    // Last, so that the folder outlives the host.
    pub(super) site: Site,
}

impl Senders {
    pub(super) async fn start() -> Result<Self> {
        let mut site = Site::temporary()?;
        for (name, text) in PROVIDERS {
            site.write(&format!("providers/{name}/provider.toml"), text)?;
        }
        for (name, value) in SECRETS {
            site.set_variable(name, value);
        }
        // The secret of the vector is too short for the host. HMAC pads a key with zero bytes.
        site.write("convoy.secret", "Convoy\0\0")?;
        site.configure(&sources(quick()))?;
        Ok(Self {
            client: Client::http1(),
            host: Host::start(&site).await?,
            site,
        })
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        webhook: &Webhook,
    ) -> Result<Answer> {
        let address = self.host.address();
        self.client.send(method, address, path, webhook).await
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, &Webhook::default()).await
    }

    pub(super) async fn post(&self, path: &str, webhook: &Webhook) -> Result<Answer> {
        self.send(Method::POST, path, webhook).await
    }
}
