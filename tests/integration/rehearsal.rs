//! Rehearsals with fixtures and stored events, by the host before a release and by hand.

use anyhow::{Context, Result};
use hookyard_testkit::events::{is_activation, is_attempt, is_rejection, is_removal};
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::host::Finished;
use hookyard_testkit::log::Line;
use hookyard_testkit::mirror::Mirror;
use hookyard_testkit::senders::Senders;
use hookyard_testkit::site::{Config, Site};
use hookyard_testkit::workspace;
use serde_json::{Value, json};

use crate::rig::{Rig, fresh_payment, hookyard, quick_with_audit, stdout_of};

const PLUGIN: &str = "acme/books";

fn strict() -> Config {
    quick_with_audit().section("rehearsal", "policy = \"require\"")
}

/// Writes a fixture of the plugin: an event and its expected result.
fn fixture(site: &Site, name: &str, rest: &Value) -> Result<()> {
    let mut fixture = json!({ "event": { "provider": "topper", "body": { "id": "one", "name": "user:created" } } });
    let members = fixture
        .as_object_mut()
        .context("the fixture is not an object")?;
    members.extend(rest.as_object().cloned().unwrap_or_default());
    site.write(
        &format!("plugins/{PLUGIN}.fixtures/{name}.json"),
        fixture.to_string(),
    )
    .map(drop)
}

fn settings(site: &Site, text: &str) -> Result<()> {
    site.write(&format!("plugins/{PLUGIN}.toml"), text)
        .map(drop)
}

/// Drops a guest and waits until it is refused. Returns the reason and the state of the plugin.
async fn refused(rig: &Rig, guest: &Guest) -> Result<(String, Value)> {
    let mark = rig.host.log().mark();
    rig.site.install(PLUGIN, guest)?;
    let line = rig
        .host
        .wait_for_log_since(mark, "the plugin to be refused", |line| {
            is_rejection(line, PLUGIN)
        })
        .await?;
    Ok((line.text_of("reason"), shown(rig).await?))
}

async fn active(rig: &Rig, mark: usize, guest: &Guest) -> Result<Line> {
    let is_active = |line: &Line| is_activation(line, PLUGIN, &guest.revision());
    rig.host
        .wait_for_log_since(mark, "the plugin to be active", is_active)
        .await
}

/// Drops a guest and waits until it is active.
async fn taken(rig: &Rig, guest: &Guest) -> Result<Value> {
    let mark = rig.host.log().mark();
    rig.site.install(PLUGIN, guest)?;
    active(rig, mark, guest).await?;
    shown(rig).await
}

async fn shown(rig: &Rig) -> Result<Value> {
    Ok(serde_json::from_str(
        &stdout_of(&rig.site, &["plugins", "show", PLUGIN, "--json"]).await?,
    )?)
}

/// Returns the last report and its step.
fn report(shown: &Value) -> (String, String) {
    let steps = shown["steps"].as_array().into_iter().flatten().rev();
    let step = steps
        .into_iter()
        .find(|step| step["report"].is_string())
        .cloned()
        .unwrap_or_default();
    let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
    (text("step"), text("report"))
}

