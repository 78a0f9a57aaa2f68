//! The accept loop: admits connections up to the maximum, and continues after every error.

use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::activity::Connections;
use crate::answer;
use crate::connection::{self, Admitted, Http};
use crate::metering;
use crate::receive::Receiver;

/// The pause after an error of the system, such as a lack of file descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until `shutdown` resolves, then lets requests in flight finish within the
/// shutdown timeout.
pub(crate) async fn accept(
    listener: TcpListener,
    receiver: Arc<Receiver>,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopping) = watch::channel(false);
    let http = connection::http(&receiver.config);
    let mut serving = JoinSet::new();
    let mut shutdown = pin!(shutdown);

    loop {
        tokio::select! {
            biased;
            () = shutdown.as_mut() => break,
            Some(ended) = serving.join_next() => report_panic(ended),
            (tcp, peer) = next(|| listener.accept(), &receiver.connections) => {
                let Some(slot) = receiver.connections.admit().await else {
                    turn_away(tcp, peer, &receiver);
                    continue;
                };
                let admitted = Admitted { tcp, peer, slot };
                serving.spawn(connection::serve(
                    admitted,
                    Http::clone(&http),
                    Arc::clone(&receiver),
                    stopping.clone(),
                ));
            }
        }
    }

    drop(listener);
    receiver.end_waits();
    let _ = stop.send(true);
    drain(serving, receiver.config.shutdown_timeout).await;
}

/// Returns the next connection. No error ends the wait.
///
/// An error about a single connection is ignored. After any other error, the connection that has
/// waited the longest is closed, which frees its descriptor, and the system gets time to recover.
async fn next<T, F>(mut accept: impl FnMut() -> F, connections: &Connections) -> T
where
    F: Future<Output = io::Result<T>>,
{
    let mut is_reported = false;

    loop {
        match accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                let is_evicted = connections.evict_longest_waiting();
                if !is_reported {
                    is_reported = true;
                    tracing::warn!(
                        target: "hookyard::ingress",
                        error = error.to_string(), is_evicted,
                        "cannot accept connections right now; retrying"
                    );
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Refuses a connection without reading its request, because all connections are working on
/// requests.
fn turn_away(tcp: TcpStream, peer: SocketAddr, receiver: &Receiver) {
    metering::count_turned_away();
    tracing::warn!(
        target: "hookyard::ingress",
        %peer, status = answer::OVERLOADED.as_u16(), reason = answer::CONNECTIONS_MAX, "refused"
    );
    // The buffer of a new socket has room for the answer. If it has not, the sender sees a closed
    // connection and retries as well.
    let _ = tcp
        .into_std()
        .and_then(|mut tcp| tcp.write_all(&answer::overloaded_bytes(receiver.config.retry_after)));
}

async fn drain(mut serving: JoinSet<()>, time_max: Duration) {
    let finished = async {
        while let Some(ended) = serving.join_next().await {
            report_panic(ended);
        }
    };

    if tokio::time::timeout(time_max, finished).await.is_err() {
        tracing::warn!(
            target: "hookyard::ingress",
            connections = serving.len(), "some connections did not end in time and are closed"
        );
        serving.shutdown().await;
    }
}

fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(
            target: "hookyard::ingress",
            error = error.to_string(), "serving a connection panicked"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::WaitLimits;

    #[tokio::test]
    async fn accept_error_frees_a_descriptor() {
        let connections = Connections::new(8);
        let (first, second) = (
            connections.admit().await.expect("room"),
            connections.admit().await.expect("room"),
        );
        let limits = WaitLimits {
            head: Duration::from_secs(3600),
            idle: Duration::from_secs(3600),
        };
        let emfile = || io::Error::from_raw_os_error(24);
        let mut results = vec![
            Ok("a connection"),
            Err(io::ErrorKind::ConnectionAborted.into()),
            Err(emfile()),
        ];
        let began = tokio::time::Instant::now();
        let accepted = next(
            || std::future::ready(results.pop().expect("no more is asked for")),
            &connections,
        )
        .await;

        assert_eq!(accepted, "a connection");
        assert!(
            began.elapsed() >= PAUSE,
            "a lack of descriptors is not retried at once"
        );
        first.activity.overdue(limits).await;
        let still_open =
            tokio::time::timeout(Duration::ZERO, second.activity.overdue(limits)).await;

        assert!(still_open.is_err(), "one descriptor is enough to continue");
    }
}
