//! The lists of events and messages: order, filters, and how names select or are refused.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use hookyard_testkit::guests;
use hookyard_testkit::host::{Finished, binary, run_with};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::rig::{Rig, fresh_payment, hookyard, quick, stdout_of};

/// Starts a host with one plugin that has handled this many payments, each with a different body.
async fn handled(count: usize) -> Result<Rig> {
    let rig = Rig::start(quick(), &[("acme/books", &guests::reference("topper")?)]).await?;
    for number in 0..count {
        let mut body: Value = serde_json::from_str(&fresh_payment().1)?;
        body["marker"] = format!("payment-{number}-of-a-test").into();
        rig.deliver("topper", &body.to_string()).await?;
    }
    rig.all_done(count).await?;
    Ok(rig)
}

async fn events(rig: &Rig, arguments: &[&str]) -> Result<Vec<Value>> {
    let lines = stdout_of(
        &rig.site,
        &[&["events", "list", "--json"], arguments].concat(),
    )
    .await?;
    Ok(lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?)
}

async fn refused(rig: &Rig, arguments: &[&str]) -> Result<String> {
    let Finished {
        code,
        stderr,
        stdout,
    } = hookyard(&rig.site, arguments).await?;
    assert_eq!(code, Some(1), "{arguments:?}: {stdout}{stderr}");
    Ok(stderr)
}

