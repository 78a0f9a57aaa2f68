//! A plugin that misbehaves affects only the attempts of its own event, or its own release.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use hookyard_testkit::events::{Event, Job, is_attempt, is_rejection};
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::log::Line;
use hookyard_testkit::site::Config;

use crate::rig::{Rig, fresh_payment, quick, stdout_of};

fn tight() -> Config {
    quick().section(
        "plugins.limits",
        "cpu_max = \"1s\"\nwall_max = \"30s\"\nmemory_max = \"16MiB\"",
    )
}

fn is_over(job: &Job) -> bool {
    job.state == "done" || job.state == "dead"
}

#[tokio::test(flavor = "multi_thread")]
async fn each_guest_failure_has_one_outcome() -> Result<()> {
    // Guest, final state, number of attempts, beginning of the last outcome.
    let expected = [
        ("trap", "dead", 3, "trapped"),
        ("loop-forever", "dead", 3, "timed-out"),
        ("eat-memory", "dead", 3, "out-of-memory"),
        ("exit", "dead", 3, "trapped"),
        ("nonsense", "dead", 3, "trapped"),
        ("reject", "dead", 1, "rejected: not for me"),
        ("long-reason", "dead", 1, "rejected: why why"),
        ("log-flood", "done", 1, "done"),
        ("retry-then-done", "done", 3, "done"),
    ];
    let guests: BTreeMap<&str, Guest> = expected
        .iter()
        .map(|(name, ..)| Ok((*name, guests::test(name)?)))
        .collect::<Result<_>>()?;
    let books = guests::reference("topper")?;
    let names: Vec<String> = guests.keys().map(|name| format!("acme/{name}")).collect();
    let mut plugins: Vec<(&str, &Guest)> = names
        .iter()
        .map(String::as_str)
        .zip(guests.values())
        .collect();
    plugins.push(("acme/books", &books));
    let rig = Rig::start(tight(), &plugins).await?;

    for _ in 0..3 {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    let settled = |events: &[Event]| {
        events.len() == 3 && events.iter().all(|event| event.plugins.iter().all(is_over))
    };
    let events = rig
        .host
        .wait_for_events("every attempt to have been made", settled)
        .await?;
    for event in &events {
        assert!(event.is_done_by("books"));
        for (name, state, attempts, outcome) in expected {
            let job = event
                .job(name)
                .with_context(|| format!("no job for {name}"))?;
            let last = job.last_outcome.as_deref().unwrap_or_default();
            assert_eq!(
                (job.state.as_str(), job.attempts),
                (state, attempts),
                "{name}: {last}"
            );
            assert!(last.starts_with(outcome), "{name}: {last}");
            assert!(
                last.len() < 8_192,
                "{name}: an outcome of {} bytes",
                last.len()
            );
        }
        let lines = rig.guest_lines(event).await?.len();
        assert!((10..1_000).contains(&lines), "a flood of {lines} lines");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unloadable_component_is_refused_in_one_line() -> Result<()> {
    let books = guests::reference("topper")?;
    let rig = Rig::start(quick(), &[("acme/books", &books)]).await?;
    let bad = [
        ("nothing", guests::test("exports-nothing")?, "handler"),
        (
            "order",
            guests::test("imports-never-granted")?,
            "acme:never/granted",
        ),
        (
            "garbage",
            Guest::from(b"MZ, or what else people drop".to_vec()),
            "component",
        ),
    ];
    for (name, guest, words) in &bad {
        let (plugin, mark) = (format!("acme/{name}"), rig.host.log().mark());
        rig.site.install(&plugin, guest)?;
        let why = rig
            .host
            .wait_for_log_since(mark, &format!("a line about {name}"), |line| {
                is_rejection(line, &plugin)
            })
            .await?;
        assert!(why.text.contains(words), "{name}: {}", why.text);
    }
    rig.deliver("topper", &fresh_payment().1).await?;
    let events = rig.all_done(1).await?;
    assert_eq!(
        events[0].plugins.len(),
        1,
        "only loaded plugins receive events: {:?}",
        events[0].plugins
    );
    Ok(())
}

/// Standard libraries import sockets even if a program does not use them, so the import alone must
/// not refuse a plugin.
#[tokio::test(flavor = "multi_thread")]
async fn guest_sockets_reach_nobody() -> Result<()> {
    let sockets = guests::test("imports-sockets")?;
    let rig = Rig::start(quick(), &[("acme/sockets", &sockets)]).await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    let events = rig.all_done(1).await?;
    let written: Vec<String> = rig
        .guest_lines(&events[0])
        .await?
        .iter()
        .map(|line| line.guest_text())
        .collect();
    let [only] = written.as_slice() else {
        panic!("one line was expected: {written:#?}")
    };
    // Nothing listens at this address, but the guest can learn that only by connecting.
    assert!(
        only.starts_with("not connected") && !only.contains("refused"),
        "{only}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_plugin_delays_no_other() -> Result<()> {
    let (slow, books) = (guests::test("loop-forever")?, guests::reference("topper")?);
    let config = quick().section(
        "plugins.limits",
        "cpu_max = \"2s\"\nwall_max = \"4s\"\nconcurrency = 2",
    );
    let rig = Rig::start(config, &[("acme/slow", &slow), ("acme/books", &books)]).await?;
    for _ in 0..20 {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    let done = |events: &[Event]| {
        events.len() == 20 && events.iter().all(|event| event.is_done_by("books"))
    };
    let events = rig
        .host
        .wait_for_events("the good plugin to be through", done)
        .await?;
    let open = events
        .iter()
        .filter(|event| event.job("slow").is_some_and(|job| !is_over(job)))
        .count();
    assert!(
        open > 10,
        "the good plugin waited for the slow one: only {open} events of the slow plugin are still open"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_reason_is_last_stderr_output() -> Result<()> {
    let (panics, words) = (guests::test("trap")?, guests::test("last-words")?);
    let rig = Rig::start(quick(), &[("acme/panics", &panics), ("acme/words", &words)]).await?;
    let expected = [
        (
            "step one|panic: no order 7||goroutine 1 [running]:|main.answer(...)|exit status 2",
            "no order 7",
        ),
        (
            "Traceback (most recent call last):|  File 'app.py', line 3, in handle|KeyError: 'id'",
            "KeyError: 'id'",
        ),
        (
            "Error: no order|Stack:|  answer@plugin.js:3:9|Redirecting call to abort() to mozalloc_abort",
            "Error: no order",
        ),
    ];
    for (written, _) in expected {
        rig.deliver(
            "topper",
            &fresh_payment()
                .1
                .replacen('{', &format!("{{\"stderr\":\"{written}\","), 1),
        )
        .await?;
    }

    let settled = |events: &[Event]| {
        events.len() == 3 && events.iter().all(|event| event.plugins.iter().all(is_over))
    };
    let events = rig
        .host
        .wait_for_events("every attempt to have been made", settled)
        .await?;
    let outcome =
        |event: &Event, plugin: &str| event.job(plugin).and_then(|job| job.last_outcome.clone());
    for (_, reason) in expected {
        let expected = format!("trapped: {reason} (wasm `unreachable` instruction executed");
        let is_reported = |event: &Event| {
            outcome(event, "words").is_some_and(|outcome| outcome.starts_with(&expected))
        };
        assert!(events.iter().any(is_reported), "{expected} in {events:?}");
        let is_logged =
            |line: &Line| is_attempt(line) && line.text_of("detail").starts_with(&expected);
        assert!(rig.host.lines().await?.iter().any(is_logged), "{expected}");
    }
    for event in &events {
        let outcome = outcome(event, "panics").unwrap_or_default();
        assert!(
            outcome.starts_with(
                "trapped: book without a title (wasm `unreachable` instruction executed"
            ),
            "{outcome}"
        );
        let shown = stdout_of(&rig.site, &["events", "show", &event.id]).await?;
        assert!(shown.contains(&outcome), "{shown}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_characters_of_guests_are_escaped() -> Result<()> {
    let words = guests::test("last-words")?;
    let rig = Rig::start(quick(), &[("acme/words", &words)]).await?;
    let hidden = [
        '\u{200b}',
        '\u{202e}',
        '\u{2066}',
        '\u{feff}',
        '\u{2028}',
        '\u{e0041}',
        '\u{3164}',
    ];
    let line = |c: &char| format!("{c}hookyard: all is well|hook{c}yard: all is well");
    let written = hidden.iter().map(line).collect::<Vec<_>>().join("|");
    rig.deliver(
        "topper",
        &fresh_payment()
            .1
            .replacen('{', &format!("{{\"stderr\":\"{written}\","), 1),
    )
    .await?;

    let settled = |events: &[Event]| {
        events.len() == 1 && events.iter().all(|event| event.plugins.iter().all(is_over))
    };
    let events = rig
        .host
        .wait_for_events("every attempt to have been made", settled)
        .await?;
    let lines: Vec<_> = rig
        .guest_lines(&events[0])
        .await?
        .iter()
        .map(Line::guest_text)
        .collect();
    for (c, said) in hidden.iter().zip(lines.chunks(2)) {
        let code = c.escape_unicode();
        assert_eq!(
            said,
            [
                format!("> {code}hookyard: all is well"),
                format!("hook{code}yard: all is well")
            ]
        );
    }

    let has_none = |text: &str| !text.contains(hidden);
    assert!(
        rig.host
            .log()
            .lines()
            .iter()
            .all(|line| has_none(&line.text))
    );
    for arguments in [
        &["events", "show", &events[0].id][..],
        &["events", "list"],
        &["events", "list", "--json"],
    ] {
        let shown = stdout_of(&rig.site, arguments).await?;
        assert!(
            has_none(&shown),
            "{arguments:?}: {}",
            shown.escape_unicode()
        );
    }
    Ok(())
}
