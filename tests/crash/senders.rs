//! Senders like those in production: they repeat a request until it is acknowledged.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use hookyard_testkit::http::Client;
use hookyard_testkit::load::fresh_payment;
use hookyard_testkit::senders::{Senders, path_of};
use tokio::task::JoinSet;

/// The time that a sender waits for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The pause after a request without an acknowledgement.
const PAUSE: Duration = Duration::from_millis(5);
/// The interval between acknowledged events that are sent again: 1 in this many events.
const REPEATED: u64 = 16;

/// The knowledge of the senders.
#[derive(Default)]
pub(crate) struct Sent {
    /// The keys of all sent events.
    pub(crate) keys: BTreeSet<String>,
    /// The keys of acknowledged events.
    pub(crate) acknowledged: BTreeSet<String>,
    /// The number of requests.
    pub(crate) requests: u64,
    /// Events that were sent and not acknowledged yet.
    waiting: VecDeque<(String, String)>,
}

impl Sent {
    fn next(&mut self, may_begin: bool) -> Option<(String, String)> {
        let next = self
            .waiting
            .pop_front()
            .or_else(|| may_begin.then(fresh_payment))?;
        self.keys.insert(next.0.clone());
        self.requests += 1;
        Some(next)
    }
}

/// The speed at which events are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The number of senders.
    pub(crate) clients: usize,
    /// The pause of a sender after each event.
    pub(crate) pause: Duration,
}

/// Several senders.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Result<()>>,
}

/// All senders, with or without a load.
pub(crate) struct Party {
    pub(crate) keys: Arc<Senders>,
    sent: Arc<Mutex<Sent>>,
}

impl Party {
    pub(crate) async fn new() -> Result<Self> {
        Ok(Self {
            keys: Arc::new(Senders::new().await?),
            sent: Arc::default(),
        })
    }

    pub(crate) fn sent(&self) -> MutexGuard<'_, Sent> {
        lock(&self.sent)
    }

    /// Sends new events, and repeats old ones, until stopped.
    pub(crate) fn load(&self, address: SocketAddr, pace: Pace) -> Load {
        self.send(address, pace, true)
    }

    /// Repeats unacknowledged events until all are acknowledged.
    pub(crate) async fn catch_up(&self, address: SocketAddr) -> Result<()> {
        let pace = Pace {
            clients: 4,
            pause: Duration::ZERO,
        };
        self.send(address, pace, false).ended().await
    }

    fn send(&self, address: SocketAddr, pace: Pace, may_begin: bool) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..pace.clients {
            let client = Client::http1();
            let (keys, sent, stop) = (
                Arc::clone(&self.keys),
                Arc::clone(&self.sent),
                Arc::clone(&stop),
            );
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let Some((key, body)) = lock(&sent).next(may_begin) else {
                        break;
                    };
                    deliver(&keys, &client, address, &sent, key, body).await?;
                    tokio::time::sleep(pace.pause).await;
                }
                Ok(())
            });
        }
        Load { stop, tasks }
    }
}

async fn deliver(
    keys: &Senders,
    client: &Client,
    to: SocketAddr,
    sent: &Mutex<Sent>,
    key: String,
    body: String,
) -> Result<()> {
    let webhook = keys.topper.sign(body.clone());
    let path = path_of("topper");
    let answer = tokio::time::timeout(ANSWER_MAX, client.post(to, &path, &webhook)).await;
    match answer {
        Ok(Ok(answer)) if answer.is_accepted() => {
            let is_repeated = {
                let mut sent = lock(sent);
                sent.acknowledged.insert(key);
                sent.requests.is_multiple_of(REPEATED)
            };
            if is_repeated {
                lock(sent).requests += 1;
                // The answer does not matter, because the event is already acknowledged.
                let _ = tokio::time::timeout(ANSWER_MAX, client.post(to, &path, &webhook)).await;
            }
            return Ok(());
        }
        Ok(Ok(answer)) if answer.status == 503 => {}
        Ok(Ok(answer)) => bail!("a webhook was answered {} {}", answer.status, answer.text()),
        // No answer: the host has crashed.
        Ok(Err(_)) | Err(_) => {}
    }
    lock(sent).waiting.push_back((key, body));
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

impl Load {
    /// Lets each sender finish its request.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.ended().await
    }

    async fn ended(mut self) -> Result<()> {
        while let Some(task) = self.tasks.join_next().await {
            task??;
        }
        Ok(())
    }
}

fn lock(sent: &Mutex<Sent>) -> MutexGuard<'_, Sent> {
    sent.lock().unwrap_or_else(PoisonError::into_inner)
}
