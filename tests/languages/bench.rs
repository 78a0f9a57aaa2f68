//! The plugins of one language, on one host.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use hookyard_testkit::events::is_attempt;
use hookyard_testkit::guests::Guest;
use hookyard_testkit::host::Host;
use hookyard_testkit::http::{Answer, Client, Webhook};
use hookyard_testkit::log::Line;
use hookyard_testkit::mirror::Mirror;
use hookyard_testkit::receiver::Receiver;
use hookyard_testkit::senders::{SOURCES, Senders, path_of};
use hookyard_testkit::site::{Config, Site};
use hookyard_testkit::{samples, workspace};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::folder::{Build, Folder};
use crate::language::Language;

/// The token of the sources and of the provider `shopfront`.
const TOKEN: &str = "languages-0123456789abcdef";
/// The source whose requests the plugin of `behaviours` answers.
const ASKED: &str = "asked";
/// How long the host may need to compile the components. Those with an engine of a script language
/// take a minute each on a busy machine, one after the other.
const COMPILE_TIME_MAX: Duration = Duration::from_secs(900);

/// The plugins of a language. The host starts when a check needs it.
pub(crate) struct Bench {
    pub(crate) language: &'static Language,
    runtime: Runtime,
    yard: OnceLock<Result<Yard, String>>,
    /// Held by a check that changes a folder or settings.
    changing: Mutex<()>,
}

/// A host with the plugins of a language.
pub(crate) struct Yard {
    pub(crate) senders: Arc<Senders>,
    pub(crate) client: Client,
    pub(crate) receiver: Receiver,
    // Kept because dropping this value stops the server.
    _mirror: Mirror,
    pub(crate) host: Host,
    pub(crate) site: Site,
    /// The plugins with their folders and builds.
    pub(crate) plugins: Vec<Plugin>,
    // Last, so that the folders outlive the host.
    folders: TempDir,
}

/// A plugin that the suite made.
pub(crate) struct Plugin {
    pub(crate) spec: &'static Spec,
    pub(crate) folder: Folder,
    pub(crate) build: Build,
}

/// How a plugin is made, and what it receives.
pub(crate) struct Spec {
    /// The name of the plugin, and of its own source if it has one.
    pub(crate) name: &'static str,
    /// The provider of the source.
    pub(crate) provider: &'static str,
    /// Whether the plugin also receives the signed events of the provider's own source.
    is_signed: bool,
    /// Arguments of `hookyard new`.
    arguments: &'static [&'static str],
    /// Whether the handler is that of `tests/languages/<language>`.
    is_behaviours: bool,
}

impl Spec {
    /// Whether the plugin has a source of its own, which takes a token instead of a signature.
    fn has_own_source(&self) -> bool {
        ["topi-saas", "shopfront"].contains(&self.provider)
    }
}

/// All plugins of a language.
pub(crate) const SPECS: &[Spec] = &[
    signed("topi", "topi", &["--provider", "topi"]),
    signed("topper", "topper", &["--provider", "topper"]),
    signed("tipser", "tipser", &["--provider", "tipser"]),
    signed("decide", "topi-saas", &["--provider", "topi-saas"]),
    spec("shopfront", "shopfront", &["--provider", "shopfront"]),
    spec("untyped", "shopfront", &["--untyped"]),
    Spec {
        is_behaviours: true,
        ..spec(
            "behaviours",
            "topi-saas",
            &[
                "--provider",
                "topi-saas",
                "--keyvalue",
                "--config",
                "--logging",
                "--outbox",
                "--responder",
                "--http",
            ],
        )
    },
];

const fn spec(
    name: &'static str,
    provider: &'static str,
    arguments: &'static [&'static str],
) -> Spec {
    Spec {
        name,
        provider,
        is_signed: false,
        arguments,
        is_behaviours: false,
    }
}

