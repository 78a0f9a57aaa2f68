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
