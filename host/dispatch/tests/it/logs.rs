//! The log lines of an attempt.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hookyard_dispatch::{
    ActivePlugin, AttemptResult, Config, Dispatcher, Measures, RetryPolicies, RunError, Runner,
};
use hookyard_log_capture::Capture;
use hookyard_model::{Clock, LogLine, Outcome, Revision, Timestamp};
use hookyard_store::{ClaimedJob, EventPage, EventSelection, Events, Inbox, Routes, Routing};
use hookyard_store_testing::MemoryStore;

use crate::support::{LEASE, SECOND, event, orders, plugin};

const REVISION: Revision = Revision::from_sha256([0xab; 32]);

struct LoggingRunner;

#[async_trait]
impl Runner for LoggingRunner {
    fn active(&self) -> Vec<ActivePlugin> {
        vec![ActivePlugin {
            plugin: plugin("ship"),
            revision: REVISION,
            concurrency: 1,
        }]
    }

    async fn changed(&self) {
        std::future::pending().await
    }

    async fn run(&self, _: &ClaimedJob) -> Result<AttemptResult, RunError> {
        let line = |is_error, text: &str| LogLine {
            is_error,
            text: text.into(),
        };

        Ok(AttemptResult {
            revision: REVISION,
            duration: Duration::from_millis(12),
            outcome: Outcome::Rejected {
                reason: "no\nforged line".into(),
            },
            log: vec![
                line(false, "packed \u{1b}[2J\rthe box"),
                line(true, "out of tape"),
            ],
            effects: hookyard_model::Effects::default(),
            quota: hookyard_store::KvUsage {
                keys: u64::MAX,
                bytes: u64::MAX,
            },
            outbox: hookyard_store::OutboxQuota::default(),
            measures: Measures {
                decode: Duration::from_micros(11),
                instantiate: Duration::from_micros(22),
                run: Duration::from_millis(7),
                cpu: Duration::from_millis(3),
                memory_bytes: 65_536,
                host_calls: 5,
                host_bytes: 40,
            },
            host_calls: Vec::new(),
        })
    }
}

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_secs(1)
    }
}

/// Returns the log lines of one job that the plugin rejects.
async fn lines() -> Vec<String> {
    let log = Capture::start();
    let inbox = Arc::new(MemoryStore::new(Arc::new(FixedClock)));

    inbox
        .route(Routes([(orders(), [plugin("ship").name].into())].into()))
        .await
        .expect("a route");
    inbox
        .append(event(1, Timestamp::from_unix_secs(1)))
        .await
        .expect("an append");

    let dispatcher = Dispatcher::new(Config {
        gatherer: Arc::default(),
        inbox: Arc::clone(&inbox) as Arc<dyn Inbox>,
        runner: Arc::new(LoggingRunner),
        clock: Arc::new(FixedClock),
        jitter: Arc::new(|| 0.5),
        lease: LEASE,
        concurrency_max: 1,
        tenant_concurrency_max: 1,
        quarantine: None,
        release_guard: Arc::new(hookyard_dispatch::NoReleaseGuard),
        waits: Arc::new(hookyard_store::Waits::new(0)),
        shutdown_timeout: SECOND,
        policies: RetryPolicies::default(),
    });

    dispatcher
        .run(async {
            let page = EventPage::first(EventSelection::default(), 1);
            while inbox.events(page.clone()).await.expect("the events")[0].jobs[0]
                .state
                .name()
                != "dead"
            {
                tokio::time::sleep(SECOND).await;
            }
        })
        .await;
    log.take().lines().map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn attempt_logs_guest_lines_and_its_end() {
    let lines = lines().await;
    let [out, err, ended] = lines.as_slice() else {
        panic!("expected three lines: {lines:#?}")
    };
    let has = |line: &str, parts: &[&str]| {
        for part in parts {
            assert!(line.contains(part), "no {part} in {line}");
        }
    };
    let who = [
        "tenant=acme",
        "plugin=ship",
        "event=00000000-0000-0001-0000-000000000001",
        "attempt=1",
    ];

    for line in &lines {
        has(line, &who);
        assert!(!line.contains("a body that no log may show"), "{line}");
        assert!(!line.contains(['\u{1b}', '\r']), "{line:?}");
    }

    has(
        out,
        &["INFO hookyard::guest", "stream=\"stdout\"", "the box"],
    );
    has(
        err,
        &["INFO hookyard::guest", "stream=\"stderr\"", "out of tape"],
    );
    has(
        ended,
        &[
            "WARN hookyard::attempt",
            "source=orders",
            "revision=\"abababababab\"",
            "type=\"order.created\"",
            "outcome=\"rejected\"",
            "detail=\"rejected: no\\nforged line\"",
            "state=\"dead\"",
            "duration=12ms",
            "queue=0ns decode=11µs instantiate=22µs run=7ms cpu=3ms memory_bytes=65536 host_calls=5 host_bytes=40",
        ],
    );
}
