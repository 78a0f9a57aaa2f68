//! `hookyard check`: what `serve` would refuse, without serving.

use anyhow::Result;
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::host::{Finished, run_with};
use hookyard_testkit::senders::Senders;
use hookyard_testkit::site::{Config, Site};

async fn check(site: &Site) -> Result<Finished> {
    run_with(&["check", "--config", &site.config().to_string_lossy()], site.environment()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn good_and_bad_are_told_apart_without_serving() -> Result<()> {
    let mut site = Site::temporary()?;
    let config = Senders::new().await?.introduce(&mut site, Config::new())?;
    site.configure(&config)?;
    site.install("acme/books", &guests::reference("topper")?)?;
    let good = check(&site).await?;
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(good.stdout.contains("acme/books"), "{good:?}");
    assert!(!site.path("data/hookyard.db").exists(), "a check changes nothing");

    site.install("acme/broken", &Guest::from(b"no component".to_vec()))?;
    let bad = check(&site).await?;
    assert_ne!(bad.code, Some(0), "{bad:?}");
    let all = format!("{}{}", bad.stdout, bad.stderr);
    assert!(all.lines().any(|line| line.contains("broken")), "{all}");
    site.uninstall("acme/broken")?;

    std::fs::rename(site.path("plugins"), site.path("elsewhere"))?;
    let unreadable = check(&site).await?;
    assert_eq!(unreadable.code, Some(1), "{unreadable:?}");
    assert!(unreadable.stdout.contains("create it, or name another by `plugins.folder`"), "{unreadable:?}");

    site.configure(&config.clone().section("ingres", ""))?;
    let faulty = check(&site).await?;
    assert_ne!(faulty.code, Some(0));
    assert!(faulty.stderr.contains("ingress"), "{}", faulty.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn destinations_are_told_with_what_to_think_about() -> Result<()> {
    let site = Site::temporary()?;
    site.write("partner.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
    let destination = |lines: &str| Config::new().section("tenants.acme.destinations.partner", lines);
    let secret = |window: &str| format!("secrets = [{{ file = \"partner.secret\"{window} }}]");
    let told = async |lines: String| -> Result<String> {
        site.configure(&destination(&lines))?;
        let finished = check(&site).await?;
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let lines = finished.stdout.lines().filter(|line| line.contains("destination"));
        Ok(lines.map(|line| format!("{line}\n")).collect())
    };
    let secure = "url = \"https://partner.example/hooks?token=hunter2\"\nprovider = \"topi-saas\"";
    assert_eq!(
        told(format!("{secure}\n{}", secret(""))).await?,
        "ok    destination acme/partner: https://partner.example, topi-saas's events, standard-webhooks, keys: 1 live\n",
        "what follows the host may be a secret"
    );
    let past = told(format!("{secure}\n{}", secret(", until = \"2020-01-01T00:00:00Z\""))).await?;
    assert!(past.contains("keys: 0 live, 1 retired") && past.contains("nothing signs now"), "{past}");
    let local = "url = \"http://127.0.0.1:9/\"\nallow_http = true\naddresses = [\"127.0.0.0/8\", \"10.0.0.0/8\"]";
    let local = told(format!("{local}\n{}", secret(""))).await?;
    assert!(local.contains("untyped") && local.contains("sent in the clear"), "{local}");
    assert!(local.contains("may lead to private addresses, in 127.0.0.0/8, 10.0.0.0/8"), "{local}");
    Ok(())
}
