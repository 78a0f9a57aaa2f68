//! The accept loop: lets connections in under the cap and keeps going, whatever accepting comes to.

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
use crate::connection::{self, Accepted, Http};
use crate::receive::Receiver;

/// How long to leave a system alone that is out of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until `shutdown` resolves, then lets requests in flight finish within the drain timeout.
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
            Some(ended) = serving.join_next() => report(ended),
            (tcp, peer) = next(|| listener.accept(), &receiver.connections) => {
                let Some(place) = receiver.connections.admit().await else {
                    turn_away(tcp, peer, &receiver);
                    continue;
                };
                let accepted = Accepted { tcp, peer, place };
                serving.spawn(connection::serve(accepted, Http::clone(&http), Arc::clone(&receiver), stopping.clone()));
            }
        }
    }
    drop(listener);
    let _ = stop.send(true);
    drain(serving, receiver.config.shutdown_timeout).await;
}

/// The next connection. No error ends this: one that is about a single connection is passed over, and any other is
/// given time to pass while the longest-waiting connection gives back its descriptor.
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
                if !std::mem::replace(&mut is_reported, true) {
                    tracing::warn!(
                        target: "hookyard::ingress",
                        error = error.to_string(), is_evicted,
                        "can't accept connections for now; trying on"
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

/// Every place is taken by a request being worked on: says so, without waiting for the request.
fn turn_away(tcp: TcpStream, peer: SocketAddr, receiver: &Receiver) {
    tracing::warn!(target: "hookyard::ingress", %peer, status = 503, reason = "connections-max", "refused");
    // A fresh socket has room for this; if not, the sender sees a closed connection and tries again as well.
    let _ = tcp
        .into_std()
        .and_then(|mut tcp| tcp.write_all(&answer::overloaded_bytes(receiver.config.retry_after)));
}

async fn drain(mut serving: JoinSet<()>, time_max: Duration) {
    let finished = async {
        while let Some(ended) = serving.join_next().await {
            report(ended);
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

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(target: "hookyard::ingress", error = error.to_string(), "serving a connection panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Patience;

    #[tokio::test]
    async fn no_error_of_accept_ends_the_loop_and_a_lack_of_descriptors_gives_one_back() {
        let connections = Connections::new(8);
        let (first, second) = (
            connections.admit().await.expect("room"),
            connections.admit().await.expect("room"),
        );
        let patience = Patience {
            head: Duration::from_secs(3600),
            idle: Duration::from_secs(3600),
        };
        let emfile = || io::Error::from_raw_os_error(24);
        let mut coming = vec![
            Ok("a connection"),
            Err(io::ErrorKind::ConnectionAborted.into()),
            Err(emfile()),
        ];
        let began = tokio::time::Instant::now();
        let accepted = next(
            || std::future::ready(coming.pop().expect("no more is asked for")),
            &connections,
        )
        .await;
        assert_eq!(accepted, "a connection");
        assert!(
            began.elapsed() >= PAUSE,
            "a lack of descriptors is not retried at once"
        );
        first.activity.overdue(patience).await;
        let still_open =
            tokio::time::timeout(Duration::ZERO, second.activity.overdue(patience)).await;
        assert!(still_open.is_err(), "one descriptor is enough to go on");
    }
}
