//! Where long calls are run: on threads that the system lets run when nobody else wants to.
//!
//! Most calls are over within a millisecond, and run where they are asked for. One that has used more of a processor than
//! that by far is moved, between two of its polls, to a few threads of low priority. There it competes with its like;
//! receiving events, storing them and the calls of everybody else come first, be it one loop that runs or a hundred.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::thread::available_parallelism;
use std::time::Duration;

use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::meter::Meter;

/// After how much processor time a call is a long one.
const LONG: Duration = Duration::from_millis(10);
/// How much the system prefers others: by ten steps of `nice`, which leaves these about a tenth of a busy machine.
const NICENESS: i32 = 10;

/// The threads.
pub(crate) struct Background(Option<Runtime>);

/// A call that can be moved.
pub(crate) type Movable<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Background {
    /// Starts them, for half of the processors: so many loops can run that the others are still there.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads((available_parallelism()?.get() / 2).max(1))
            .thread_name("long-calls")
            .on_thread_start(|| {
                // On Linux this is about the calling thread alone. Where it's refused, all run alike.
                if cfg!(target_os = "linux")
                    && let Err(error) = setpriority_process(None, NICENESS)
                {
                    tracing::debug!(%error, "long calls run at the priority of everything else");
                }
            })
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs a call: here while it's short, there once it has proved to be long. Dropped, it's dropped with the call.
    pub(crate) async fn run<T: Send + 'static>(&self, mut call: Movable<T>) -> T {
        let meter = Meter::new();
        let here = poll_fn(|cx| match meter.poll(call.as_mut(), cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if meter.total() > LONG => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match here.await {
            Some(ended) => ended,
            None => self.run_there(call).await,
        }
    }

    /// Runs a call there, and blocks until it's over. None if it panics.
    pub(crate) fn wait_for<T: Send + 'static>(&self, call: Movable<T>) -> Option<T> {
        let runtime = self.0.as_ref().expect("it is there until this is dropped");
        let (sender, ended) = std::sync::mpsc::sync_channel(1);
        runtime.spawn(async move {
            // Whoever waits is there until it has this.
            let _ = sender.send(call.await);
        });
        ended.recv().ok()
    }

    async fn run_there<T: Send + 'static>(&self, call: Movable<T>) -> T {
        let runtime = self.0.as_ref().expect("it is there until this is dropped");
        // A set, since what is in it ends with it.
        let mut alone = JoinSet::new();
        alone.spawn_on(call, runtime.handle());
        match alone.join_next().await.expect("it was put in") {
            Ok(ended) => ended,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume(panic),
                // Only the end of the threads ends it otherwise, and with that of this call as well.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

fn resume(panic: Box<dyn Any + Send>) -> ! {
    std::panic::resume_unwind(panic)
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting isn't allowed everywhere that this may be dropped, and there is nothing to wait for.
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Instant;

    use super::*;

    /// Computes for so long, giving way after each millisecond; the name of the thread that it ends on.
    async fn compute(time: Duration) -> Option<String> {
        let began = Instant::now();
        while began.elapsed() < time {
            let slice = Instant::now();
            while slice.elapsed() < Duration::from_millis(1) {
                std::hint::spin_loop();
            }
            tokio::task::yield_now().await;
        }
        thread::current().name().map(str::to_owned)
    }

    #[tokio::test]
    async fn only_long_calls_are_moved() {
        let background = Background::start().expect("threads");
        let short = background
            .run(Box::pin(compute(Duration::from_millis(2))))
            .await;
        assert_ne!(short.as_deref(), Some("long-calls"));
        let long = background
            .run(Box::pin(compute(Duration::from_millis(400))))
            .await;
        assert_eq!(long.as_deref(), Some("long-calls"));
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_ends_wherever_it_is() {
        struct Flag(Arc<AtomicBool>);
        impl Drop for Flag {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let background = Background::start().expect("threads");
        let is_dropped = Arc::new(AtomicBool::new(false));
        let flag = Flag(Arc::clone(&is_dropped));
        let call = background.run(Box::pin(async move {
            let _flag = flag;
            compute(Duration::from_secs(3600)).await
        }));
        assert!(
            tokio::time::timeout(Duration::from_millis(200), call)
                .await
                .is_err()
        );
        let deadline = Instant::now() + Duration::from_secs(10);
        while !is_dropped.load(Ordering::SeqCst) {
            assert!(Instant::now() < deadline, "it goes on");
            tokio::task::yield_now().await;
        }
    }
}
