//! The libraries that receivers use (`tests/interop`) verify the host's messages. The host does not
//! use these libraries.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use hookyard_store::{MessagePage, MessageSelection, Outbox};
use hookyard_store_sqlite::SqliteStore;
use hookyard_testkit::jws::Keys;
use hookyard_testkit::log::Line;
use hookyard_testkit::receiver::{Received, Receiver};
use hookyard_testkit::sign::{AsymmetricWebhooks, Family, StandardWebhooks};
use hookyard_testkit::site::Config;
use hookyard_testkit::{eventually, guests, published, workspace};
use serde_json::{Value, json};

use crate::rig::{Rig, fresh_payment, quick};

/// The configuration of a destination on this machine.
const LOCAL: &str = "addresses = [\"127.0.0.1\"]\nallow_http = true";

/// Starts a host with the forwarding plugin and grants for these destinations.
async fn start(config: Config, destinations: &[&str], files: &[(&str, &str)]) -> Result<Rig> {
    Rig::prepared(
        config,
        &[("acme/forwarder", &guests::test("forwarder")?)],
        |site| {
            site.write(
                "plugins/acme/forwarder.toml",
                format!("[grants]\ndestinations = {destinations:?}\n"),
            )?;
            files
                .iter()
                .try_for_each(|(name, content)| site.write(name, content).map(drop))
        },
    )
    .await
}

/// Returns an event that the plugin forwards to these destinations.
fn forwarded_to(destinations: &[&str]) -> Result<String> {
    let mut body: Value = serde_json::from_str(&fresh_payment().1)?;
    body["forward_to"] = destinations.join(" ").into();
    Ok(body.to_string())
}

/// Several destinations at one receiver, each with its name as path.
struct Destinations<'r> {
    receiver: &'r Receiver,
    lines: BTreeMap<String, String>,
}

impl<'r> Destinations<'r> {
    fn at(receiver: &'r Receiver) -> Self {
        Self {
            receiver,
            lines: BTreeMap::new(),
        }
    }

    fn and(mut self, name: &str, lines: &str) -> Self {
        self.lines.insert(name.into(), lines.into());
        self
    }

    fn configured(&self, config: Config) -> Config {
        self.lines.iter().fold(config, |config, (name, lines)| {
            let url = format!("url = \"{}/{name}\"", self.receiver.url());
            config.section(
                &format!("tenants.acme.destinations.{name}"),
                &format!("{url}\n{LOCAL}\n{lines}"),
            )
        })
    }

    fn names(&self) -> Vec<&str> {
        self.lines.keys().map(String::as_str).collect()
    }

    /// Starts a host with them.
    async fn start(&self, files: &[(&str, &str)]) -> Result<Rig> {
        start(self.configured(quick()), &self.names(), files).await
    }

