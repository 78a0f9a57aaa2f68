//! The signals that the process handles, on a thread of their own.
//!
//! The first SIGTERM or SIGINT stops the host in order, the second one ends the process at once. If
//! the stop takes too long, the process ends without waiting for what still runs. SIGHUP reloads
//! the configuration. SIGUSR1 and SIGUSR2, which would end a process by default, are ignored.
//!
//! The thread has its own async runtime, so that a blocked host cannot delay a signal.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::stop::Stop;
use crate::output;
use crate::telemetry;

/// The exit code after a second signal.
const CUT_OFF: i32 = 1;
/// The exit code after a stop that took too long.
const BLOCKED: i32 = 3;

/// The requests that signals make.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    /// The stop of the host.
    pub(super) stop: Stop,
    /// A request to reload the configuration. It is kept until a task waits for it.
    pub(super) reload: Arc<Notify>,
}

/// The streams of the signals that the process handles.
struct Streams {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user_1: Signal,
    user_2: Signal,
}

/// The meaning of one signal. The text is the name of the signal.
enum Request {
    Stop(&'static str),
    Reload,
    Ignored(&'static str),
}

impl Signals {
    /// Starts the thread that handles signals.
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;

        // Opened before the thread starts, so that no signal is missed.
        let streams = {
            let _entered = runtime.enter();
            Streams::open()?
        };
        let signals = Self {
            stop: Stop::new(),
            reload: Arc::default(),
        };

        let handler = signals.clone();
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || runtime.block_on(handler.handle(streams)))?;
        Ok(signals)
    }

    async fn handle(self, mut streams: Streams) {
        let mut overdue = std::pin::pin!(self.overdue());
        loop {
            let request = tokio::select! {
                request = streams.next() => request,
                () = overdue.as_mut() => self.end_overdue(),
            };

            match request {
                Request::Stop(signal) if self.stop.ask(signal) => {}
                Request::Stop(signal) => end_process(
                    CUT_OFF,
                    &format!(
                        "ended at once by a second {signal}; unfinished work is retried at the next \
                         start"
                    ),
                ),
                Request::Reload => self.reload.notify_one(),
                Request::Ignored(signal) => {
                    tracing::info!(target: "hookyard::serve", signal, "ignored a signal");
                }
            }
        }
    }

    /// Returns once the stop has taken too long.
    async fn overdue(&self) {
        self.stop.asked().await;
        tokio::time::sleep(self.stop.time_max()).await;
    }

    /// Ends the process although parts of the host still run.
    fn end_overdue(&self) -> ! {
        let time_max = self.stop.time_max();
        let running = self.stop.running();
        let reason = if running.is_empty() {
            "blocked although all parts have stopped".to_owned()
        } else {
            format!("still running: {running}")
        };

        end_process(
            BLOCKED,
            &format!(
                "ended by force after {time_max:?} ({reason}); unfinished work is retried at the \
                 next start"
            ),
        )
    }
}

impl Streams {
    fn open() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user_1: signal(SignalKind::user_defined1())?,
            user_2: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Request::Stop("SIGINT"),
            _ = self.hangup.recv() => Request::Reload,
            _ = self.user_1.recv() => Request::Ignored("SIGUSR1"),
            _ = self.user_2.recv() => Request::Ignored("SIGUSR2"),
        }
    }
}

/// Ends the process. Waits only for the log, and not for long.
fn end_process(code: i32, reason: &str) -> ! {
    output::error(format_args!("hookyard: {reason}"));
    telemetry::flush();
    process::exit(code)
}
