//! A TCP stream that records when bytes arrive, and that closes so that the sender can read the
//! last answer.
//!
//! If a socket is closed while unread bytes arrive, the kernel sends a reset. A reset can destroy
//! an answer that the sender has not read yet: the sender would see a broken connection instead of
//! a 413. After an answer that was sent before the end of the body, the stream therefore reads and
//! discards a part of the rest, with limits on bytes and time.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::activity::Activity;

const LINGER_BYTES_MAX: usize = 8 << 20;
const LINGER_TIME_MAX: Duration = Duration::from_secs(1);

/// A TCP stream that is about to be, or is being, served.
#[derive(Debug)]
pub(crate) struct Stream {
    tcp: TcpStream,
    activity: Arc<Activity>,
    linger: Option<Linger>,
}

/// The phase after the last answer, in which the rest of the body is discarded.
#[derive(Debug)]
struct Linger {
    timeout: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl Stream {
    pub(crate) fn new(tcp: TcpStream, activity: Arc<Activity>) -> Self {
        Self {
            tcp,
            activity,
            linger: None,
        }
    }
}

impl Linger {
    fn new() -> Self {
        Self {
            timeout: Box::pin(tokio::time::sleep(LINGER_TIME_MAX)),
            bytes_left: LINGER_BYTES_MAX,
        }
    }

    /// Is ready once the sender has closed its side, or a limit is reached. Errors no longer
    /// matter.
    fn poll(&mut self, tcp: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 16 << 10];
        loop {
            if self.timeout.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }

            let mut discarded = ReadBuf::new(&mut scratch);
            let is_read = ready!(Pin::new(&mut *tcp).poll_read(cx, &mut discarded)).is_ok();
            let count = discarded.filled().len();

            self.bytes_left = self.bytes_left.saturating_sub(count);
            if !is_read || count == 0 || self.bytes_left == 0 {
                return Poll::Ready(());
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.tcp).poll_read(cx, buf))?;

        if buf.filled().len() > before {
            this.activity.bytes_arrived();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.tcp).poll_shutdown(cx))?;
            if !this.activity.has_unread_body() {
                return Poll::Ready(Ok(()));
            }
        }

        this.linger
            .get_or_insert_with(Linger::new)
            .poll(&mut this.tcp, cx)
            .map(Ok)
    }
}