    /// Forwards an event to each of them and returns the received messages by destination.
    async fn forward(&self, rig: &Rig) -> Result<BTreeMap<String, Received>> {
        let before = self.receiver.received().len();
        let sent = rig.deliver("topper", &forwarded_to(&self.names())?).await?;
        let all = |received: &[Received]| received.len() == before + self.lines.len();
        let received = self
            .receiver
            .wait_for("a message at each destination", all)
            .await?;
        let found = received[before..]
            .iter()
            .map(|it| (it.path.trim_start_matches('/').to_owned(), it.clone()));
        let found: BTreeMap<_, _> = found.collect();
        assert!(
            found.values().all(|it| it.body == sent.body),
            "the body is what the plugin sent, byte for byte"
        );
        Ok(found)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn published_libraries_verify_messages() -> Result<()> {
    let secrets = [(); 4].map(|()| StandardWebhooks::new(Family::Webhook).secret().to_owned());
    let [one, old, new, beside] = &secrets;
    let pair = AsymmetricWebhooks::new(Family::Webhook)?;
    let (es256, ed25519, ps256) = (Keys::es256()?, Keys::ed25519()?, Keys::rsa("PS256")?);
    let receiver = Receiver::start().await?;
    let hmac = "hmac = { hash = \"sha256\", encoding = \"hex\", signed = \"{body}\", \
                signature = { header = \"X-Partner-Signature\", after = \"sha256=\" } }";
    let jws = "scheme = \"jws-detached\"\nheader = \"X-Partner-Signature\"";
    let destinations = Destinations::at(&receiver)
        .and("one", "secrets = [{ file = \"one.secret\" }]")
        .and(
            "two",
            "secrets = [{ file = \"old.secret\" }, { file = \"new.secret\" }]",
        )
        .and("pair", "keys = [{ file = \"webhook.key\" }]")
        .and(
            "both",
            "secrets = [{ file = \"beside.secret\" }]\nkeys = [{ file = \"webhook.key\" }]",
        )
        .and(
            "saas",
            "provider = \"topi-saas\"\nsecrets = [{ file = \"one.secret\" }]",
        )
        .and(
            "es256",
            &format!("{jws}\nkeys = [{{ file = \"es256.jwk\" }}]"),
        )
        .and(
            "ed25519",
            &format!("{jws}\nkeys = [{{ file = \"ed25519.jwk\" }}]"),
        )
        .and(
            "ps256",
            &format!("{jws}\nkeys = [{{ file = \"ps256.pem\" }}]\nalgorithm = \"PS256\""),
        )
        .and(
            "hmac",
            &format!("scheme = \"hmac\"\nsecrets = [{{ file = \"one.secret\" }}]\n{hmac}"),
        );
    let private = pair.private_key();
    let files = [
        ("one.secret", &**one),
        ("old.secret", old),
        ("new.secret", new),
        ("beside.secret", beside),
        ("webhook.key", &private),
        ("es256.jwk", &es256.private),
        ("ed25519.jwk", &ed25519.private),
        ("ps256.pem", &ps256.private),
    ];
    let rig = destinations.start(&files).await?;
    let received = destinations.forward(&rig).await?;

    let cases = [
        ("one", "standard-webhooks", json!([one])),
        ("two", "standard-webhooks", json!([old, new])),
        ("pair", "v1a", json!([pair.public_key()])),
        ("both", "standard-webhooks", json!([beside])),
        ("both", "v1a", json!([pair.public_key()])),
        ("saas", "standard-webhooks", json!([one])),
        ("es256", "jws-detached", json!([es256.public])),
        ("ed25519", "jws-detached", json!([ed25519.public])),
        ("ps256", "jws-detached", json!([ps256.public])),
        ("hmac", "hmac", json!([one])),
    ];
    let deliveries: Vec<Value> = cases
        .iter()
        .map(|(name, scheme, keys)| delivery(name, scheme, keys, &received))
        .collect();
    let said = published::verify(
        &rig.site
            .write("deliveries.json", json!(deliveries).to_string())?,
    )?;

    let id = |name: &str| received[name].header("webhook-id").to_owned();
    let by_node = [
        "one", "two", "two", "pair", "both", "both", "saas", "es256", "ed25519", "ps256", "hmac",
    ];
    let by_python = ["one", "two", "two", "both", "saas"];
    let expected = by_node
        .map(|name| format!("node {name} {}", id(name)))
        .into_iter();
    let expected: Vec<_> = expected
        .chain(by_python.map(|name| format!("python {name} {}", id(name))))
        .collect();
    assert_eq!(said, expected);
    let ids: BTreeSet<_> = destinations.names().into_iter().map(id).collect();
    assert_eq!(
        ids.len(),
        destinations.names().len(),
        "each message has its own id"
    );
    Ok(())
}

/// A delivery in the format of the scripts in `tests/interop`.
fn delivery(
    name: &str,
    scheme: &str,
    keys: &Value,
    received: &BTreeMap<String, Received>,
) -> Value {
    let received = &received[name];
    let headers = received
        .headers
        .keys()
        .map(|name| (name.as_str(), received.header(name.as_str())));
    let headers: BTreeMap<_, _> = headers.collect();
    let body = String::from_utf8_lossy(&received.body);
    json!({ "name": name, "scheme": scheme, "headers": headers, "body": body, "keys": keys })
}

#[tokio::test(flavor = "multi_thread")]
async fn node_and_python_receivers_accept_messages() -> Result<()> {
    let [secret, another] =
        [(); 2].map(|()| StandardWebhooks::new(Family::Webhook).secret().to_owned());
    let receivers =
        ["receiver.mjs", "receiver.py"].map(|name| published::Receiver::start(name, &secret));
    let [node, python] = receivers;
    let (node, python) = (node?, python?);
    let at = |url: &str, file: &str| {
        format!("url = \"{url}\"\nsecrets = [{{ file = \"{file}\" }}]\n{LOCAL}")
    };
    let destinations = [
        ("node", at(&node.url(), "secret"), "sent: 204"),
        ("python", at(&python.url(), "secret"), "sent: 204"),
        ("node-forged", at(&node.url(), "another"), "refused: 401"),
        (
            "python-forged",
            at(&python.url(), "another"),
            "refused: 401",
        ),
    ];
    let config = destinations
        .iter()
        .fold(quick(), |config, (name, lines, _)| {
            config.section(&format!("tenants.acme.destinations.{name}"), lines)
        });
    let names = destinations.each_ref().map(|(name, ..)| *name);
    let rig = start(
        config,
        &names,
        &[("secret", &secret), ("another", &another)],
    )
    .await?;
    rig.deliver("topper", &forwarded_to(&names)?).await?;
    let books = SqliteStore::open_read_only(&rig.site.path("data/hookyard.db"))?;
    let results = eventually("all four deliveries to end", async || {
        let page = MessagePage::first(MessageSelection::default(), 10);
        let messages = books.messages(page).await?;
        let results = messages.iter().filter_map(|message| {
            Some((
                message.destination.to_string(),
                message.last_result.clone()?,
            ))
        });
        Ok(Some(results.collect::<BTreeMap<_, _>>())
            .filter(|results| results.len() == destinations.len()))
    });
    let expected = destinations
        .iter()
        .map(|(name, _, result)| (name.to_string(), result.to_string()));
    assert_eq!(results.await?, expected.collect());
    Ok(())
}

/// The receivers in `docs/sending.md` are the ones that the tests run.
#[test]
fn sending_page_shows_tested_receivers() -> Result<()> {
    let read =
        |path: &str| std::fs::read_to_string(workspace::root().join(path)).context(path.to_owned());
    let page = read("docs/sending.md")?;
    let (_, page) = page
        .split_once("## For receivers\n")
        .context("the section about receivers is missing")?;
    let code = |language: &str| -> Vec<&str> {
        let fence = format!("```{language}\n");
        let after = page.split(fence.as_str()).skip(1);
        after
            .filter_map(|rest| rest.split_once("```").map(|(code, _)| code))
            .collect()
    };
    let tested = [
        (
            "js",
            ["tests/interop/receiver.mjs", "tests/interop/verify.mjs"].as_slice(),
        ),
        ("python", &["tests/interop/receiver.py"]),
        ("rust", &["tests/kit/src/receiver.rs"]),
    ];
    for (language, files) in tested {
        let shown = code(language);
        assert_eq!(shown.len(), files.len(), "{language}");
        for (code, file) in shown.iter().zip(files) {
            let is_said =
                |line: &str, text: &str| text.lines().any(|said| said.trim() == line.trim());
            let text = read(file)?;
            let astray: Vec<_> = code.lines().filter(|line| !is_said(line, &text)).collect();
            assert!(astray.is_empty(), "{file} says nothing of {astray:#?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn static_credentials_are_in_their_headers() -> Result<()> {
    let receiver = Receiver::start().await?;
    let token = "secrets = [{ file = \"token\" }]";
    let destinations = Destinations::at(&receiver)
        .and(
            "header",
            &format!("scheme = \"header\"\nheader = \"X-Partner-Token\"\n{token}"),
        )
        .and("bearer", &format!("scheme = \"bearer\"\n{token}"))
        .and(
            "basic",
            &format!("scheme = \"basic\"\nusername = \"acme\"\n{token}"),
        );
    let rig = destinations.start(&[("token", "open sesame\n")]).await?;
    let received = destinations.forward(&rig).await?;
    assert_eq!(received["header"].header("x-partner-token"), "open sesame");
    assert_eq!(
        received["bearer"].header("authorization"),
        "Bearer open sesame"
    );
    let basic = format!(
        "Basic {}",
        hookyard_testkit::sign::base64("acme:open sesame")
    );
    assert_eq!(received["basic"].header("authorization"), basic);
    assert!(
        received
            .values()
            .all(|it| it.header("webhook-id").len() == 36),
        "whatever the scheme, there is an id"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_rotates_without_restart() -> Result<()> {
    let [old, new] = [(); 2].map(|()| StandardWebhooks::new(Family::Webhook).secret().to_owned());
    let receiver = Receiver::start().await?;
    let first = "{ file = \"old.secret\" }";
    let destinations = Destinations::at(&receiver).and("receiver", &format!("secrets = [{first}]"));
    let rig = destinations
        .start(&[("old.secret", &old), ("new.secret", &new)])
        .await?;
    let verified = async |wanted: [bool; 2]| -> Result<()> {
        let received = destinations
            .forward(&rig)
            .await?
            .remove("receiver")
            .context("a message")?;
        assert_eq!(
            [&old, &new].map(|secret| received.verify(secret).is_ok()),
            wanted
        );
        Ok(())
    };
    let config = std::fs::read_to_string(rig.site.config())?;
    let reconfigured = async |secrets: &str| -> Result<()> {
        let is_reload = |line: &Line| line.message() == "configuration reloaded";
        let reloads = || {
            rig.host
                .log()
                .lines()
                .iter()
                .filter(|line| is_reload(line))
                .count()
        };
        let before = reloads();
        rig.site
            .write("hookyard.toml", config.replace(first, secrets))?;
        eventually("the new configuration", || async {
            Ok((reloads() > before).then_some(()))
        })
        .await
    };
    verified([true, false]).await?;
    let both =
        "{ file = \"old.secret\", until = \"2999-01-01T00:00:00Z\" }, { file = \"new.secret\" }";
    reconfigured(both).await?;
    verified([true, true]).await?;
    reconfigured(&both.replace("2999", "2020")).await?;
    verified([false, true]).await
}