const fn signed(
    name: &'static str,
    provider: &'static str,
    arguments: &'static [&'static str],
) -> Spec {
    Spec {
        is_signed: true,
        ..spec(name, provider, arguments)
    }
}

impl Bench {
    pub(crate) fn new(language: &'static Language) -> Self {
        Self {
            language,
            runtime: Runtime::new().expect("the runtime starts"),
            yard: OnceLock::new(),
            changing: Mutex::default(),
        }
    }

    /// Keeps other checks of the language from changing a folder or settings.
    pub(crate) fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the host with all plugins. The first call builds them.
    pub(crate) fn yard(&self) -> Result<&Yard> {
        self.yard
            .get_or_init(|| {
                let yard = self.runtime.block_on(Yard::new(self.language));
                yard.map_err(|error| format!("{error:#}"))
            })
            .as_ref()
            .map_err(|error| anyhow!("{error}"))
    }

    /// Runs a check.
    pub(crate) fn run<T>(&self, check: impl AsyncFnOnce(&Yard) -> Result<T>) -> Result<T> {
        let yard = self.yard()?;
        self.runtime.block_on(check(yard))
    }
}

impl Yard {
    async fn new(language: &'static Language) -> Result<Self> {
        let folders = tempfile::Builder::new()
            .prefix("hookyard-languages-")
            .tempdir()?;
        let providers = workspace::root().join("tests/languages");
        let provider_folder = format!("[providers]\nfolder = {:?}\n", providers.join("providers"));
        fs::write(folders.path().join("hookyard.toml"), provider_folder)?;

        let parent = folders.path().to_owned();
        let plugins = tokio::task::spawn_blocking(move || build_all(&parent, language)).await??;

        let mut site = Site::temporary()?;
        let senders = Senders::new().await?;
        let (receiver, mirror) = (Receiver::start().await?, Mirror::start().await?);
        site.write("token.secret", TOKEN)?;
        let config = configuration(
            &receiver,
            &providers.join("providers").display().to_string(),
        );
        let config = senders.introduce(&mut site, config)?;
        site.configure(&config)?;
        for plugin in &plugins {
            let name = format!("acme/{}", plugin.spec.name);
            site.write(
                &format!("plugins/{name}.toml"),
                settings(plugin.spec, &mirror),
            )?;
            site.install(&name, &plugin.build.guest)?;
        }

        let host = Host::start(&site).await?;
        let yard = Self {
            senders: Arc::new(senders),
            client: Client::http1(),
            receiver,
            _mirror: mirror,
            host,
            site,
            plugins,
            folders,
        };
        for plugin in &yard.plugins {
            yard.active(plugin.spec.name, &plugin.build.guest).await?;
        }
        Ok(yard)
    }

    /// Returns a plugin by its name.
    pub(crate) fn plugin(&self, name: &str) -> Result<&Plugin> {
        let found = self.plugins.iter().find(|it| it.spec.name == name);
        found.with_context(|| format!("no plugin is called {name}"))
    }

    /// Returns the folder that contains the authors' folders.
    pub(crate) fn folders(&self) -> &Path {
        self.folders.path()
    }

    /// Waits until the revision is active. A refusal is a failure.
    pub(crate) async fn active(&self, plugin: &str, guest: &Guest) -> Result<Line> {
        let revision = guest.revision();
        let is_over = |line: &Line| {
            line.text_of("plugin") == format!("acme/{plugin}")
                && ((line.message() == "plugin active"
                    && revision.starts_with(&line.text_of("revision")))
                    || line.message() == "plugin refused")
        };
        let line = self
            .host
            .log()
            .wait_for(
                0,
                &format!("{plugin} to become active"),
                COMPILE_TIME_MAX,
                is_over,
            )
            .await?;
        ensure!(
            line.message() == "plugin active",
            "{plugin} was refused: {}",
            line.text_of("reason")
        );
        Ok(line)
    }

