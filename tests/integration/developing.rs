//! The commands for authors of plugins: `hookyard test` and `hookyard send`.

use anyhow::{Context, Result};
use hookyard_testkit::guests;
use hookyard_testkit::host::{Finished, Host, run_with};
use hookyard_testkit::site::{Config, Site};
use serde_json::{Value, json};

/// A folder with a component and its fixtures.
struct Bench {
    site: Site,
    component: String,
}

impl Bench {
    fn new(guest: &str) -> Result<Self> {
        let site = Site::temporary()?;
        std::fs::create_dir_all(site.path("plugin.fixtures"))?;
        let component = site.path("plugin.wasm");
        std::fs::write(&component, guests::test(guest)?.bytes())?;
        Ok(Self {
            component: component.to_string_lossy().into_owned(),
            site,
        })
    }

    fn add(&self, name: &str, fixture: &Value) -> Result<()> {
        let text = serde_json::to_string_pretty(fixture)?;
        self.site
            .write(&format!("plugin.fixtures/{name}.json"), text)?;
        Ok(())
    }

    fn fixture(&self, name: &str) -> Result<String> {
        let path = self.site.path(&format!("plugin.fixtures/{name}.json"));
        Ok(std::fs::read_to_string(path)?)
    }

    async fn test(&self, options: &[&str]) -> Result<Finished> {
        let cache = self.site.path("cache").to_string_lossy().into_owned();
        let arguments = [&["test", &self.component], options].concat();
        run_with(&arguments, &[("XDG_CACHE_HOME".into(), cache)]).await
    }
}

