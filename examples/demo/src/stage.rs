//! The scene of the demo: the host and the plugins, an operator's folder, the running host and four
//! senders.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::host::{self, Host};
use hookyard_testkit::http::{Answer, Client, Webhook};
use hookyard_testkit::senders::{SOURCES, Senders, path_of};
use hookyard_testkit::site::{Config, Site};
use hookyard_testkit::workspace;

use crate::paper::{Paper, plain, quiet};

/// The scheme of each provider, as text.
const PROOFS: [&str; 4] = [
    "Standard Webhooks by Svix: HMAC-SHA256",
    "detached JWS: ES256",
    "Standard Webhooks: HMAC-SHA256",
    "Amazon SNS: SHA256withRSA and a fetched certificate",
];

pub(crate) struct Stage {
    pub(crate) host: Host,
    pub(crate) senders: Arc<Senders>,
    pub(crate) client: Client,
    pub(crate) site: Site,
    /// Kept as long as the folder is in use.
    _lock: File,
}

impl Stage {
    /// Builds everything and starts the host.
    pub(crate) async fn build(folder: Option<PathBuf>, paper: &mut Paper) -> Result<Self> {
        paper.section("Build");
        let plugins = build(paper).await?;
        paper.section("Start");
        let folder = folder.map_or_else(
            || workspace::target_folder().map(|target| target.join("demo")),
            Ok,
        )?;
        let lock = alone(&folder)?;
        let mut site = Site::at(&folder)?;
        let senders = Senders::new().await?;
        let config = Config::new()
            .ingress("body_max = \"64KiB\"")
            .plugins("settle = \"50ms\"");
        let config = senders.introduce(&mut site, config)?;
        site.configure(&config)?;
        Senders::let_answer(&site, "acme/topi-saas", "")?;
        for (name, guest) in &plugins {
            site.install(&format!("acme/{name}"), guest)?;
        }
        let host = Host::start(&site).await?;
        for (name, guest) in &plugins {
            host.wait_for_revision(&format!("acme/{name}"), &guest.revision())
                .await?;
        }
        let stage = Self {
            host,
            senders: Arc::new(senders),
            client: Client::http1(),
            site,
            _lock: lock,
        };
        stage.introduce(paper);
        Ok(stage)
    }

    fn introduce(&self, paper: &Paper) {
        let config = shown(self.site.config());
        paper.say(&format!("hookyard serve --config {config}"));
        paper.aside(&format!(
            "listening on http://{}, inbox in {}",
            self.host.address(),
            shown(self.site.path("data/hookyard.db"))
        ));
        paper.gap();
        let row = |((provider, path), proof): (&(&str, &str), &str)| {
            vec![
                plain(format!("POST /{path}")),
                plain(*provider),
                quiet(proof),
                plain(format!("plugins/acme/{provider}.wasm")),
            ]
        };
        paper.table(&SOURCES.iter().zip(PROOFS).map(row).collect::<Vec<_>>());
    }

    /// Sends a webhook to a provider's source.
    pub(crate) async fn post(&self, provider: &str, webhook: &Webhook) -> Result<Answer> {
        self.client
            .post(self.host.address(), &path_of(provider), webhook)
            .await
    }

    /// Ends the host like an operator.
    pub(crate) async fn end(self, paper: &mut Paper) -> Result<()> {
        let (status, _) = self.host.terminate().await?;
        paper.expect(status.success(), || {
            format!("on SIGTERM the host ended with {status}")
        });
        Ok(())
    }
}

/// Locks the folder, so that another demo does not empty it under a running host.
fn alone(folder: &Path) -> Result<File> {
    let path = folder.with_extension("lock");
    fs::create_dir_all(path.parent().context("the demo's folder has no parent")?)?;
    let lock =
        File::create(&path).with_context(|| format!("{} cannot be created", path.display()))?;
    let other = || {
        format!(
            "another demo runs in {}; end it, or name another folder by --folder",
            folder.display()
        )
    };
    lock.try_lock().with_context(other)?;
    Ok(lock)
}

async fn build(paper: &Paper) -> Result<Vec<(String, Guest)>> {
    paper.say("the host (the first time this compiles a WebAssembly engine: some minutes)");
    let began = Instant::now();
    let binary = tokio::task::spawn_blocking(host::binary).await??;
    paper.aside(&format!(
        "{} in {:.1?}",
        shown(binary.to_owned()),
        began.elapsed()
    ));

    paper.say("the four reference plugins, from plugins/, for wasm32-wasip2");
    let began = Instant::now();
    let plugins = tokio::task::spawn_blocking(guests::all_reference).await??;
    paper.aside(&format!(
        "{} in {:.1?}",
        plugins.keys().cloned().collect::<Vec<_>>().join(", "),
        began.elapsed()
    ));
    Ok(plugins
        .iter()
        .map(|(name, guest)| (name.clone(), guest.clone()))
        .collect())
}

/// Returns a path relative to the working folder.
pub(crate) fn shown(path: PathBuf) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(&path)
        .display()
        .to_string()
}
