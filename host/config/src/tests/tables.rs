//! The tables with policies: retries, quarantine, retention, ordering and concurrency.

use std::time::Duration;

use hookyard_model::{QuarantinePolicy, RetryPolicy};

use super::support::{Folder, check, source};
use crate::settings::Quarantine;

const SECOND: Duration = Duration::from_secs(1);

/// Returns the retries of the host and of a source.
fn retries(host: &str, own: &str) -> [RetryPolicy; 2] {
    let source = source(&format!(
        "provider = \"topi\"\nscheme = \"unverified\"\nretry = {{ {own} }}"
    ));
    let settings = Folder::new().settings(&format!("[retry]\n{host}\n{source}"));
    let own = settings
        .sources
        .into_values()
        .next()
        .expect("a source")
        .retry;
    [settings.retry, own]
}

#[test]
fn schedule_and_backoff_exclude_each_other() {
    let schedule = |policy: &RetryPolicy| policy.schedule.as_deref().map(<[Duration]>::to_vec);
    let [host, own] = retries(r#"schedule = ["5s", "1m"]"#, "");
    assert_eq!(schedule(&host), Some(vec![5 * SECOND, 60 * SECOND]));
    assert_eq!(
        (host.attempts_max, &own),
        (3, &host),
        "one more than there are delays"
    );
    let [_, own] = retries(r#"schedule = ["5s", "1m"]"#, "attempts_max = 9");
    assert_eq!(
        (own.attempts_max, schedule(&own).map(|delays| delays.len())),
        (9, Some(2))
    );
    let [_, own] = retries(r#"schedule = ["5s", "1m"]"#, r#"delay_first = "1s""#);
    assert_eq!((schedule(&own), own.delay_first), (None, SECOND));
    let [host, own] = retries(
        r#"deadline = "3d""#,
        r#"schedule = ["1s"], deadline = "1h""#,
    );
    assert_eq!(
        (host.schedule, host.deadline),
        (None, Some(3 * 24 * 3600 * SECOND))
    );
    assert_eq!(
        (schedule(&own), own.attempts_max, own.deadline),
        (Some(vec![SECOND]), 2, Some(3600 * SECOND))
    );
}

#[test]
fn empty_or_ambiguous_schedule_is_refused() {
    let at = "hookyard.toml:2: retry.schedule";
    check(
        "[retry]\nschedule = []",
        &format!("{at}: contains no delay; add at least one, or remove the key"),
    );
    check(
        "[retry]\nschedule = [\"5s\", \"soon\"]",
        &format!(
            "{at}[1]: must be a duration above zero in quotes, such as \"200ms\", \"30s\", \"5m\" or \"6h\", not \"soon\""
        ),
    );
    check(
        "[retry]\nschedule = [\"5s\"]\ndelay_first = \"1s\"",
        "hookyard.toml:1: retry: has both schedule and delay_first; remove one of them, because a schedule lists every delay",
    );
}

#[test]
fn quarantine_can_be_disabled() {
    let read = |lines: &str| {
        Folder::new()
            .settings(&format!("[quarantine]\n{lines}"))
            .quarantine
    };
    assert_eq!(read("").policy(), Some(QuarantinePolicy::default()));
    let Quarantine { policy: tuned, .. } = read("rate = \"90%\"\nwindow = \"1m\"\nevents_min = 3");
    assert_eq!(
        (tuned.rate, tuned.window, tuned.events_min),
        (0.9, 60 * SECOND, 3)
    );
    assert_eq!(read("enabled = false\nrate = \"90%\"").policy(), None);
    for wrong in ["\"0%\"", "\"101%\"", "\"half\"", "\"50\""] {
        let expected =
            "hookyard.toml:2: quarantine.rate: must be a share from \"1%\" to \"100%\", in quotes";
        check(&format!("[quarantine]\nrate = {wrong}"), expected);
    }
}

#[test]
fn source_ordering_and_dedupe_window_are_read() {
    let read = |host: &str, lines: &str| {
        let source = source(&format!(
            "provider = \"topi\"\nscheme = \"unverified\"\n{lines}"
        ));
        let settings = Folder::new().settings(&format!("{host}\n{source}"));
        let source = settings.sources.into_values().next().expect("a source");
        (
            source.ordering.map(|pointer| pointer.to_string()),
            source.dedupe_window,
        )
    };
    assert_eq!(read("", ""), (None, 30 * 24 * 3600 * SECOND));
    let window = "[store]\ndedupe_window = \"2m\"";
    assert_eq!(
        read(window, "ordering = \"/object_id\""),
        (Some("/object_id".into()), 120 * SECOND)
    );
    assert_eq!(read(window, "dedupe_window = \"1s\""), (None, SECOND));
    let at = "hookyard.toml:3: tenants.acme.sources.x.ordering: ";
    let ordering = |pointer: &str| {
        source(&format!(
            "provider = \"topi\"\nordering = \"{pointer}\"\nscheme = \"unverified\""
        ))
    };
    check(
        &ordering("object_id"),
        &(at.to_owned()
            + "`object_id` is not a JSON pointer; start with `/`, and write `~1` for `/` and `~0` for `~` within a name"),
    );
    check(
        &ordering(""),
        &(at.to_owned()
            + "refers to the whole event; name the field that identifies the object of the event, such as \"/object_id\""),
    );
}

#[test]
fn tenant_concurrency_leaves_room_for_others() {
    let read = |lines: &str| {
        Folder::new()
            .settings(&format!("[dispatch]\n{lines}"))
            .dispatch
    };
    assert_eq!(read("").tenant_concurrency_max, 48);
    assert_eq!(read("concurrency_max = 1").tenant_concurrency_max, 1);
    assert_eq!(read("tenant_concurrency_max = 7").tenant_concurrency_max, 7);
}

#[test]
fn tenant_retention_overrides_the_host() {
    let folder = Folder::new();
    let settings = folder.settings(
        "[retention]\nage_max = \"90d\"\nbytes_max = \"1GiB\"\nevery = \"5m\"\nunrouted_max_age = \"30d\"\n\
         [tenants.acme.retention]\nage_max = \"7d\"\nunrouted_max_age = \"1d\"\n\
         [tenants.umbrella.retention]\nage_max = \"unlimited\"\nbytes_max = \"unlimited\"\n\
         [tenants.wayne.sources]",
    );
    let day = Duration::from_secs(86_400);
    let limits_of = |tenant: &str| {
        let limits = settings
            .retention
            .limits
            .limits_of(&tenant.parse().expect("a name"));
        (limits.age_max, limits.bytes_max)
    };
    let unrouted_of = |tenant: &str| {
        settings
            .retention
            .limits
            .limits_of(&tenant.parse().expect("a name"))
            .unrouted_max_age
    };
    assert_eq!(
        (unrouted_of("acme"), unrouted_of("umbrella")),
        (Some(day), Some(30 * day))
    );
    assert_eq!(
        limits_of("acme"),
        (Some(7 * day), Some(1 << 30)),
        "inherited from the host"
    );
    assert_eq!(limits_of("umbrella"), (None, None));
    assert_eq!(limits_of("wayne"), (Some(90 * day), Some(1 << 30)));
    assert_eq!(settings.retention.every, Duration::from_secs(300));
    let unlimited = folder.settings("").retention.limits;
    assert_eq!(
        unlimited,
        hookyard_store::Retention::default(),
        "nothing is removed by default"
    );
    check(
        "[tenants.acme.retention]\nage = \"7d\"",
        "hookyard.toml:2: tenants.acme.retention.age: unknown key; did you mean `age_max`?",
    );
}
