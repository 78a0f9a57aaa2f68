//! The request of a case, byte for byte, and the exchange with ingress.
//!
//! The headers have the order, the names and the values of the case. The source has a path of its
//! own, so only the query and the end of the path come from the case's URL.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::case::Case;
use crate::short;

/// The time after which a case fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns the request of a case to the source at `path`, with this body.
pub(crate) fn bytes(case: &Case, path: &str, body: &[u8]) -> Result<Vec<u8>, String> {
    let method = case.method.as_deref().unwrap_or("POST");
    let mut head = format!("{method} {} HTTP/1.1\r\n", target(case, path));
    for (name, value) in &case.headers {
        let value = short::with_lengthened(value, case);
        write!(head, "{name}: {value}\r\n").expect("written to a text");
    }
    if header(case, "host").is_none() {
        head.push_str("Host: hooks.example\r\n");
    }
    match header(case, "content-length") {
        None => write!(head, "Content-Length: {}\r\n", body.len()).expect("written to a text"),
        Some(length) if length == body.len().to_string() => {}
        Some(length) => return Err(format!("a body of {length} bytes has {}", body.len())),
    }
    head.push_str("\r\n");
    Ok([head.as_bytes(), body].concat())
}

fn header<'c>(case: &'c Case, name: &str) -> Option<&'c str> {
    let mut headers = case.headers.iter();
    let found = headers.find(|(given, _)| given.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// Returns the path of the source, with the secret at the end of the case's path and its query.
fn target(case: &Case, path: &str) -> String {
    let (given, query) = case.path_and_query();
    let mut target = path.to_owned();
    if let Some(tail) = given.splitn(4, '/').nth(3) {
        target = format!("{target}/{}", short::with_lengthened(tail, case));
    }
    match query {
        Some(query) => format!("{target}?{query}"),
        None => target,
    }
}

/// Writes a request and reads the answer.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Result<Answer, String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request).await?;
        read(&mut stream).await
    };
    match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(answer) => answer.map_err(|error| format!("the request has no answer: {error}")),
        Err(_) => Err("waited in vain for an answer".to_owned()),
    }
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Answer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let mut answer = Answer::of_head(&String::from_utf8_lossy(&head));
    let length = answer.header("content-length");
    let length = length.and_then(|length| length.parse().ok());
    answer.body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut answer.body).await?;
    Ok(answer)
}
