//! What is said of retries, quarantine, order and repeats.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// The host's retries and those of a source of acme's.
fn retries(host: &str, own: &str) -> [hookyard_model::RetryPolicy; 2] {
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
fn a_schedule_and_a_back_off_take_each_others_place() {
    let schedule =
        |policy: &hookyard_model::RetryPolicy| policy.schedule.as_deref().map(<[Duration]>::to_vec);
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
fn a_schedule_that_says_nothing_or_too_much_is_refused() {
    let at = "hookyard.toml:2: retry.schedule";
    check(
        "[retry]\nschedule = []",
        &format!("{at}: names no delay; name at least one, or remove it"),
    );
    check(
        "[retry]\nschedule = [\"5s\", \"soon\"]",
        &format!(
            "{at}[1]: must be a time above zero in quotes, such as \"200ms\", \"30s\", \"5m\" or \"6h\", not \"soon\""
        ),
    );
    check(
        "[retry]\nschedule = [\"5s\"]\ndelay_first = \"1s\"",
        "hookyard.toml:1: retry: has both schedule and delay_first; remove one of them, since a schedule says every delay",
    );
}

#[test]
fn quarantine_can_be_tuned_and_switched_off() {
    let read = |lines: &str| {
        Folder::new()
            .settings(&format!("[quarantine]\n{lines}"))
            .quarantine
    };
    assert_eq!(read(""), Some(hookyard_model::QuarantinePolicy::default()));
    let tuned = read("rate = \"90%\"\nwindow = \"1m\"\nevents_min = 3").expect("switched on");
    assert_eq!(
        (tuned.rate, tuned.window, tuned.events_min),
        (0.9, 60 * SECOND, 3)
    );
    assert_eq!(read("enabled = false\nrate = \"90%\""), None);
    for wrong in ["\"0%\"", "\"101%\"", "\"half\"", "\"50\""] {
        let expected =
            "hookyard.toml:2: quarantine.rate: must be a share from \"1%\" to \"100%\", in quotes";
        check(&format!("[quarantine]\nrate = {wrong}"), expected);
    }
}

#[test]
fn a_source_says_what_orders_its_events_and_how_long_a_key_lasts() {
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
            + "points at the whole event; name the field that says what the event is about, such as \"/object_id\""),
    );
}

#[test]
fn a_tenant_leaves_places_to_others() {
    let read = |lines: &str| {
        Folder::new()
            .settings(&format!("[dispatch]\n{lines}"))
            .dispatch
    };
    assert_eq!(read("").tenant_concurrency_max, 48);
    assert_eq!(read("concurrency_max = 1").tenant_concurrency_max, 1);
    assert_eq!(read("tenant_concurrency_max = 7").tenant_concurrency_max, 7);
}