    /// Sends an event to the plugin's own source, and returns what the attempt logged.
    pub(crate) async fn attempt(&self, plugin: &str, body: &str) -> Result<AttemptLog> {
        let mark = self.host.log().mark();
        let event = self.send(plugin, body).await?;
        self.attempt_of(plugin, &event, mark).await
    }

    /// Signs an event as the plugin's provider does, sends it to the provider's source, and returns
    /// what the attempt logged.
    pub(crate) async fn signed_attempt(&self, plugin: &str, body: &str) -> Result<AttemptLog> {
        let provider = self.plugin(plugin)?.spec.provider;
        let webhook = self.senders.sign(provider, body)?;
        let mark = self.host.log().mark();
        let event = self.post(&path_of(provider), &webhook).await?;
        self.attempt_of(plugin, &event, mark).await
    }

    /// Returns what the attempt for an event logged after the mark.
    pub(crate) async fn attempt_of(
        &self,
        plugin: &str,
        event: &str,
        mark: usize,
    ) -> Result<AttemptLog> {
        let is_attempt_of = |line: &Line| {
            is_attempt(line) && line.text_of("event") == event && line.text_of("plugin") == plugin
        };
        let end = self
            .host
            .wait_for_log_since(mark, &format!("{plugin} to handle {event}"), is_attempt_of)
            .await?;

        // The host writes the guest's lines of an attempt after the line of the attempt.
        let _all = self.host.lines().await?;
        let lines = self.host.log().since(mark);
        let guest = lines.iter().filter(|line| {
            line.target() == "hookyard::guest"
                && line.text_of("event") == event
                && line.text_of("plugin") == plugin
        });
        Ok(AttemptLog {
            lines: guest.map(Line::guest_text).collect(),
            end,
        })
    }

    /// Sends an event to the plugin's own source, and returns its id.
    pub(crate) async fn send(&self, plugin: &str, body: &str) -> Result<String> {
        self.post(&format!("/acme/{plugin}"), &with_token(body))
            .await
    }

    /// Sends an event to the source whose requests the plugin of `behaviours` answers.
    pub(crate) async fn ask(&self, body: &str) -> Result<Answer> {
        let webhook = with_token(body);
        let address = self.host.address();
        self.client
            .post(address, &format!("/acme/{ASKED}"), &webhook)
            .await
    }

    /// Sends a webhook, and returns the id of the event.
    pub(crate) async fn post(&self, path: &str, webhook: &Webhook) -> Result<String> {
        let address = self.host.address();
        let answer = self.client.post(address, path, webhook).await?;
        ensure!(
            answer.is_accepted(),
            "{path} was answered {} {}",
            answer.status,
            answer.text()
        );
        Ok(answer.says("event"))
    }
}

fn with_token(body: &str) -> Webhook {
    Webhook::json(body.to_owned()).and("authorization", &format!("Bearer {TOKEN}"))
}

/// What an attempt logged.
pub(crate) struct AttemptLog {
    /// The lines of the guest.
    pub(crate) lines: Vec<String>,
    /// The line about the attempt.
    pub(crate) end: Line,
}

impl AttemptLog {
    pub(crate) fn outcome(&self) -> String {
        self.end.text_of("outcome")
    }

    pub(crate) fn detail(&self) -> String {
        self.end.text_of("detail")
    }

    /// Fails unless the outcome is the expected one.
    pub(crate) fn must_be(&self, outcome: &str) -> Result<()> {
        ensure!(
            self.outcome() == outcome,
            "expected the outcome {outcome}: {} {:?}",
            self.end.text,
            self.lines
        );
        Ok(())
    }

    /// Fails unless a line of the guest is or contains the text.
    pub(crate) fn must_log(&self, text: &str) -> Result<()> {
        ensure!(
            self.lines.iter().any(|line| line.contains(text)),
            "expected `{text}` in the log: {:?}, {}",
            self.lines,
            self.end.text
        );
        Ok(())
    }
}

