//! What every sender must do.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use hookyard_testkit::events::Event;
use hookyard_testkit::host::run_with;
use hookyard_testkit::http::{Answer, Webhook};
use hookyard_testkit::samples::{self, Sample};
use hookyard_testkit::site::Site;
use hookyard_testkit::workspace;
use http::Method;

use crate::delivery::Delivery;
use crate::handshakes::{Body, Handshake};
use crate::page::Page;
use crate::sender::{Forgery, Sender};
use crate::sign::Secret;
use crate::table;
use crate::yard::{Source, Sources};

/// The senders of the seed, which have tests of their own.
const OTHERS: [&str; 4] = ["tipser", "topi", "topi-saas", "topper"];

/// Each folder of a provider has a row in the table, and therefore a page.
pub(crate) fn every_folder_is_tested() -> Result<()> {
    let folder = workspace::root().join("wit/providers");
    let mut folders = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    let rows = table::senders().map(|sender| sender.name);
    let known: BTreeSet<_> = rows.chain(OTHERS).map(str::to_owned).collect();
    ensure!(folders == known, "folders {folders:?}, tested {known:?}");
    Ok(())
}

/// The index has a row for each page, with a link.
pub(crate) fn index_names_every_sender() -> Result<()> {
    let index = fs::read_to_string(workspace::root().join("docs/senders.md"))?;
    for sender in table::senders() {
        let link = format!("](senders/{}.md)", sender.name);
        ensure!(index.matches(&link).count() == 1, "{}", sender.name);
    }
    Ok(())
}

/// Each snippet of the page is a whole configuration that `hookyard check` accepts.
pub(crate) async fn check_page(sender: &'static Sender) -> Result<()> {
    let page = Page::of(sender.name)?;
    let secret = Secret::new(sender.form)?.configured(sender.form)?;
    let mut site = Site::temporary()?;
    for variable in page.variables() {
        site.set_variable(&variable, &secret);
    }
    let config = site.config().to_string_lossy().into_owned();
    for snippet in &page.snippets {
        site.write("hookyard.toml", snippet)?;
        let arguments = ["check", "--config", &config];
        let done = run_with(&arguments, site.environment()).await?;
        ensure!(done.code == Some(0), "{}{}", done.stdout, done.stderr);
        let source = format!("ok    source /acme/{}", sender.name);
        ensure!(done.stdout.contains(&source), "{}", done.stdout);
    }
    Ok(())
}

/// Sends every sample, forges, and repeats.
pub(crate) async fn send_samples(sources: Arc<Sources>, sender: &'static Sender) -> Result<()> {
    let source = sources.of(sender.name)?;
    let samples = samples::of(sender.name)?;
    ensure!(samples.len() >= 3, "there are {} samples", samples.len());

    let mut expected = Vec::new();
    for sample in &samples {
        let delivery = Delivery::new(sender.name, sample, sender.kind_of(sample)?);
        let webhook = source.sign(&delivery);
        let name = &sample.name;
        refuse_forgeries(&sources, source, &delivery, &webhook)
            .await
            .with_context(|| name.clone())?;
        for _ in 0..2 {
            let answer = post(&sources, source, &delivery, &webhook).await?;
            ensure!(
                answer.status == sender.answer,
                "{name}: {} {}",
                answer.status,
                answer.text()
            );
        }
        let kind = Some(delivery.kind.clone()).filter(|kind| !kind.is_empty());
        expected.push((kind, sender.key.of(&delivery, &webhook)));
    }

    let stored = stored(&sources, sender.name).await?;
    if expected.iter().all(|(_, key)| key.is_none()) {
        let twice = expected.iter().flat_map(|(kind, _)| [kind, kind]);
        let kinds: Vec<_> = stored.iter().map(|event| &event.kind).collect();
        ensure!(kinds == twice.collect::<Vec<_>>(), "{kinds:?}");
        return Ok(());
    }
    let found = stored
        .into_iter()
        .map(|event| (event.kind, Some(event.key)));
    let found: Vec<_> = found.collect();
    ensure!(found == expected, "stored {found:#?}, sent {expected:#?}");
    Ok(())
}

