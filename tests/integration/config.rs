//! Configuration errors: all faults at once, each with a remedy, and a running host that keeps its
//! configuration.

use std::net::TcpListener;

use anyhow::Result;
use hookyard_testkit::eventually;
use hookyard_testkit::host::{Finished, run};
use hookyard_testkit::senders::Senders;
use hookyard_testkit::site::{Config, Site};

use crate::rig::{Rig, fresh_payment, quick};

/// Runs a host that must not start.
async fn serve(site: &Site) -> Result<Finished> {
    let config = site.config();
    let finished = run(&["serve", "--config", &config.to_string_lossy()]).await?;
    assert_ne!(finished.code, Some(0), "it served: {finished:?}");
    assert!(finished.code.is_some(), "a signal ended it: {finished:?}");
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    Ok(finished)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_config_faults_are_reported_at_once() -> Result<()> {
    let site = Site::temporary()?;
    site.write(
        "hookyard.toml",
        r#"
[ingress]
listn = "127.0.0.1:0"
body_max = "plenty"
[store]
url = "postgres://elsewhere"
[plugin]
folder = "plugins"
[tenants.acme.sources.payments]
provider = "toper"
[tenants.acme.sources.orders]
provider = "topi"
secrets = ["whsec_c2VjcmV0LXRoYXQtbm9ib2R5LXNob3VsZC1zZWU="]
[tenants.acme.sources.partner]
provider = "topi-saas"
secrets = [{ env = "HOOKYARD_TEST_IS_NOT_SET" }]
[tenants.acme.sources.products]
provider = "tipser"
[tenants.Acme.sources.x]
provider = "topi"
"#,
    )?;
    let finished = serve(&site).await?;
    let wanted = [
        ("listn", "listen"),
        ("body_max", "1MiB"),
        ("url", "sqlite:"),
        ("plugin", "plugins"),
        ("payments.provider", "topper"),
        ("secrets", "file ="),
        ("HOOKYARD_TEST_IS_NOT_SET", "not set"),
        ("products", "topics"),
        ("Acme", "a-z"),
    ];
    for (thing, way_out) in wanted {
        let is_explained = finished
            .stderr
            .lines()
            .any(|line| line.contains(thing) && line.contains(way_out));
        assert!(
            is_explained,
            "no line about {thing} that says {way_out}:\n{}",
            finished.stderr
        );
    }
    assert!(
        !finished.stderr.contains("c2VjcmV0"),
        "a secret is not repeated:\n{}",
        finished.stderr
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn startup_error_is_one_clear_line() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let listen = format!("listen = \"{address}\"");
    let file = "a file where a folder should be";
    let garbage = "not a database, and long enough to be recognized as such";
    let cases = [
        (Config::new().ingress(&listen), None, address.as_str()),
        (
            Config::new(),
            Some(("data/hookyard.db", garbage)),
            "hookyard.db",
        ),
        (Config::new(), Some(("data", file)), "data"),
        (
            Config::new().plugins_folder("no-folder"),
            Some(("no-folder", file)),
            "no-folder",
        ),
    ];
    for (config, in_the_way, named) in cases {
        let site = Site::temporary()?;
        site.configure(&config)?;
        if let Some((name, content)) = in_the_way {
            site.write(name, content)?;
        }
        let finished = serve(&site).await?;
        let errors: Vec<&str> = finished
            .stderr
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let last = errors.last().copied().unwrap_or_default();
        assert!(last.contains(named), "{named}: {errors:#?}");
    }
    let missing = run(&["serve", "--config", "/nowhere/hookyard.toml"]).await?;
    assert_ne!(missing.code, Some(0));
    assert!(
        missing.stderr.contains("/nowhere/hookyard.toml"),
        "{}",
        missing.stderr
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn second_host_on_one_store_is_refused() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    // The first host uses a free port, so only the store is in the way.
    let mut environment = rig.site.environment().to_vec();
    environment.push(("NO_COLOR".into(), "1".into()));
    let config = rig.site.config();
    let second = hookyard_testkit::host::run_with(
        &["serve", "--config", &config.to_string_lossy()],
        &environment,
    )
    .await?;
    assert_ne!(second.code, Some(0));
    assert!(second.stderr.contains("hookyard.db"), "{}", second.stderr);
    rig.deliver("topper", &fresh_payment().1).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn config_change_applies_only_if_valid() -> Result<()> {
    let mut site = Site::temporary()?;
    let senders = Senders::new().await?;
    let with_all = senders.introduce(&mut site, quick())?;
    site.configure(&quick())?;
    let host = hookyard_testkit::host::Host::start(&site).await?;
    let client = hookyard_testkit::http::Client::http1();
    let status = async || {
        let webhook = senders.topper.sign(fresh_payment().1);
        Ok::<_, anyhow::Error>(
            client
                .post(host.address(), "/acme/payments", &webhook)
                .await?
                .status,
        )
    };
    let becomes = async |wanted: u16| {
        let seen = || async { Ok((status().await? == wanted).then_some(())) };
        eventually(&format!("the source to answer {wanted}"), seen).await
    };
    assert_eq!(status().await?, 404);

    site.configure(&with_all)?;
    becomes(200).await?;

    let mark = host.log().mark();
    site.write(
        "hookyard.toml",
        format!("{}\n[ingres]\nbody_max = 1\n", with_all.text()),
    )?;
    let warning = host
        .wait_for_log_since(mark, "a line about the bad file", |line| {
            line.text.contains("did you mean `ingress`")
        })
        .await?;
    assert!(
        warning.level() == "WARN" || warning.level() == "ERROR",
        "{}",
        warning.text
    );
    assert_eq!(status().await?, 200, "the last good configuration goes on");

    // A changed key file is a change of the configuration that names it.
    let other = hookyard_testkit::sign::Topper::new();
    site.configure(&with_all)?;
    site.write("topper-public.jwk", other.jwk())?;
    becomes(401).await?;

    site.configure(&quick())?;
    becomes(404).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unverified_source_is_logged_at_start() -> Result<()> {
    let bare = "provider = \"topper\"";
    let site = Site::temporary()?;
    site.configure(&Config::new().source("acme/open", bare))?;
    let finished = serve(&site).await?;
    assert!(
        finished.stderr.contains("acme.sources.open"),
        "{}",
        finished.stderr
    );
    assert!(
        finished.stderr.contains("`keys` is missing"),
        "{}",
        finished.stderr
    );

    let rig = Rig::start(
        quick().source("acme/open", &format!("{bare}\nscheme = \"unverified\"")),
        &[],
    )
    .await?;
    let named = rig
        .host
        .lines()
        .await?
        .into_iter()
        .any(|line| line.level() == "WARN" && line.text.contains("acme/open"));
    assert!(named, "{}", rig.host.log().tail(20));
    Ok(())
}
