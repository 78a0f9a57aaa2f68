//! A host that runs in the background of another command.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::signals::Signals;
use super::stop::Stop;
use super::{Wrap, run, start};
use crate::cli::Failure;

/// A running host. A signal stops it, as it stops a host of its own.
pub(crate) struct Background {
    /// The address of ingress.
    pub(crate) address: SocketAddr,
    stop: Stop,
    reload: Arc<Notify>,
    task: JoinHandle<anyhow::Result<()>>,
}

/// Starts a host with the configuration at `path`. `wrap` puts a runner in front of the host's own.
pub(crate) async fn start_in_background(path: &Path, wrap: Wrap) -> Result<Background, Failure> {
    let Signals { stop, reload } = Signals::listen().context("cannot listen for signals")?;
    let parts = start(path.to_owned(), Arc::clone(&reload), stop.clone(), wrap).await?;

    Ok(Background {
        address: parts.ingress.address(),
        task: tokio::spawn(run(parts, stop.clone())),
        stop,
        reload,
    })
}

impl Background {
    /// Asks the host to read its configuration again.
    pub(crate) fn reload(&self) {
        self.reload.notify_one();
    }

    /// Waits until something stops the host.
    pub(crate) async fn stopped(&self) {
        self.stop.asked().await;
    }

    /// Stops the host, and waits for its end.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.ask("the command");
        self.task.await.context("the host failed")?
    }
}