async fn stored(sources: &Sources, sender: &str) -> Result<Vec<Event>> {
    let events = sources.host.events().await?.into_iter();
    Ok(events.filter(|event| event.source == sender).collect())
}

async fn refuse_forgeries(
    sources: &Sources,
    source: &Source,
    delivery: &Delivery<'_>,
    webhook: &Webhook,
) -> Result<()> {
    let sender = source.sender;
    if let Some((forgery, reason)) = sender.forgery {
        let forged = webhook.clone().with_body(forge(forgery, &webhook.body)?);
        let answer = refused(sources, sender, reason, async || {
            post(sources, source, delivery, &forged).await
        });
        answer.await.context("a changed body")?;
    }

    let stranger = Source {
        sender,
        secret: Secret::new(sender.form)?,
        word: String::new(),
    };
    let forged = stranger.sign(delivery);
    let answer = refused(sources, sender, sender.stranger, async || {
        post(sources, &stranger, delivery, &forged).await
    });
    answer.await.context("another secret")
}

/// Sends a request that must be refused with 401, and waits for the line of the log with the
/// reason.
async fn refused(
    sources: &Sources,
    sender: &Sender,
    reason: &str,
    send: impl AsyncFnOnce() -> Result<Answer>,
) -> Result<()> {
    let mark = sources.host.log().mark();
    let answer = send().await?;
    ensure!(answer.status == 401, "{} {}", answer.status, answer.text());
    let line = sources
        .host
        .wait_for_log_since(mark, "the refusal", |line| {
            line.text_of("source") == sender.name && !line.text_of("reason").is_empty()
        })
        .await?;
    ensure!(line.text_of("reason") == reason, "{}", line.text);
    Ok(())
}

/// Returns the body with one letter or digit changed, so that JSON stays JSON.
pub(crate) fn forge(forgery: Forgery, body: &[u8]) -> Result<Vec<u8>> {
    let Forgery::Field(pointer) = forgery else {
        let mut forged = body.to_vec();
        let letter = body.iter().rposition(u8::is_ascii_alphanumeric);
        let letter = letter.context("the body has a letter")?;
        forged[letter] = if forged[letter] == b'1' { b'2' } else { b'1' };
        return Ok(forged);
    };
    let sample = Sample {
        name: String::new(),
        body: String::from_utf8(body.to_vec())?,
        is_form: false,
    };
    Ok(sample.with(pointer, "forged").into_bytes())
}

async fn post(
    sources: &Sources,
    source: &Source,
    delivery: &Delivery<'_>,
    webhook: &Webhook,
) -> Result<Answer> {
    let query = (source.sender.query)(delivery, &source.secret);
    let path = format!("{}{query}", Sources::path(source.sender.name));
    let address = sources.host.address();
    sources
        .client
        .send(Method::POST, address, &path, webhook)
        .await
}

/// Asks as the sender does, and compares the answer.
pub(crate) async fn shake_hands(
    sources: Arc<Sources>,
    handshake: &'static Handshake,
) -> Result<()> {
    let source = sources.of(handshake.sender)?;
    let (question, expected) = ((handshake.ask)(source), (handshake.expect)(source));
    let path = format!("{}{}", Sources::path(handshake.sender), question.query);
    let answer = sources
        .client
        .send(
            question.method,
            sources.host.address(),
            &path,
            &question.webhook,
        )
        .await?;

    ensure!(
        answer.status == expected.status,
        "{} {}",
        answer.status,
        answer.text()
    );
    let header = |name: &str| {
        answer
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    match expected.body {
        Some(Body::Text(text)) => {
            ensure!(answer.text() == text, "{}", answer.text());
            let kind = header("content-type").unwrap_or_default();
            ensure!(kind.starts_with("text/plain"), "{kind}");
            ensure!(header("x-content-type-options") == Some("nosniff"));
        }
        Some(Body::Json(value)) => {
            let found: serde_json::Value = serde_json::from_slice(&answer.body)?;
            ensure!(found == value, "{found}");
        }
        None => (),
    }
    for (name, value) in expected.headers {
        ensure!(header(name) == Some(&value), "{name}: {:?}", header(name));
    }
    Ok(())
}