fn event() -> Value {
    json!({ "provider": "topper", "body": { "id": "e-1", "name": "user:created", "data": {} } })
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_fixture_shows_log_and_difference() -> Result<()> {
    let bench = Bench::new("trap")?;
    bench.add("bad", &json!({ "event": event() }))?;
    bench.add(
        "known",
        &json!({ "event": event(), "expect": { "outcome": "trapped", "reason": "without a title" } }),
    )?;

    let junit = bench.site.path("junit.xml").to_string_lossy().into_owned();
    let tested = bench.test(&["--junit", &junit]).await?;
    assert_eq!(tested.code, Some(1), "{tested:?}");
    for part in [
        "FAIL  bad",
        "ok    known",
        "- { \"outcome\": \"done\" }",
        "book without a title",
        "about to trap",
        "1 of 2 fixtures as expected",
    ] {
        assert!(tested.stdout.contains(part), "{part}: {}", tested.stdout);
    }
    let report = std::fs::read_to_string(&junit)?;
    assert!(report.contains("tests=\"2\" failures=\"1\""), "{report}");

    let filtered = bench.test(&["--filter", "known", "--json"]).await?;
    assert_eq!(filtered.code, Some(0), "{filtered:?}");
    let report: Value = serde_json::from_str(&filtered.stdout)?;
    assert_eq!(report["fixtures"][0]["name"], "known");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn update_accepts_found_results() -> Result<()> {
    let bench = Bench::new("settings-and-log")?;
    let config = json!({ "countries": "DE,AT" });
    bench.add("new", &json!({ "event": event(), "config": config }))?;
    let wrong = json!({ "log": ["absent"] });
    bench.add(
        "old",
        &json!({ "event": event(), "config": config, "expect": wrong }),
    )?;

    let before = bench.test(&[]).await?;
    assert_eq!(before.code, Some(1), "{before:?}");
    assert!(
        before.stdout.contains("no log line contains `absent`"),
        "{before:?}"
    );

    let updated = bench.test(&["--update"]).await?;
    assert_eq!(updated.code, Some(0), "{updated:?}");
    let after = bench.test(&[]).await?;
    assert_eq!(after.code, Some(0), "{after:?}");

    let (new, old) = (bench.fixture("new")?, bench.fixture("old")?);
    assert!(
        new.contains("\"outcome\": \"done\"") && new.contains("DE,AT"),
        "{new}"
    );
    assert!(!old.contains("absent") && !old.contains("outcome"), "{old}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn host_accepts_sent_events_of_every_provider() -> Result<()> {
    let site = Site::temporary()?;
    let run = async |arguments: &[&str]| run_with(arguments, site.environment()).await;
    let path = |name: &str| site.path(name).to_string_lossy().into_owned();

    let (jws, sns) = (path("topper.key"), path("sns.key"));
    let public = run(&["send", "topper", "--generate-key", &jws]).await?;
    site.write("topper.jwk", &public.stdout)?;
    let address = free_address()?;
    let certificate = ["--certificate-at", &address];
    let made = run(&[
        &["send", "tipser", "--generate-key", &sns],
        &certificate[..],
    ]
    .concat())
    .await?;
    site.write("sns.pem", &made.stdout)?;
    site.write("topi.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
    site.write("token", "a-token-of-thirty-two-characters")?;

    let config = Config::new()
        .section("egress", "addresses = [\"127.0.0.1\"]")
        .section(
            "tenants.acme.sources.topi",
            "provider = \"topi\"\nsecrets = [{ file = \"topi.secret\" }]",
        )
        .section(
            "tenants.acme.sources.topper",
            "provider = \"topper\"\nkeys = [{ file = \"topper.jwk\" }]",
        )
        .section(
            "tenants.acme.sources.saas",
            "provider = \"topi-saas\"\nscheme = \"bearer\"\nsecrets = [{ file = \"token\" }]",
        )
        .section(
            "tenants.acme.sources.tipser",
            &format!(
                "provider = \"tipser\"\ntopics = [\"arn:aws:sns:eu-west-1:000000000000:hookyard-send\"]\n\
                 certificate_url = \"http://{address}/\"\ntrust = \"sns.pem\""
            ),
        );
    site.configure(&config)?;
    let host = Host::start(&site).await?;

    let (topi, token) = (
        format!("file:{}", path("topi.secret")),
        format!("file:{}", path("token")),
    );
    let senders: [(&str, &str, Vec<&str>); 4] = [
        ("topi", "topi", vec!["--secret", &topi]),
        ("topper", "topper", vec!["--key", &jws]),
        (
            "topi-saas",
            "saas",
            vec!["--scheme", "bearer", "--secret", &token],
        ),
        (
            "tipser",
            "tipser",
            [&["--key", &sns], &certificate[..]].concat(),
        ),
    ];
    for (provider, source, proof) in &senders {
        let url = format!("http://{}/acme/{source}", host.address());
        let sent = run(&[
            &["send", provider, "--to", &url, "--count", "3"],
            &proof[..],
        ]
        .concat())
        .await?;
        assert_eq!(sent.code, Some(0), "{provider}: {sent:?}");
        assert!(sent.stdout.contains("latency: median"), "{sent:?}");
    }
    let events = host.events().await?;
    assert_eq!(
        events.len(),
        12,
        "each of three events of four providers is another event"
    );

    let url = format!("http://{}/acme/topi", host.address());
    let repeat = [
        "send", "topi", "--to", &url, "--count", "3", "--repeat", "--secret", &topi,
    ];
    assert_eq!(run(&repeat).await?.code, Some(0));
    assert_eq!(
        host.events().await?.len(),
        13,
        "a repeated event is stored once"
    );

    let unsigned = run(&["send", "topi", "--to", &url, "--scheme", "none"]).await?;
    assert_eq!(unsigned.code, Some(1), "{unsigned:?}");
    assert!(unsigned.stdout.contains("401"), "{unsigned:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn send_explains_bad_arguments() -> Result<()> {
    let closed = format!("http://{}/", free_address()?);
    let secret = "text:whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let cases: [(&[&str], i32, &str); 5] = [
        (
            &["toper"],
            2,
            "unknown provider `toper`; did you mean `topper`?",
        ),
        (
            &["topi", "--event", "order-create"],
            2,
            "did you mean `order-created`?",
        ),
        (
            &[
                "topi",
                "--event",
                "order-created",
                "--set",
                "/statu=x",
                "--secret",
                secret,
            ],
            2,
            "the body has no value at /statu",
        ),
        (&["topi"], 2, "needs a secret; give it with --secret"),
        (
            &["topi", "--secret", secret],
            1,
            "no connection to 127.0.0.1",
        ),
    ];
    for (arguments, code, part) in cases {
        let sent = run_with(&[&["send", "--to", &closed], arguments].concat(), &[]).await?;
        assert_eq!(sent.code, Some(code), "{sent:?}");
        let all = format!("{}{}", sent.stdout, sent.stderr);
        assert!(all.contains(part), "{part}: {all}");
    }
    Ok(())
}

/// Returns an address on loopback that nothing listens on.
fn free_address() -> Result<String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_failure_becomes_a_fixture() -> Result<()> {
    let site = Site::temporary()?;
    site.write("token", "a-token-of-thirty-two-characters")?;
    let source = "provider = \"topi-saas\"\nscheme = \"bearer\"\nsecrets = [{ file = \"token\" }]";
    site.configure(&Config::new().section("tenants.acme.sources.offers", source))?;
    let guest = guests::test("trap")?;
    site.install("acme/books", &guest)?;
    let host = Host::start(&site).await?;
    host.wait_for_revision("acme/books", &guest.revision())
        .await?;

    let run = async |arguments: &[&str]| run_with(arguments, site.environment()).await;
    let url = format!("http://{}/acme/offers", host.address());
    let token = format!("file:{}", site.path("token").display());
    let proof = ["--scheme", "bearer", "--secret", &token];
    let sent = run(&[&["send", "topi-saas", "--to", &url], &proof[..]].concat()).await?;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let events = host
        .wait_for_events("the event to be attempted", |events| {
            events.iter().any(|event| {
                event
                    .job("books")
                    .is_some_and(|job| job.last_outcome.is_some())
            })
        })
        .await?;
    let (config, id) = (site.config().to_string_lossy().into_owned(), &events[0].id);

    std::fs::create_dir_all(site.path("plugin.fixtures"))?;
    let file = site.path("plugin.fixtures/failed.json");
    let out = file.to_string_lossy().into_owned();
    let redact = ["--redact", "/payload/user", "--out", &out];
    let make = [&["events", "fixture", id, "--config", &config], &redact[..]].concat();
    let made = run(&make).await?;
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(
        made.stderr
            .contains("the fixture reproduces the attempt: trapped"),
        "{made:?}"
    );
    let fixture = std::fs::read_to_string(&file)?;
    assert!(!fixture.contains("max.muster"), "{fixture}");
    assert!(!fixture.contains("a-token"), "{fixture}");

    let component = site.path("plugin.wasm");
    std::fs::write(&component, guest.bytes())?;
    let component = component.to_string_lossy().into_owned();
    let tested = run(&["test", &component]).await?;
    assert_eq!(tested.code, Some(1), "{tested:?}");
    let line = "the outcome is `trapped: book without a title";
    assert!(tested.stdout.contains(line), "{tested:?}");

    let happened = run(&[&make[..], &["--as-happened"]].concat()).await?;
    assert_eq!(happened.code, Some(0), "{happened:?}");
    let tested = run(&["test", &component]).await?;
    assert_eq!(tested.code, Some(0), "{tested:?}");
    Ok(())
}