async fn handle(rig: &Rig, count: usize) -> Result<()> {
    let before = rig.host.events().await?.len();
    for _ in 0..count {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    rig.all_done(before + count).await.map(drop)
}

fn is_rehearsed(line: &Line) -> bool {
    line.message() == "plugin rehearsed"
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_fixture_refuses_release() -> Result<()> {
    let (good, bad) = (guests::test("version-a")?, guests::test("reject")?);
    let prepare = |site: &mut Site| {
        fixture(
            site,
            "an-account",
            &json!({ "expect": { "outcome": "done" } }),
        )
    };
    let rig = Rig::prepared(strict(), &[(PLUGIN, &good)], prepare).await?;
    let (step, text) = report(&shown(&rig).await?);
    assert_eq!(step, "rehearsed");
    assert!(text.contains("ok    an-account"), "{text}");

    let (why, plugin) = refused(&rig, &bad).await?;
    assert!(
        why.starts_with(
            "rehearsal: 1 of 1 fixture not as expected; `hookyard plugins show acme/books`"
        ),
        "{why}"
    );
    assert_eq!(plugin["revision"], good.revision());
    let (step, text) = report(&plugin);
    assert_eq!(step, "refused");
    assert!(
        text.contains("the outcome is `rejected: not for me`, but done is expected"),
        "{text}"
    );
    handle(&rig, 1).await?;

    // The file stays refused after a restart, and the active revision is not rehearsed again.
    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.kill().await?;
    let rig = Rig::restarted(site, senders).await?;
    rig.host
        .wait_for_log("the plugin to be refused again", |line| {
            is_rejection(line, PLUGIN)
        })
        .await?;
    let (_, text) = report(&shown(&rig).await?);
    assert!(
        text.contains(&format!("compared with {}", &good.revision()[..12])),
        "{text}"
    );
    rig.host.wait_for_revision(PLUGIN, &good.revision()).await?;
    handle(&rig, 1).await?;
    assert!(
        !rig.host.lines().await?.iter().any(is_rehearsed),
        "the revision served before"
    );

    // Unless the operator sets the policy to `warn`.
    let mark = rig.host.log().mark();
    settings(&rig.site, "[rehearsal]\npolicy = \"warn\"")?;
    active(&rig, mark, &bad).await?;
    let is_warning = |line: &Line| {
        line.level() == "WARN" && line.message().starts_with("rehearsal has findings")
    };
    let warned = rig.host.wait_for_log("a warning", is_warning).await?;
    let summary = "1 of 1 fixture not as expected; stored events, compared with ";
    let reason = warned.text_of("reason");
    assert!(
        reason.starts_with(summary) && reason.ends_with(": 2 of 2 with a different outcome"),
        "{reason}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_changes_are_rehearsed_after_restart() -> Result<()> {
    let (good, bad) = (guests::test("version-a")?, guests::test("reject")?);
    let prepare = |site: &mut Site| fixture(site, "an-account", &json!({}));
    let rig = Rig::prepared(strict(), &[(PLUGIN, &good)], prepare).await?;
    refused(&rig, &bad).await?;
    let mark = rig.host.log().mark();
    fixture(
        &rig.site,
        "an-account",
        &json!({ "expect": { "outcome": "rejected", "reason": "not for me" } }),
    )?;
    active(&rig, mark, &bad).await?;

    // The fixtures of the active revision are checked too, without any effect.
    let mark = rig.host.log().mark();
    fixture(&rig.site, "another", &json!({ "expects": {} }))?;
    let is_reported =
        |line: &Line| line.level() == "WARN" && line.message().starts_with("fixtures changed");
    let line = rig
        .host
        .wait_for_log_since(mark, "the fixture to be reported", is_reported)
        .await?;
    let fault = "another.json: $.expects: unknown key `expects`; did you mean `expect`?";
    assert!(line.text_of("report").contains(fault), "{}", line.text);

    // Partial and hidden files are ignored.
    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.terminate().await?;
    site.write(&format!("plugins/{PLUGIN}.fixtures/.hidden.json"), "{")?;
    site.write(&format!("plugins/{PLUGIN}.fixtures/partial.json.tmp"), "{")?;
    let rig = Rig::restarted(site, senders).await?;
    rig.host.wait_for_revision(PLUGIN, &bad.revision()).await?;
    rig.host
        .wait_for_log("the start to be over", |line| {
            line.message() == "plugins ready"
        })
        .await?;
    let is_of_rehearsal = |line: &Line| is_rehearsed(line) || is_reported(line);
    assert!(
        !rig.host.lines().await?.iter().any(is_of_rehearsal),
        "nothing changed"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rehearsal_finds_failures_and_changed_effects() -> Result<()> {
    let (counter, silent, trap) = (
        guests::test("counter")?,
        guests::test("counter-by-hand")?,
        guests::test("trap")?,
    );
    let rig = Rig::start(quick_with_audit(), &[(PLUGIN, &counter)]).await?;
    handle(&rig, 3).await?;
    let plugin = taken(&rig, &counter.tagged("the same")).await?;
    let (step, text) = report(&plugin);
    assert_eq!(step, "rehearsed");
    let compared = format!("compared with {}", &counter.revision()[..12]);
    assert!(
        text.contains(&compared) && text.contains("ok    nothing found"),
        "{text}"
    );

    let (_, text) = report(&taken(&rig, &silent).await?);
    assert!(
        text.contains("3 events: sends 0 messages instead of 1"),
        "{text}"
    );

    settings(&rig.site, "[rehearsal]\npolicy = \"require\"\nevents = 2")?;
    let (why, plugin) = refused(&rig, &trap).await?;
    assert!(
        why.contains(": 2 of 2 with a new fault; `hookyard plugins show"),
        "{why}"
    );
    let (_, text) = report(&plugin);
    assert!(text.contains("2 events: trapped instead of done"), "{text}");
    let ids: Vec<_> = rig
        .host
        .events()
        .await?
        .into_iter()
        .map(|event| event.id)
        .collect();
    assert!(
        !text.contains(&ids[0]) && text.contains(&ids[1]) && text.contains(&ids[2]),
        "the last two: {text}"
    );

    // The rehearsal counted, committed, sent and recorded nothing.
    let log = rig.host.lines().await?;
    assert_eq!(log.iter().filter(|line| is_attempt(line)).count(), 3);
    handle(&rig, 1).await?;
    let count = rig.host.events().await?.len();
    let value = hookyard(&rig.site, &["outbox", "list", "--json"])
        .await?
        .stdout
        .lines()
        .count();
    assert_eq!((count, value), (4, 3));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rehearsal_fixes_time_and_randomness() -> Result<()> {
    let dice = guests::test("dice")?;
    let rig = Rig::start(strict(), &[(PLUGIN, &dice)]).await?;
    handle(&rig, 3).await?;
    let (step, text) = report(&taken(&rig, &dice.tagged("the same")).await?);
    assert_eq!(step, "rehearsed");
    assert!(
        text.contains("ok    nothing found")
            && !text.contains("two runs of the active revision differ"),
        "{text}"
    );

    // The monotonic clock is real.
    rig.deliver(
        "topper",
        &fresh_payment().1.replacen('{', "{\"ticks\":true,", 1),
    )
    .await?;
    rig.all_done(4).await?;
    let (step, text) = report(&taken(&rig, &dice.tagged("once more")).await?);
    assert_eq!(step, "rehearsed");
    assert!(
        text.contains("note  1 event: two runs of the active revision differ"),
        "{text}"
    );
    assert!(text.contains("ok    nothing found"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rehearsal_answers_requests_from_stubs() -> Result<()> {
    let fetcher = guests::test("fetcher")?;
    let event = |url: &str| {
        let body = json!({ "id": "one", "name": "user:created", "fetch": format!("GET {url}") });
        json!({ "provider": "topper", "body": body })
    };
    let stub = json!({ "url": "https://api.example/v1/x", "status": 201, "headers": { "x-a": "b" }, "body_text": "hello" });
    let prepare = |site: &mut Site| {
        settings(site, "[grants.http.\"api.example\"]\npaths = [\"/v1/\"]")?;
        let with = |url: &str, log: &str| json!({ "event": event(url), "http": [stub], "expect": { "log": [log] } });
        fixture(
            site,
            "answered",
            &with("https://api.example/v1/x", "201 x-a=b hello"),
        )?;
        fixture(
            site,
            "no-stub",
            &with("https://api.example/v1/y", "no stub answers this request"),
        )?;
        fixture(
            site,
            "not-granted",
            &with(
                "https://other.example/v1/x",
                "[grants.http.\"other.example\"]",
            ),
        )?;
        fixture(site, "wrong", &with("https://api.example/v1/x", "500"))
    };
    let rig = Rig::prepared(quick_with_audit(), &[(PLUGIN, &fetcher)], prepare).await?;
    let (_, text) = report(&shown(&rig).await?);
    assert!(
        text.contains("  BAD   wrong\n        no log line contains `500`"),
        "{text}"
    );
    for good in ["answered", "no-stub", "not-granted"] {
        assert!(text.contains(&format!("ok    {good}\n")), "{text}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn component_can_contain_fixtures() -> Result<()> {
    let (good, guest) = (guests::test("version-a")?, guests::test("brings-fixtures")?);
    let rig = Rig::start(strict(), &[(PLUGIN, &good)]).await?;
    let (why, plugin) = refused(&rig, &guest).await?;
    assert!(
        why.starts_with("rehearsal: 1 of 2 fixtures not as expected"),
        "{why}"
    );
    let (_, text) = report(&plugin);
    assert!(text.contains("ok    counts on\n"), "{text}");
    assert!(
        text.contains(
            "  BAD   counts from nothing\n        counts/events is `1`, but `2` is expected"
        ),
        "{text}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rehearsal_policy_off_runs_nothing() -> Result<()> {
    let (good, bad) = (guests::test("version-a")?, guests::test("reject")?);
    let prepare = |site: &mut Site| {
        fixture(
            site,
            "an-account",
            &json!({ "expect": { "outcome": "done" } }),
        )
    };
    let off = quick_with_audit().section("rehearsal", "policy = \"off\"");
    let rig = Rig::prepared(off, &[(PLUGIN, &good)], prepare).await?;
    handle(&rig, 1).await?;
    let plugin = taken(&rig, &bad).await?;
    let steps: Vec<_> = plugin["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|step| step["step"].as_str())
        .collect();
    assert!(
        steps.contains(&"compiled") && steps.contains(&"active"),
        "{steps:?}"
    );
    assert!(!steps.contains(&"rehearsed"), "{steps:?}");
    assert!(!rig.host.lines().await?.iter().any(is_rehearsed));
    Ok(())
}

/// Starts a host with an active plugin and a slow candidate whose rehearsal takes some seconds.
async fn rehearsing(good: &Guest, slow: &Guest) -> Result<Rig> {
    let patient = quick_with_audit().section("rehearsal", "time_max = \"60s\"");
    let rig = Rig::start(patient, &[(PLUGIN, good)]).await?;
    handle(&rig, 60).await?;
    let mark = rig.host.log().mark();
    rig.site.install(PLUGIN, slow)?;
    let is_compiled = |line: &Line| line.message() == "plugin compiled";
    rig.host
        .wait_for_log_since(mark, "its rehearsal", is_compiled)
        .await?;
    Ok(rig)
}

fn is_ended_early(line: &Line) -> bool {
    line.message().starts_with("rehearsal ended early")
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_ends_rehearsal() -> Result<()> {
    let (good, slow) = (guests::test("version-a")?, guests::test("slow")?);
    let rig = rehearsing(&good, &slow).await?;
    let mark = rig.host.log().mark();
    rig.site.uninstall(PLUGIN)?;
    rig.host
        .wait_for_log_since(mark, "the plugin to be removed", |line| {
            is_removal(line, PLUGIN)
        })
        .await?;
    let lines = rig.host.lines().await?;
    assert!(
        lines.iter().any(is_ended_early) && !lines.iter().any(is_rehearsed),
        "the host does not wait for the rehearsal"
    );

    // The rehearsal has no later effect, and the next file is released as usual.
    let mark = rig.host.log().mark();
    rig.deliver("topper", &fresh_payment().1).await?;
    rig.site.install(PLUGIN, &good)?;
    active(&rig, mark, &good).await?;
    rig.all_done(61).await?;
    assert!(!rig.host.lines().await?.iter().any(|line| is_activation(
        line,
        PLUGIN,
        &slow.revision()
    )));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_file_ends_rehearsal() -> Result<()> {
    let (good, slow, next) = (
        guests::test("version-a")?,
        guests::test("slow")?,
        guests::test("version-b")?,
    );
    let rig = rehearsing(&good, &slow).await?;
    let mark = rig.host.log().mark();
    rig.site.install(PLUGIN, &next)?;
    active(&rig, mark, &next).await?;
    let lines = rig.host.lines().await?;
    assert!(
        lines.iter().any(is_ended_early),
        "the host does not wait for the rehearsal"
    );
    assert!(
        !lines
            .iter()
            .any(|line| is_activation(line, PLUGIN, &slow.revision()))
    );
    assert_eq!(
        lines.iter().filter(|line| is_rehearsed(line)).count(),
        1,
        "the next host rehearses the component"
    );
    Ok(())
}

/// The fixtures of a reference plugin, which are made from the provider's samples.
#[tokio::test(flavor = "multi_thread")]
async fn reference_plugin_passes_its_fixtures() -> Result<()> {
    let guest = guests::reference("topi-saas")?;
    let prepare = |site: &mut Site| {
        let folder = workspace::root().join("plugins/topi-saas/fixtures");
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            site.write(
                &format!("plugins/{PLUGIN}.fixtures/{name}"),
                std::fs::read(entry.path())?,
            )?;
        }
        Senders::let_answer(site, PLUGIN, "")
    };
    let rig = Rig::prepared(strict(), &[(PLUGIN, &guest)], prepare).await?;
    let (step, text) = report(&shown(&rig).await?);
    assert_eq!(step, "rehearsed");
    assert!(
        text.starts_with("fixtures: 3\n  ok") && !text.contains("BAD"),
        "{text}"
    );
    assert!(
        rig.senders.topi_saas_inbox.received().is_empty(),
        "nothing is sent"
    );
    Ok(())
}

/// Everything that a manual rehearsal could have changed.
async fn state(site: &Site) -> Result<[String; 3]> {
    let events = stdout_of(site, &["events", "list", "--json"]).await?;
    let outbox = stdout_of(site, &["outbox", "list", "--json"]).await?;
    Ok([
        events,
        outbox,
        stdout_of(site, &["plugins", "show", PLUGIN, "--json"]).await?,
    ])
}

async fn by_hand(site: &Site, guest: &Guest, more: &[&str]) -> Result<Finished> {
    let file = site.write("new/books.wasm", guest.bytes())?;
    let file = file.to_string_lossy();
    hookyard(
        site,
        &[&["rehearse", &file, "--tenant", "acme"], more].concat(),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn manual_rehearsal_changes_nothing() -> Result<()> {
    let (counter, trap) = (guests::test("counter")?, guests::test("trap")?);
    let rig = Rig::start(quick_with_audit(), &[(PLUGIN, &counter)]).await?;
    let done = by_hand(&rig.site, &trap, &[]).await?;
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert_eq!(
        done.stdout,
        "acme/books: nothing to rehearse with: no fixtures, and no stored events\n"
    );
    handle(&rig, 3).await?;

    let before = state(&rig.site).await?;
    let done = by_hand(&rig.site, &trap, &["--last", "2"]).await?;
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(
        done.stdout.contains("2 events: trapped instead of done"),
        "{}",
        done.stdout
    );
    let done = by_hand(&rig.site, &counter.tagged("the same"), &["--json"]).await?;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let report: Value = serde_json::from_str(&done.stdout)?;
    assert_eq!(
        (&report["is_good"], &report["events"]),
        (&json!(true), &json!(3)),
        "{report}"
    );
    assert_eq!(report["active"], counter.revision());
    let done = by_hand(&rig.site, &counter, &["--time-max", "1ms"]).await?;
    assert!(
        done.stdout
            .contains(" of 3 events: time_max (1ms) has passed"),
        "{}",
        done.stdout
    );
    let done = by_hand(&rig.site, &counter, &["--last", "10001"]).await?;
    assert!(
        done.code == Some(2) && done.stderr.contains("no more than 10000"),
        "{}",
        done.stderr
    );
    let done = by_hand(&rig.site, &counter, &["--plugin", "un!known"]).await?;
    assert_eq!(done.code, Some(2), "{}", done.stdout);
    assert_eq!(state(&rig.site).await?, before);
    assert_eq!(
        rig.host
            .lines()
            .await?
            .iter()
            .filter(|line| is_attempt(line))
            .count(),
        3
    );

    // Without a host, and with fixtures next to the component.
    let Rig { host, site, .. } = rig;
    host.terminate().await?;
    let before = state(&site).await?;
    site.write(
        "new/books.fixtures/an-account.json",
        r#"{"event": {"provider": "topper", "body": {"id": 1}}}"#,
    )?;
    let done = by_hand(&site, &trap, &[]).await?;
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(
        done.stdout.contains("BAD   an-account") && done.stdout.contains("3 events: trapped"),
        "{}",
        done.stdout
    );
    assert_eq!(state(&site).await?, before);
    let done = by_hand(&site, &guests::test("imports-never-granted")?, &[]).await?;
    assert!(
        done.code == Some(1) && done.stderr.contains("would be refused"),
        "{}",
        done.stderr
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_answer_gives_no_finding() -> Result<()> {
    let (mirror, fetcher, silent) = (
        Mirror::start().await?,
        guests::test("fetcher")?,
        guests::test("version-a")?,
    );
    let grant = format!(
        "[grants.http.\"{}\"]\nscheme = \"http\"\naddresses = [\"127.0.0.1\"]\n",
        mirror.authority()
    );
    let rig = Rig::prepared(strict(), &[(PLUGIN, &fetcher)], |site| {
        site.write("plugins/acme/other.toml", &grant)?;
        settings(site, &grant)
    })
    .await?;
    for _ in 0..3 {
        let more = format!(
            "{{\"must\":\"\",\"fetch\":\"GET {}/v1/plain\",",
            mirror.url()
        );
        rig.deliver("topper", &fresh_payment().1.replacen('{', &more, 1))
            .await?;
    }
    rig.all_done(3).await?;

    // The active revision traps without the answer, so this is not a finding, even under the policy
    // `require`.
    let (step, text) = report(&taken(&rig, &silent).await?);
    assert_eq!(step, "rehearsed");
    assert!(
        text.contains("  note  3 events could not be rehearsed") && !text.contains("BAD"),
        "{text}"
    );
    let summary = rig
        .host
        .wait_for_log("the rehearsal", is_rehearsed)
        .await?
        .text_of("reason");
    assert!(
        summary.contains("3 stored events could not be rehearsed"),
        "{summary}"
    );

    // Alone, the revision traps at each event, and this is not a finding either.
    let file = rig.site.write("new/other.wasm", fetcher.bytes())?;
    let done = hookyard(
        &rig.site,
        &["rehearse", &file.to_string_lossy(), "--tenant", "acme"],
    )
    .await?;
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(
        done.stdout
            .contains(": 3 stored events could not be rehearsed: a rehearsal sends no requests"),
        "{}",
        done.stdout
    );
    assert_eq!(mirror.asked().len(), 3, "no rehearsal makes a request");

    // Differences at events without requests still count.
    rig.deliver("topper", &fresh_payment().1).await?;
    rig.all_done(4).await?;
    let (why, _) = refused(&rig, &guests::test("trap")?).await?;
    assert!(why.contains("4 of 4 with a new fault"), "{why}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rehearsal_uses_recorded_answers() -> Result<()> {
    let (mirror, fetcher, asker) = (
        Mirror::start().await?,
        guests::test("fetcher")?,
        guests::test("asker")?,
    );
    let settings = |site: &Site, record: bool| {
        let lines = "scheme = \"http\"\naddresses = [\"127.0.0.1\"]\nauthorization = { env = \"API_TOKEN\" }";
        settings(
            site,
            &format!(
                "[grants.http.\"{}\"]\n{lines}\n[rehearsal]\nrecord = {record}",
                mirror.authority()
            ),
        )
    };
    let rig = Rig::prepared(strict(), &[(PLUGIN, &fetcher)], |site| {
        site.set_variable("API_TOKEN", "Bearer the-hosts-credential");
        settings(site, true)
    })
    .await?;
    let ask = async |path: &str| {
        let more = format!("{{\"must\":\"\",\"fetch\":\"GET {}{path}\",", mirror.url());
        rig.deliver("topper", &fresh_payment().1.replacen('{', &more, 1))
            .await
    };
    for path in ["/v1/plain", "/v1/moved", "/v1/echo"] {
        ask(path).await?;
    }
    rig.all_done(3).await?;

    // The same code with the same answers gives the same results.
    let again = fetcher.tagged("the same");
    let (step, text) = report(&taken(&rig, &again).await?);
    assert_eq!(step, "rehearsed");
    assert!(
        text.contains("ok    nothing found") && !text.contains("could not be rehearsed"),
        "{text}"
    );

    // Other code receives the recorded answers. Events without recorded answers give no result.
    let mark = rig.host.log().mark();
    settings(&rig.site, false)?;
    active(&rig, mark, &again).await?;
    ask("/v1/moved").await?;
    rig.all_done(4).await?;
    let (why, plugin) = refused(&rig, &asker).await?;
    assert!(
        why.contains(": 1 of 3 with a different outcome; 1 stored event could not be rehearsed"),
        "{why}"
    );
    let (_, text) = report(&plugin);
    assert!(text.contains("1 event: rejected instead of done"), "{text}");
    assert!(
        text.contains(&rig.host.events().await?[1].id),
        "that was the answer 302: {text}"
    );
    assert_eq!(mirror.asked().len(), 4, "no rehearsal makes a request");

    let Rig { host, site, .. } = rig;
    host.terminate().await?;
    let mut held = std::fs::read(site.path("data/hookyard.db"))?;
    held.extend(std::fs::read(site.path("data/hookyard.db-wal")).unwrap_or_default());
    let holds = |text: &[u8]| held.windows(text.len()).any(|at| at == text);
    assert!(
        holds(b"x-location") && holds(b"plain [redacted]"),
        "answers are on record"
    );
    assert!(!holds(b"the-hosts-credential"), "and no credential");
    Ok(())
}
