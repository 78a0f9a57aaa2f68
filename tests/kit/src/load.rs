//! A steady load: several clients send signed Topper events until they are stopped.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::http::Client;
use crate::samples::{self, Sample};
use crate::senders::{Senders, path_of};

/// Returns a Topper event like the sample, with a new id.
pub fn fresh_payment() -> (String, String) {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    let read = || {
        samples::one("topper", "crypto-onramp-completed").expect("the sample is in the repository")
    };
    let id = Uuid::new_v4().to_string();
    (id.clone(), SAMPLE.get_or_init(read).with("/id", id))
}

/// Clients that send until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Sent>>,
}

/// The result of a load.
#[derive(Debug, Default)]
pub struct Sent {
    /// The keys of all acknowledged events.
    pub accepted: BTreeSet<String>,
    /// All other answers.
    pub refused: Vec<String>,
    /// Requests without an answer.
    pub unanswered: usize,
}

impl Load {
    /// Starts several clients that each send a Topper event every `pause`.
    pub fn start(
        senders: &Arc<Senders>,
        address: SocketAddr,
        clients: usize,
        pause: Duration,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let task = |_| {
            let (stop, senders, client) = (Arc::clone(&stop), Arc::clone(senders), Client::http1());
            tokio::spawn(async move {
                let mut sent = Sent::default();
                let mut beat = tokio::time::interval(pause);
                while !stop.load(Ordering::Relaxed) {
                    beat.tick().await;
                    let (id, body) = fresh_payment();
                    let webhook = senders.topper.sign(body);
                    match client.post(address, &path_of("topper"), &webhook).await {
                        Ok(answer) if answer.is_accepted() => {
                            sent.accepted.insert(id);
                        }
                        Ok(answer) => {
                            sent.refused
                                .push(format!("{} {}", answer.status, answer.text()))
                        }
                        Err(_) => sent.unanswered += 1,
                    }
                }
                sent
            })
        };
        let tasks = (0..clients).map(task).collect();
        Self { stop, tasks }
    }

    /// Stops the clients after their current request, and returns the result.
    pub async fn stop(self) -> Result<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        let mut sum = Sent::default();
        for task in self.tasks {
            let sent = task.await?;
            sum.accepted.extend(sent.accepted);
            sum.refused.extend(sent.refused);
            sum.unanswered += sent.unanswered;
        }
        Ok(sum)
    }
}