/// Makes and builds all plugins, two at a time.
fn build_all(parent: &Path, language: &'static Language) -> Result<Vec<Plugin>> {
    let waiting = Mutex::new(SPECS.iter());
    let work = || -> Result<Vec<Plugin>> {
        let mut built = Vec::new();
        loop {
            let next = waiting.lock().expect("no thread panics").next();
            let Some(spec) = next else {
                return Ok(built);
            };
            built.push(make(parent, language, spec)?);
        }
    };

    std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| anyhow!("a build panicked"))??);
        }
        Ok(all)
    })
}

fn make(parent: &Path, language: &Language, spec: &'static Spec) -> Result<Plugin> {
    let what = || format!("{} in {}", spec.name, language.name);
    let folder = Folder::new(parent, spec.name, language, spec.arguments).with_context(what)?;
    if spec.is_behaviours {
        folder.overlay(&format!("tests/languages/{}", language.folder))?;
    }
    let build = folder.build().with_context(what)?;
    Ok(Plugin {
        spec,
        folder,
        build,
    })
}

fn configuration(receiver: &Receiver, providers: &str) -> Config {
    let raw = format!(
        "url = \"{}/raw\"\nsecrets = [{{ file = \"partner.secret\" }}]\nallow_http = true\n\
         addresses = [\"127.0.0.0/8\"]",
        receiver.url()
    );
    let config = Config::new()
        .ingress("body_max = \"4MiB\"")
        .section("providers", &format!("folder = {providers:?}"))
        .plugins("settle = \"50ms\"")
        .section(
            "retry",
            "attempts_max = 2\ndelay_first = \"50ms\"\ndelay_max = \"5m\"",
        )
        .section("quarantine", "enabled = false")
        .section("release", "rollback = false")
        .section("tenants.acme.destinations.raw", &raw);

    let asked = "provider = \"topi-saas\"\nscheme = \"bearer\"\nsecrets = [{ file = \"token.secret\" \
                 }]\nack = \"responder\"\nack_timeout = \"30s\"";
    let config = config.source(&format!("acme/{ASKED}"), asked);
    let own_sources = SPECS.iter().filter(|spec| spec.has_own_source());
    own_sources.fold(config, |config, spec| {
        let lines = format!(
            "provider = \"{}\"\nscheme = \"bearer\"\nsecrets = [{{ file = \"token.secret\" }}]",
            spec.provider
        );
        config.source(&format!("acme/{}", spec.name), &lines)
    })
}

/// Returns the settings of a plugin: its own source, and everything that it may use.
fn settings(spec: &Spec, mirror: &Mirror) -> String {
    let signed = SOURCES
        .iter()
        .filter(|(provider, _)| spec.is_signed && *provider == spec.provider)
        .map(|(_, path)| path.trim_start_matches("acme/"));
    let own = spec.has_own_source().then_some(spec.name);
    let asked = spec.is_behaviours.then_some(ASKED);
    let sources: Vec<_> = own.into_iter().chain(asked).chain(signed).collect();
    let (authority, url) = (mirror.authority(), mirror.url());

    format!(
        "sources = {sources:?}\n\
         [config]\nmode = \"on\"\nurl = \"{url}/v1/plain\"\n\
         [grants]\ndestinations = [\"partner\", \"raw\"]\n\
         [grants.http.\"{authority}\"]\nscheme = \"http\"\naddresses = [\"127.0.0.1\"]\n"
    )
}

/// Returns an accepted offer of topi SaaS with a new event id.
pub(crate) fn offer(offer_id: &str) -> serde_json::Value {
    let sample = samples::one("topi-saas", "offer-accepted-by-user")
        .expect("the sample is in the repository");
    let mut event = sample.json();
    event["event_id"] = Uuid::new_v4().to_string().into();
    event["payload"]["offer_id"] = offer_id.into();
    event
}
