//! Runs long calls on threads of low priority.
//!
//! Most calls end within a millisecond, and run where they are requested. A call that has used much
//! more processor time moves to a few background threads, between two of its polls. There it
//! competes with other long calls only. Receiving events, storing them and the short calls of other
//! plugins come first, whether one endless loop runs or a hundred.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::mpsc::sync_channel;
use std::task::Poll;
use std::thread::available_parallelism;
use std::time::Duration;

use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::call::meter::Meter;

/// The processor time after which a call counts as long.
const LONG_CALL: Duration = Duration::from_millis(10);
/// The `nice` value of the threads. With 10, they get about a tenth of a busy machine.
const NICENESS: i32 = 10;

/// The background threads.
pub(crate) struct Background(Option<Runtime>);

/// A call that can move to another thread.
pub(crate) type MovableCall<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Background {
    /// Starts one thread for every two processors, so that long calls cannot occupy all of them.
    ///
    /// # Errors
    ///
    /// Fails if the operating system cannot start the threads.
    pub(crate) fn start() -> io::Result<Self> {
        let threads = (available_parallelism()?.get() / 2).max(1);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("long-calls")
            .on_thread_start(lower_priority)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs a call: on the present thread while it is short, and on a background thread once it is
    /// long. Dropping the future drops the call.
    pub(crate) async fn run<T: Send + 'static>(&self, mut call: MovableCall<T>) -> T {
        let meter = Meter::new();
        let short = poll_fn(|cx| match meter.poll(call.as_mut(), cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if meter.total() > LONG_CALL => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });

        match short.await {
            Some(result) => result,
            None => self.run_in_background(call).await,
        }
    }

    /// Runs a call on a background thread, and blocks until it ends. Returns `None` if the call
    /// panics.
    pub(crate) fn block_on<T: Send + 'static>(&self, call: MovableCall<T>) -> Option<T> {
        let (sender, result) = sync_channel(1);
        self.runtime().spawn(async move {
            // The receiver below waits until it has the result, so sending cannot fail.
            let _sent = sender.send(call.await);
        });
        result.recv().ok()
    }

    async fn run_in_background<T: Send + 'static>(&self, call: MovableCall<T>) -> T {
        // A set aborts its tasks when it is dropped, so the call ends together with this future.
        let mut tasks = JoinSet::new();
        tasks.spawn_on(call, self.runtime().handle());

        match tasks.join_next().await.expect("the set has one task") {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The task was cancelled because the threads are ending. Nobody waits for this
                // future any more.
                Err(_) => pending().await,
            },
        }
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("the runtime exists until the drop")
    }
}

/// Lowers the priority of the calling thread. If the system refuses that, long calls run at normal
/// priority.
fn lower_priority() {
    // On other systems than Linux, the call would apply to the whole process.
    if cfg!(target_os = "linux")
        && let Err(error) = setpriority_process(None, NICENESS)
    {
        tracing::debug!(%error, "long calls run at normal priority");
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // The usual drop would wait for the threads, which panics if it happens within an async
            // task.
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

    /// Computes for that time, and yields after each millisecond. Returns the name of the thread on
    /// which it ends.
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
    async fn only_long_calls_move_to_background() {
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
    async fn dropped_call_ends_in_background() {
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
            assert!(Instant::now() < deadline, "the call goes on");
            tokio::task::yield_now().await;
        }
    }
}
