//! `hookyard check` reports what `serve` would refuse, without serving.

use anyhow::Result;
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::host::{Finished, run_with};
use hookyard_testkit::senders::Senders;
use hookyard_testkit::site::{Config, Site};

async fn check(site: &Site) -> Result<Finished> {
    run_with(
        &["check", "--config", &site.config().to_string_lossy()],
        site.environment(),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn check_reports_good_and_bad_plugins() -> Result<()> {
    let mut site = Site::temporary()?;
    let config = Senders::new().await?.introduce(&mut site, Config::new())?;
    site.configure(&config)?;
    site.install("acme/books", &guests::reference("topper")?)?;
    let good = check(&site).await?;
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(good.stdout.contains("acme/books"), "{good:?}");
    assert!(
        !site.path("data/hookyard.db").exists(),
        "a check changes nothing"
    );

    site.install("acme/broken", &Guest::from(b"no component".to_vec()))?;
    let bad = check(&site).await?;
    assert_ne!(bad.code, Some(0), "{bad:?}");
    let all = format!("{}{}", bad.stdout, bad.stderr);
    assert!(all.lines().any(|line| line.contains("broken")), "{all}");
    site.uninstall("acme/broken")?;

    for guest in hookyard_hostile::unstartable() {
        site.install(&format!("acme/{}", guest.name), &Guest::from(guest.file))?;
    }
    let unstartable = check(&site).await?;
    assert_eq!(unstartable.code, Some(1), "{unstartable:?}");
    for guest in hookyard_hostile::unstartable() {
        let line = format!("BAD   plugin acme/{}: {}", guest.name, guest.says);
        assert!(
            unstartable.stdout.contains(&line),
            "{line}: {unstartable:?}"
        );
        site.uninstall(&format!("acme/{}", guest.name))?;
    }

    std::fs::rename(site.path("plugins"), site.path("elsewhere"))?;
    let unreadable = check(&site).await?;
    assert_eq!(unreadable.code, Some(1), "{unreadable:?}");
    assert!(
        unreadable
            .stdout
            .contains("create it, or name another by `plugins.folder`"),
        "{unreadable:?}"
    );

    site.configure(&config.clone().section("ingres", ""))?;
    let faulty = check(&site).await?;
    assert_ne!(faulty.code, Some(0));
    assert!(faulty.stderr.contains("ingress"), "{}", faulty.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn check_prints_destinations_with_notes() -> Result<()> {
    let site = Site::temporary()?;
    site.write("partner.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
    let destination =
        |lines: &str| Config::new().section("tenants.acme.destinations.partner", lines);
    let secret = |window: &str| format!("secrets = [{{ file = \"partner.secret\"{window} }}]");
    let checked_with = async |lines: String| -> Result<String> {
        site.configure(&destination(&lines))?;
        let finished = check(&site).await?;
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let lines = finished
            .stdout
            .lines()
            .filter(|line| line.contains("destination"));
        Ok(lines.map(|line| format!("{line}\n")).collect())
    };
    let secure = "url = \"https://partner.example/hooks?token=hunter2\"\nprovider = \"topi-saas\"";
    assert_eq!(
        checked_with(format!("{secure}\n{}", secret(""))).await?,
        "ok    destination acme/partner: https://partner.example, topi-saas's events, standard-webhooks, keys: 1 live\n",
        "the part after the host may be a secret"
    );
    let past = checked_with(format!(
        "{secure}\n{}",
        secret(", until = \"2020-01-01T00:00:00Z\"")
    ))
    .await?;
    assert!(
        past.contains("keys: 0 live, 1 retired") && past.contains("no key is valid now"),
        "{past}"
    );
    let local = "url = \"http://127.0.0.1:9/\"\nallow_http = true\naddresses = [\"127.0.0.0/8\", \"10.0.0.0/8\"]";
    let local = checked_with(format!("{local}\n{}", secret(""))).await?;
    assert!(
        local.contains("untyped") && local.contains("messages are sent unencrypted"),
        "{local}"
    );
    assert!(
        local.contains("may resolve to private addresses, in 127.0.0.0/8, 10.0.0.0/8"),
        "{local}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_jwk_gives_a_note() -> Result<()> {
    let site = Site::temporary()?;
    let good = r#"{"kty":"EC","crv":"P-256","alg":"ES256","kid":"good","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let bad =
        r#"{"kty":"OKP","crv":"X25519","x":"AEN1","kid":"agreement"},{"kty":"AKP","pub":"AAAA"}"#;
    site.configure(&Config::new().source(
        "acme/payments",
        "provider = \"topper\"\nkeys = [{ file = \"set.jwk\" }]",
    ))?;

    site.write("set.jwk", format!("{{\"keys\":[{bad},{good}]}}"))?;
    let mixed = check(&site).await?;
    assert_eq!(mixed.code, Some(0), "{mixed:?}");
    for part in [
        "key \"agreement\": its curve, X25519,",
        "key 2: its `kty`, AKP,",
    ] {
        let is_noted = |line: &str| {
            line.starts_with("note") && line.contains("set.jwk") && line.contains(part)
        };
        assert!(
            mixed.stdout.lines().any(is_noted),
            "no note about {part}: {}",
            mixed.stdout
        );
    }

    site.write("set.jwk", format!("{{\"keys\":[{bad}]}}"))?;
    let unusable = check(&site).await?;
    assert_ne!(unusable.code, Some(0), "{unusable:?}");
    for part in [
        "set.jwk",
        "key \"agreement\": its curve, X25519,",
        "key 2: its `kty`, AKP,",
    ] {
        assert!(
            unusable.stderr.contains(part),
            "no line about {part}: {}",
            unusable.stderr
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unmatchable_secret_is_a_fault() -> Result<()> {
    const TOKEN: &str = "correct-horse-battery";
    let site = Site::temporary()?;
    let lines =
        "provider = \"topi-saas\"\nscheme = \"bearer\"\nsecrets = [{ file = \"bearer.secret\" }]";
    site.configure(&Config::new().source("acme/offers", lines))?;
    for (secret, expected) in [
        (format!("{TOKEN}\n"), ""),
        (format!("{TOKEN} \n"), "ends with a space or tab (byte 22)"),
        (format!("{TOKEN}\n\n"), "ends with 2 line breaks"),
        (format!("\u{feff}{TOKEN}"), "begins with a byte order mark"),
        (
            "correct-h\u{f6}rse-battery".to_owned(),
            "beyond ASCII (byte 10)",
        ),
        ("x".to_owned(), "has 1 byte"),
    ] {
        site.write("bearer.secret", &secret)?;
        let report = check(&site).await?;
        assert_eq!(
            report.code == Some(0),
            expected.is_empty(),
            "{secret:?}: {report:?}"
        );
        let is_reported = |line: &str| line.contains("bearer.secret") && line.contains(expected);
        assert!(
            expected.is_empty() || report.stderr.lines().any(is_reported),
            "{secret:?}: {}",
            report.stderr
        );
        assert!(
            !format!("{report:?}").contains("horse"),
            "a part of the secret is printed: {report:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn short_credential_gives_a_note() -> Result<()> {
    let mut site = Site::temporary()?;
    let config = Senders::new().await?.introduce(&mut site, Config::new())?;
    site.configure(&config)?;
    site.install("acme/books", &guests::reference("topper")?)?;
    site.write("plugins/acme/books.token", "swordfish\n")?;
    let grant = "[grants.http.\"api.example.com\"]\nx-token = { file = \"books.token\" }\n";
    site.write("plugins/acme/books.toml", grant)?;

    let report = check(&site).await?;
    assert_eq!(report.code, Some(0), "{report:?}");
    let is_noted = |line: &str| {
        line.starts_with("note") && line.contains("books.token") && line.contains("has 9 bytes")
    };
    assert!(report.stdout.lines().any(is_noted), "{}", report.stdout);
    assert!(!report.stdout.contains("swordfish"), "{}", report.stdout);
    Ok(())
}