fn id(event: &Value) -> Result<&str> {
    event["id"].as_str().context("an event has an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn events_list_sorts_and_filters() -> Result<()> {
    let rig = handled(3).await?;
    let all = events(&rig, &[]).await?;
    let oldest_first = events(&rig, &["--oldest-first"]).await?;
    assert_eq!(
        oldest_first.iter().rev().collect::<Vec<_>>(),
        all.iter().collect::<Vec<_>>()
    );
    let marked = |number: usize| format!("payment-{number}-of-a-test");
    let newest = events(&rig, &["--limit", "1"]).await?;
    assert_eq!(
        newest,
        events(&rig, &["--text", &marked(2)]).await?,
        "the last that was sent"
    );
    assert_eq!(
        events(&rig, &["--limit", "1", "--oldest-first"]).await?,
        events(&rig, &["--text", &marked(0)]).await?
    );
    assert_eq!(events(&rig, &["--text", "of-a-test"]).await?.len(), 3);
    assert_eq!(
        events(&rig, &["--text", "payment-7"]).await?,
        [] as [Value; 0]
    );

    let key = all[1]["key"].as_str().context("a key")?;
    assert_eq!(events(&rig, &["--key", key]).await?, [all[1].clone()]);
    assert_eq!(events(&rig, &["--state", "dead,done"]).await?.len(), 3);
    assert_eq!(
        events(&rig, &["--state", "dead", "--state", "held"])
            .await?
            .len(),
        0
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn id_prefix_selects_event() -> Result<()> {
    let rig = handled(2).await?;
    let all = events(&rig, &[]).await?;
    let whole = id(&all[0])?;
    let common = whole
        .bytes()
        .zip(id(&all[1])?.bytes())
        .take_while(|(one, other)| one == other)
        .count();
    let show = async |id: &str| stdout_of(&rig.site, &["events", "show", "--json", id]).await;
    let shown = show(whole).await?;
    assert_eq!(show(&whole[..=common]).await?, shown);
    assert_eq!(
        show(&whole[..=common].replace('-', "").to_uppercase()).await?,
        shown
    );
    let several = refused(&rig, &["events", "show", &whole[..common]]).await?;
    assert!(
        several.contains("several events begin with") && several.contains(whole),
        "{several}"
    );
    let none = refused(&rig, &["events", "replay", "ffffffff"]).await?;
    assert!(none.contains("no event ffffffff is stored"), "{none}");
    let replayed = stdout_of(
        &rig.site,
        &["events", "replay", &whole[..=common], "--dry-run"],
    )
    .await?;
    assert_eq!(replayed, "1 job would run again\n");
    let serves = stdout_of(&rig.site, &["plugins", "list", "--json"]).await?;
    let revision = serde_json::from_str::<Value>(&serves)?["revision"]
        .as_str()
        .context("a revision")?
        .to_owned();
    let on = [
        "events",
        "replay",
        whole,
        "--dry-run",
        "--revision",
        &revision[..8],
    ];
    assert_eq!(
        stdout_of(&rig.site, &on).await?,
        format!("1 job would run again on revision {}\n", &revision[..12])
    );
    let none = refused(&rig, &["outbox", "list", "--event", "ffff"]).await?;
    assert!(none.contains("no event ffff is stored"), "{none}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_name_suggests_similar_names() -> Result<()> {
    let rig = handled(1).await?;
    for (arguments, expected) in [
        (
            &["events", "list", "--plugin", "boks"][..],
            "unknown plugin `boks`; did you mean `books`?",
        ),
        (
            &["events", "list", "--plugin", "acme/boks"],
            "unknown plugin of acme `boks`; did you mean `books`?",
        ),
        (
            &["events", "list", "--source", "acme/paymnts"],
            "unknown source of acme `paymnts`; did you mean `payments`?",
        ),
        (
            &["events", "list", "--tenant", "acne"],
            "unknown tenant `acne`; did you mean `acme`?",
        ),
        (
            &["events", "replay", "--plugin", "boks", "--dry-run"],
            "unknown plugin `boks`",
        ),
        (
            &["events", "discard", "--source", "nowhere", "--dry-run"],
            "unknown source `nowhere`",
        ),
        (
            &["outbox", "list", "--destination", "acme/none"],
            "unknown destination of acme `none`",
        ),
        (
            &["outbox", "replay", "--plugin", "boks"],
            "unknown plugin `boks`",
        ),
        (
            &["outbox", "enable", "acme/none"],
            "unknown destination of acme `none` (there are partner)",
        ),
        (&["plugins", "show", "acme/boks"], "did you mean `books`?"),
    ] {
        let why = refused(&rig, arguments).await?;
        assert!(why.contains(expected), "{arguments:?}: {why}");
    }

    // An empty list says so, and invalid options are refused.
    let none = hookyard(&rig.site, &["events", "list", "--type", "no.such"]).await?;
    assert_eq!(
        (none.code, none.stdout.as_str(), none.stderr.as_str()),
        (Some(0), "", "no event matches\n")
    );
    let done = hookyard(&rig.site, &["events", "discard", "--state", "done"]).await?;
    assert!(
        done.code == Some(2) && done.stderr.contains("cannot be discarded"),
        "{}",
        done.stderr
    );

    // The name of a removed plugin is known as long as the store has data about it.
    rig.site.uninstall("acme/books")?;
    rig.host
        .wait_for_log("the removal", |line| {
            line.message().starts_with("plugin removed")
        })
        .await?;
    assert_eq!(events(&rig, &["--plugin", "acme/books"]).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn config_path_from_flag_or_environment() -> Result<()> {
    let rig = handled(1).await?;
    let config = rig.site.config().to_string_lossy().into_owned();
    let mut environment = rig.site.environment().to_vec();
    let before = run_with(
        &["--config", &config, "events", "list", "--json"],
        &environment,
    )
    .await?;
    assert_eq!(
        (before.code, before.stdout.lines().count()),
        (Some(0), 1),
        "{}",
        before.stderr
    );
    environment.push(("HOOKYARD_CONFIG".into(), config.clone()));
    let by_environment = run_with(&["events", "list", "--json"], &environment).await?;
    assert_eq!(by_environment.stdout, before.stdout);
    let overruled = run_with(
        &["events", "list", "--config", "/nonexistent.toml"],
        &environment,
    )
    .await?;
    assert_eq!(overruled.code, Some(2), "{}", overruled.stdout);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_print_json() -> Result<()> {
    let shop = "url = \"https://127.0.0.1:9/\"\naddresses = [\"127.0.0.1\"]\nsecrets = [{ file = \"shop.secret\" }]";
    let config = quick().section("tenants.acme.destinations.shop", shop);
    let rig = Rig::prepared(config, &[], |site| {
        site.write("shop.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
        site.write("plugins/acme/broken.wasm", "no component")
            .map(drop)
    })
    .await?;
    let enabled: Value = serde_json::from_str(
        &stdout_of(&rig.site, &["outbox", "enable", "acme/shop", "--json"]).await?,
    )?;
    assert_eq!(
        enabled,
        serde_json::json!({ "destination": "acme/shop", "was_disabled": false })
    );
    let reference: Value =
        serde_json::from_str(&stdout_of(&rig.site, &["config", "--json"]).await?)?;
    assert_eq!(reference["ingress"]["listen"], "127.0.0.1:8080");

    let checked = hookyard(&rig.site, &["check", "--json"]).await?;
    assert_eq!(checked.code, Some(1), "{}", checked.stderr);
    let lines: Vec<Value> = checked
        .stdout
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let said = |verdict: &str, part: &str| {
        let is_said = |line: &&Value| {
            line["verdict"] == verdict && line["text"].as_str().is_some_and(|it| it.contains(part))
        };
        assert!(
            lines.iter().any(|line| is_said(&line)),
            "{verdict} {part}: {}",
            checked.stdout
        );
    };
    said("ok", "destination acme/shop");
    said("bad", "plugin acme/broken");
    Ok(())
}

/// Returns the output of the command on a terminal with this many columns.
async fn on_terminal(rig: &Rig, columns: usize, arguments: &[&str]) -> Result<String> {
    let command = format!(
        "stty cols {columns} rows 24; exec {} {}",
        binary()?.display(),
        arguments.join(" ")
    );
    let mut script = Command::new("script");
    script
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env("HOOKYARD_CONFIG", rig.site.config());
    let output = script
        .envs(rig.site.environment().iter().cloned())
        .stdin(Stdio::null())
        .output()
        .await?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{text}");
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn table_fits_terminal_with_usable_ids() -> Result<()> {
    let rig = handled(3).await?;
    let table = on_terminal(&rig, 80, &["events", "list"]).await?;
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(
        table
            .lines()
            .all(|line| line.trim_end().chars().count() <= 80),
        "{table}"
    );
    for (row, event) in table.lines().skip(1).zip(events(&rig, &[]).await?) {
        let short = row.split_whitespace().next().context("an id")?;
        assert!(short.len() < id(&event)?.len(), "{table}");
        let shown: Value = serde_json::from_str(
            &stdout_of(&rig.site, &["events", "show", "--json", short]).await?,
        )?;
        assert_eq!(shown["id"], event["id"]);
    }
    let plugins = on_terminal(&rig, 60, &["plugins", "list"]).await?;
    assert!(
        plugins
            .lines()
            .all(|line| line.trim_end().chars().count() <= 60),
        "{plugins}"
    );
    // Output to a file or a pipe is complete.
    let piped = stdout_of(&rig.site, &["events", "list"]).await?;
    assert!(piped.contains(id(&events(&rig, &[]).await?[0])?), "{piped}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn followed_list_shows_new_and_changed_events() -> Result<()> {
    let rig = handled(1).await?;
    let follow = async |arguments: &[&str]| -> Result<_> {
        let mut command = Command::new(binary()?);
        command
            .args(["events", "list", "--json", "--follow"])
            .args(arguments)
            .env("HOOKYARD_CONFIG", rig.site.config());
        command
            .envs(rig.site.environment().iter().cloned())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        anyhow::Ok((child, lines))
    };
    let (mut all, mut lines) = follow(&[]).await?;
    let (mut held, mut held_lines) = follow(&["--state", "held"]).await?;
    let next = async |lines: &mut tokio::io::Lines<BufReader<tokio::process::ChildStdout>>| -> Result<Value> {
        let line =
            tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await.context("a line in time")??;
        Ok(serde_json::from_str(&line.context("a line")?)?)
    };
    let first = next(&mut lines).await?;
    assert_eq!(first["plugins"][0]["state"], "done");
    rig.deliver("topper", &fresh_payment().1).await?;
    let mut line = next(&mut lines).await?;
    assert_ne!(line["id"], first["id"]);
    while line["plugins"][0]["state"] != "done" {
        let before = std::mem::replace(&mut line, next(&mut lines).await?);
        assert_eq!(line["id"], before["id"]);
        assert_ne!(
            line, before,
            "a line is printed again only if it has changed"
        );
    }

    rig.site.uninstall("acme/books")?;
    rig.host
        .wait_for_log("the removal", |line| {
            line.message().starts_with("plugin removed")
        })
        .await?;
    let done = line["id"].as_str().context("an id")?.to_owned();
    stdout_of(&rig.site, &["events", "replay", &done]).await?;
    let replayed = next(&mut lines).await?;
    assert_eq!(
        (&replayed["id"], &replayed["plugins"][0]["state"]),
        (&line["id"], &"held".into())
    );
    assert_eq!(
        next(&mut held_lines).await?,
        replayed,
        "events in other states are not listed"
    );
    rig.deliver("topper", &fresh_payment().1).await?;
    assert_eq!(next(&mut lines).await?["state"], "unrouted");
    all.kill().await?;
    held.kill().await?;
    assert_eq!(held_lines.next_line().await?, None);
    Ok(())
}
