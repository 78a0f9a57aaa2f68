//! The answers to `GET /livez` and `GET /readyz`, for service managers and load balancers.
//!
//! The host is live while it answers at all. It is ready while it stores events: the store must
//! complete a real write. Neither needs a token, and neither says more than that: the log has the
//! reasons. A write is made at most once in a second, so requests cannot load the store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hookyard_store::Error;
use hookyard_store_sqlite::SqliteStore;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tokio::sync::Mutex;

use super::stop::Stop;

/// How long the result of a probe is used.
const PROBE_AGE_MAX: Duration = Duration::from_secs(1);
/// How long a probe may take. Probers commonly wait for a few seconds.
const PROBE_TIME_MAX: Duration = Duration::from_secs(3);

const STOPPING: &str = "the host is stopping";
const FAILING: &str = "the store does not store events; the log has the reason";
const SLOW: &str = "the store did not complete a write within 3 seconds";

/// What can say whether it would store an event now.
#[async_trait]
pub(super) trait Probe: Send + Sync {
    /// Completes a write that changes nothing.
    async fn probe(&self) -> Result<(), Error>;
}

#[async_trait]
impl Probe for SqliteStore {
    async fn probe(&self) -> Result<(), Error> {
        SqliteStore::probe(self).await
    }
}

/// The health of the host.
pub(super) struct Health {
    store: Arc<dyn Probe>,
    stop: Stop,
    /// The time and the result of the last probe. Requests that arrive during a probe wait for its
    /// result.
    last: Mutex<Option<(Instant, Result<(), &'static str>)>>,
}

impl Health {
    pub(super) fn new(store: Arc<dyn Probe>, stop: Stop) -> Self {
        Self {
            store,
            stop,
            last: Mutex::default(),
        }
    }

    /// Returns the health of a host whose store never answers.
    #[cfg(test)]
    pub(super) fn detached() -> Self {
        let script = tests::Script::default();
        Self::new(Arc::new(script), Stop::new())
    }

    /// Answers a request about the health, and returns `None` for any other path.
    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Option<Response<String>> {
        let result = match (request.uri().path(), request.method()) {
            ("/livez", &Method::GET | &Method::HEAD) => Ok(()),
            ("/readyz", &Method::GET | &Method::HEAD) => self.ready().await,
            ("/livez" | "/readyz", _) => return Some(use_get()),
            _ => return None,
        };
        Some(match result {
            Ok(()) => answer(StatusCode::OK, "ok\n".to_owned()),
            Err(reason) => {
                let reason = format!("not ready: {reason}\n");
                answer(StatusCode::SERVICE_UNAVAILABLE, reason)
            }
        })
    }

    /// Returns whether the host stores events, or the reason why it does not.
    async fn ready(&self) -> Result<(), &'static str> {
        if self.stop.is_asked() {
            return Err(STOPPING);
        }
        let mut last = self.last.lock().await;
        if let Some((at, result)) = *last
            && at.elapsed() < PROBE_AGE_MAX
        {
            return result;
        }

        let result = match tokio::time::timeout(PROBE_TIME_MAX, self.store.probe()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(FAILING),
            Err(_) => Err(SLOW),
        };
        *last = Some((Instant::now(), result));
        result
    }
}

fn use_get() -> Response<String> {
    let mut answer = answer(StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned());
    let methods = HeaderValue::from_static("GET, HEAD");
    answer.headers_mut().insert(ALLOW, methods);
    answer
}

fn answer(status: StatusCode, text: String) -> Response<String> {
    let mut answer = Response::new(text);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, plain);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A store whose probes end with these results, one after the other, and that never answers
    /// afterwards.
    #[derive(Default)]
    pub(super) struct Script {
        results: Vec<Result<(), Error>>,
        probes: AtomicUsize,
    }

    #[async_trait]
    impl Probe for Script {
        async fn probe(&self) -> Result<(), Error> {
            let number = self.probes.fetch_add(1, Ordering::Relaxed);
            match self.results.get(number) {
                Some(Ok(())) => Ok(()),
                Some(Err(_)) => Err(Error::Busy),
                None => std::future::pending().await,
            }
        }
    }

    fn health(results: Vec<Result<(), Error>>) -> (Health, Arc<Script>, Stop) {
        let script = Arc::new(Script {
            results,
            probes: AtomicUsize::new(0),
        });
        let stop = Stop::new();
        (Health::new(script.clone(), stop.clone()), script, stop)
    }

    async fn get(health: &Health, method: &str, path: &str) -> Option<(u16, String)> {
        let request = Request::builder().method(method).uri(path);
        let answer = health.answer(&request.body(()).expect("a request")).await?;
        Some((answer.status().as_u16(), answer.into_body()))
    }

    async fn readiness(health: &Health) -> (u16, String) {
        get(health, "GET", "/readyz").await.expect("an answer")
    }

    #[tokio::test]
    async fn only_health_is_answered() {
        let (health, _, _) = health(vec![Ok(())]);
        let ok = Some((200, "ok\n".to_owned()));
        assert_eq!(get(&health, "GET", "/livez").await, ok);
        assert_eq!(get(&health, "HEAD", "/readyz?verbose").await, ok);
        let refused = get(&health, "POST", "/readyz").await;
        assert_eq!(refused, Some((405, "use GET\n".to_owned())));
        assert_eq!(get(&health, "GET", "/metrics").await, None);
    }

    #[tokio::test]
    async fn requests_share_a_probe() {
        let (health, script, _) = health(vec![Err(Error::Busy), Ok(())]);
        let (one, two) = tokio::join!(readiness(&health), readiness(&health));
        assert_eq!(one, (503, format!("not ready: {FAILING}\n")));
        assert_eq!(one, two);
        assert_eq!(script.probes.load(Ordering::Relaxed), 1);

        tokio::time::sleep(PROBE_AGE_MAX).await;
        assert_eq!(readiness(&health).await.0, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn silent_store_is_not_ready() {
        let (health, _, _) = health(Vec::new());
        let expected = (503, format!("not ready: {SLOW}\n"));
        assert_eq!(readiness(&health).await, expected);
    }

    #[tokio::test]
    async fn stopping_host_is_live_and_not_ready() {
        let (health, script, stop) = health(vec![Ok(())]);
        stop.ask("SIGTERM");
        let expected = (503, format!("not ready: {STOPPING}\n"));
        assert_eq!(readiness(&health).await, expected);
        assert_eq!(script.probes.load(Ordering::Relaxed), 0);
        let live = get(&health, "GET", "/livez").await;
        assert_eq!(live.map(|(status, _)| status), Some(200));
    }
}
