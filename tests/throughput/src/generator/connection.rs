//! A connection of the generator: writes a request, and finds the end of its answer.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::requests::Requests;

/// The maximum size of an answer.
const ANSWER_MAX: usize = 16 << 10;

pub(super) struct Connection {
    stream: TcpStream,
    /// The request in progress, and how many of its bytes are written.
    request: Option<(usize, usize)>,
    due: Instant,
    answer: Box<[u8; ANSWER_MAX]>,
    received: usize,
}

/// The state of a request.
pub(super) enum Progress {
    Waiting,
    /// The answer has arrived. The server may close the connection after it.
    Answered {
        status: u16,
        is_open: bool,
    },
}

impl Connection {
    pub(super) fn open(to: SocketAddr, registry: &Registry, number: usize) -> Result<Self> {
        let stream =
            std::net::TcpStream::connect(to).with_context(|| format!("no server at {to}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, Token(number), interest)?;
        Ok(Self {
            stream,
            request: None,
            due: Instant::now(),
            answer: Box::new([0; ANSWER_MAX]),
            received: 0,
        })
    }

    /// Returns when the request was due.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Begins to send a request.
    pub(super) fn start(
        &mut self,
        number: usize,
        due: Instant,
        requests: &Requests<'_>,
    ) -> Result<()> {
        self.request = Some((number, 0));
        self.due = due;
        self.received = 0;
        self.write(requests)
    }

    /// Writes and reads as far as possible.
    pub(super) fn advance(&mut self, requests: &Requests<'_>) -> Result<Progress> {
        if self.request.is_none() {
            return Ok(Progress::Waiting);
        }
        self.write(requests)?;
        self.read()
    }

    fn write(&mut self, requests: &Requests<'_>) -> Result<()> {
        let Some((number, sent)) = &mut self.request else {
            return Ok(());
        };
        while *sent < requests.length(*number) {
            match self.stream.write_vectored(&requests.parts(*number, *sent)) {
                Ok(written) => *sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A server may answer and close before it has read everything.
                Err(error) if is_closed(error.kind()) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Progress> {
        loop {
            match self.stream.read(&mut self.answer[self.received..]) {
                Ok(0) => bail!("the server closed a connection without an answer"),
                Ok(read) => self.received += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Progress::Waiting);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("no answer"),
            }
            if let Some(answered) = answered(&self.answer[..self.received])? {
                self.request = None;
                return Ok(answered);
            }
            ensure!(self.received < ANSWER_MAX, "an answer is too large");
        }
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

/// Returns the result of an answer if it is complete.
fn answered(bytes: &[u8]) -> Result<Option<Progress>> {
    let Some(head_end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..head_end]).context("an answer is not HTTP")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok())
        .context("an answer is not HTTP/1.1")?;

    let (mut length, mut is_open) = (None, true);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse::<usize>().ok();
        } else if name.eq_ignore_ascii_case("connection") {
            is_open = !value.trim().eq_ignore_ascii_case("close");
        }
    }
    let length = length.context("an answer has no content-length")?;
    let is_complete = bytes.len() >= head_end + 4 + length;
    Ok(is_complete.then_some(Progress::Answered { status, is_open }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_ends_with_its_body() {
        let whole =
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nconnection: close\r\n\r\nno";
        for length in 0..whole.len() {
            assert!(
                answered(&whole[..length])
                    .expect("a part of an answer")
                    .is_none()
            );
        }
        match answered(whole).expect("an answer") {
            Some(Progress::Answered {
                status: 401,
                is_open: false,
            }) => {}
            _ => panic!("the answer is complete"),
        }
    }

    #[test]
    fn other_answers_are_refused() {
        assert!(answered(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(answered(b"SSH-2.0\r\n\r\n").is_err());
    }
}
