//! `cargo bench -p hookyard-store-sqlite --bench pages`: what the lists, searches and counts of
//! operators cost at a million events.
//!
//! The events are of 20 tenants with five sources and ten types each, and have bodies of 900 bytes.
//! Most jobs are done; some are dead, held, pending or waiting. Each row of the output is the median
//! and the longest of some calls, with the number of items found. `HOOKYARD_PAGES=100000` replaces
//! the million.
//!
//! On two busy processors (AMD EPYC, virtual), each page and count took at most 12 ms, and a search for
//! a text took 90 ms, after which its budget of 20,000 events was used up.

use std::path::Path;
use std::time::{Duration, Instant};

use hookyard_model::TenantName;
use hookyard_store::{Budget, Counts, EventPage, EventSelection, Search, Tenants};
use hookyard_store_sqlite::{Options, SqliteStore};
use rusqlite::Connection;

const EVENTS: u64 = 1_000_000;
/// The number of calls of each kind.
const CALLS: usize = 15;
/// The number of items of a page.
const PAGE: usize = 50;
/// The maximum of a count.
const COUNT: u64 = 10_000;

/// Fills the tables as the writer would, a hundred times as fast. `?1` is the number of events.
const EVENT_ROWS: &str = "
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
    INSERT INTO event (seq, id, tenant, source, provider, event_type, key, key_until, received_at,
      headers, body)
    SELECT n, unhex(printf('%032x', n)), 'tenant-' || (n % 20), 'source-' || (n / 20 % 5), 'topi',
      'type-' || (n / 100 % 10), 'key-' || n, 0, 1700000000000 + n * 100, x'', zeroblob(900)
    FROM number";
const JOB_ROWS: &str = "
    INSERT INTO job (event, plugin, tenant, state, due_at)
    SELECT seq, 'ship', tenant,
      CASE WHEN seq % 500 = 7 THEN 'dead' WHEN seq % 1000 = 8 THEN 'held'
           WHEN seq % 1000 = 9 THEN 'pending' WHEN seq % 1000 = 10 THEN 'waiting'
           ELSE 'done' END,
      CASE WHEN seq % 1000 = 10 THEN received_at + 1000 END
    FROM event";
const TOTAL_ROWS: &str = "
    INSERT INTO stored SELECT tenant, count(*), sum(length(body)) FROM event GROUP BY tenant";

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let events =
        std::env::var("HOOKYARD_PAGES").map_or(EVENTS, |text| text.parse().expect("a number"));
    let path = folder.path().join("pages.db");
    fill(&path, events);

    let store = SqliteStore::open(&path, Options::default()).expect("the store");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    println!(
        "{:<34} {:>10} {:>10} {:>8}",
        "", "median", "longest", "found"
    );
    for (name, selection, tenants) in searches() {
        measure(name, || {
            let page = EventPage::last(selection.clone(), PAGE);
            let search = store.search_events(page, &tenants, Budget::PAGE);
            let found = runtime.block_on(search).expect("a search");
            found.items.len() as u64
        });
    }
    for (name, tenants) in [
        ("jobs by state", Tenants::All),
        ("jobs of a tenant", tenant()),
    ] {
        measure(name, || {
            let counts = runtime.block_on(store.job_counts(&tenants, COUNT));
            counts.expect("the counts").dead.value
        });
    }
    measure("count of all events", || {
        let all = EventSelection::default();
        let count = store.count_events(all, &Tenants::All, COUNT, Budget::PAGE);
        runtime.block_on(count).expect("a count").value
    });
}

fn fill(path: &Path, events: u64) {
    drop(SqliteStore::open(path, Options::default()).expect("a new store"));

    let database = Connection::open(path).expect("the database");
    database.execute_batch("BEGIN").expect("a transaction");
    let events = i64::try_from(events).expect("a smaller number");
    database.execute(EVENT_ROWS, [events]).expect("events");
    database.execute(JOB_ROWS, []).expect("jobs");
    database.execute(TOTAL_ROWS, []).expect("totals");
    database.execute_batch("COMMIT").expect("a commit");
}

fn tenant() -> Tenants {
    Tenants::from("tenant-7".parse::<TenantName>().expect("a name"))
}

/// Returns the searches, each with its name and the tenants that may be found.
fn searches() -> Vec<(&'static str, EventSelection, Tenants)> {
    let all = EventSelection::default;
    let state = |name: &str| EventSelection {
        states: vec![name.to_owned()],
        ..all()
    };
    let text = |text: &str| EventSelection {
        text: Some(text.to_owned()),
        ..all()
    };
    let of_type = |name: &str| EventSelection {
        event_type: Some(name.to_owned()),
        ..all()
    };
    let of_source = EventSelection {
        source: Some("source-2".parse().expect("a name")),
        ..all()
    };
    let old = EventSelection {
        key: Some("key-1".to_owned()),
        ..all()
    };

    vec![
        ("newest", all(), Tenants::All),
        ("newest of a tenant", all(), tenant()),
        ("of a source", of_source.clone(), tenant()),
        ("of a source in all tenants", of_source, Tenants::All),
        ("of a type", of_type("type-4"), Tenants::All),
        ("of a type that nobody sends", of_type("none"), Tenants::All),
        ("dead", state("dead"), Tenants::All),
        ("dead of a tenant", state("dead"), tenant()),
        ("held", state("held"), Tenants::All),
        ("pending", state("pending"), Tenants::All),
        ("waiting", state("waiting"), Tenants::All),
        ("leased, which none is", state("leased"), Tenants::All),
        ("done", state("done"), Tenants::All),
        ("a text that no body has", text("needle"), Tenants::All),
        ("a key, by looking at every event", old, Tenants::All),
    ]
}

/// Prints what a call costs.
fn measure(name: &str, call: impl Fn() -> u64) {
    let mut found = 0;
    let mut times: Vec<Duration> = (0..CALLS)
        .map(|_| {
            let begun = Instant::now();
            found = call();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();

    let millis = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    let (median, longest) = (millis(times[CALLS / 2]), millis(times[CALLS - 1]));
    println!("{name:<34} {median:>10} {longest:>10} {found:>8}");
}
