//! A host with a source for each sender, which all trials share.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, anyhow};
use hookyard_testkit::host::Host;
use hookyard_testkit::http::{Client, Webhook};
use hookyard_testkit::samples::Sample;
use hookyard_testkit::site::{Config, Site};
use http::Method;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::delivery::Delivery;
use crate::handshakes::Question;
use crate::page::Page;
use crate::sender::Sender;
use crate::sign::{Form, Secret};
use crate::{stand_in, table};

/// The runtime, and the host once a trial needs it.
pub(crate) struct Yard {
    runtime: Runtime,
    hosts: OnceLock<Result<Arc<Sources>, String>>,
}

impl Default for Yard {
    fn default() -> Self {
        Self {
            runtime: Runtime::new().expect("threads can be started"),
            hosts: OnceLock::new(),
        }
    }
}

impl Yard {
    /// Runs a trial without a host.
    pub(crate) fn block_on(&self, trial: impl Future<Output = Result<()>>) -> Result<()> {
        self.runtime.block_on(trial)
    }

    /// Runs a trial with the host that all trials share.
    pub(crate) fn with_host<T>(&self, trial: impl FnOnce(Arc<Sources>) -> T) -> Result<()>
    where
        T: Future<Output = Result<()>>,
    {
        let start = || self.runtime.block_on(Sources::start()).map(Arc::new);
        let sources = self
            .hosts
            .get_or_init(|| start().map_err(|error| format!("{error:?}")));
        let sources = sources.as_ref().map_err(|error| anyhow!("{error}"))?;
        self.runtime.block_on(trial(Arc::clone(sources)))
    }
}

/// The host, and what each sender shares with it.
pub(crate) struct Sources {
    pub(crate) client: Client,
    pub(crate) host: Host,
    sources: BTreeMap<&'static str, Source>,
    // Last, so that the folder outlives the host.
    _site: Site,
}

/// The source of a sender.
pub(crate) struct Source {
    pub(crate) sender: &'static Sender,
    /// What the sender signs with.
    pub(crate) secret: Secret,
    /// The word of `handshake_secret`, for senders that have one.
    pub(crate) word: String,
}

impl Sources {
    async fn start() -> Result<Self> {
        let mut site = Site::temporary()?;
        // The trials wait for the line of each refusal, also of those that repeat.
        site.set_variable("RUST_LOG", "info,hookyard::ingress=debug");
        let mut text = Config::new().text();
        let mut sources = BTreeMap::new();
        for sender in table::senders() {
            let page = Page::of(sender.name)?;
            let source = Source::new(sender)?;
            if sender.form == Form::RsaCertificate {
                let root = stand_in::start(&source.secret.rsa_key()?).await?;
                site.write("root.pem", root)?;
            }
            let more = sender.more.replace("{stand-in}", stand_in::url());
            text.push_str(&format!("\n{}\n{more}\n", page.snippets[0]));
            for variable in variables(&page, sender) {
                site.set_variable(&variable, &source.value_of(&variable)?);
            }
            sources.insert(sender.name, source);
        }
        site.write("hookyard.toml", text)?;
        Ok(Self {
            client: Client::http1(),
            host: Host::start(&site).await?,
            sources,
            _site: site,
        })
    }

    /// Returns the source of a sender.
    pub(crate) fn of(&self, sender: &str) -> Result<&Source> {
        self.sources.get(sender).context("no such sender")
    }

    /// Returns the path of a sender's source.
    pub(crate) fn path(sender: &str) -> String {
        format!("/acme/{sender}")
    }
}

impl Source {
    fn new(sender: &'static Sender) -> Result<Self> {
        Ok(Self {
            sender,
            secret: Secret::new(sender.form)?,
            word: format!("word-of-{}", sender.name),
        })
    }

    /// Returns the value of an environment variable of the page. A word to verify with is not the
    /// secret.
    fn value_of(&self, variable: &str) -> Result<String> {
        if variable.ends_with("_VERIFY_TOKEN") {
            return Ok(self.word.clone());
        }
        self.secret.configured(self.sender.form)
    }

    /// Returns a question with this body, signed as the sender signs an event.
    pub(crate) fn signed(&self, body: &Value) -> Question {
        let sample = Sample {
            name: "handshake".to_owned(),
            body: body.to_string(),
            is_form: false,
        };
        let delivery = Delivery::new(self.sender.name, &sample, None);
        Question {
            method: Method::POST,
            query: String::new(),
            webhook: (self.sender.sign)(&delivery, &self.secret),
        }
    }

    /// Returns a delivery, signed.
    pub(crate) fn sign(&self, delivery: &Delivery<'_>) -> Webhook {
        (self.sender.sign)(delivery, &self.secret)
    }
}

/// Returns the variables of the page, and of the lines that the test adds.
fn variables(page: &Page, sender: &Sender) -> Vec<String> {
    let added = Page {
        snippets: vec![sender.more.to_owned()],
    };
    [page.variables(), added.variables()].concat()
}
