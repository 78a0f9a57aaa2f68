//! What signals ask of the host. They are heard on a thread of their own, so that nothing that blocks keeps them out.
//!
//! The first SIGTERM or SIGINT ends the host in order, and a second one at once. An end in order that takes too long is
//! cut off here: what blocks is left behind. SIGHUP has the configuration read again. SIGUSR1 and SIGUSR2, which
//! would end the process, are ignored.

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

/// The exit code of an end that a second signal cut off.
const CUT_OFF: i32 = 1;
/// The exit code of an end that took too long.
const BLOCKED: i32 = 3;

/// What signals ask for.
#[derive(Debug, Clone)]
pub(crate) struct Signals {
    /// The end.
    pub(crate) stop: Stop,
    /// That the configuration is read again. Kept until somebody waits for it.
    pub(crate) reload: Arc<Notify>,
}

struct Streams {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user_1: Signal,
    user_2: Signal,
}

enum Asked {
    Stop(&'static str),
    Reload,
    Nothing(&'static str),
}

impl Signals {
    /// Hears signals from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let streams = {
            let _entered = runtime.enter();
            Streams::open()?
        };
        let signals = Self {
            stop: Stop::new(),
            reload: Arc::default(),
        };
        let heard = signals.clone();
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || runtime.block_on(heard.hear(streams)))?;
        Ok(signals)
    }

    async fn hear(self, mut streams: Streams) {
        let mut overdue = std::pin::pin!(self.overdue());
        loop {
            let asked = tokio::select! {
                asked = streams.next() => asked,
                () = overdue.as_mut() => self.leave_behind(),
            };
            match asked {
                Asked::Stop(signal) if self.stop.ask(signal) => {}
                Asked::Stop(signal) => exit(
                    CUT_OFF,
                    &format!(
                        "ended at once by a second {signal}; what was in flight is made again at the next start"
                    ),
                ),
                Asked::Reload => self.reload.notify_one(),
                Asked::Nothing(signal) => {
                    tracing::info!(target: "hookyard::serve", signal, "this signal asks for nothing and is ignored");
                }
            }
        }
    }

    /// Returns when an end that was asked for has taken too long.
    async fn overdue(&self) {
        self.stop.asked().await;
        tokio::time::sleep(self.stop.time_max()).await;
    }

    fn leave_behind(&self) -> ! {
        let (time_max, running) = (self.stop.time_max(), self.stop.running());
        let blocked = if running.is_empty() {
            "something blocks"
        } else {
            &format!("still running: {running}")
        };
        exit(
            BLOCKED,
            &format!(
                "ended by force after {time_max:?} ({blocked}); what was in flight is made again at the next start"
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

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.user_1.recv() => Asked::Nothing("SIGUSR1"),
            _ = self.user_2.recv() => Asked::Nothing("SIGUSR2"),
        }
    }
}

/// Ends the process without waiting for anything but the log, and that not for long.
fn exit(code: i32, why: &str) -> ! {
    output::error(format_args!("hookyard: {why}"));
    telemetry::flush();
    process::exit(code)
}
