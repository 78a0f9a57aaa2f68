//! Makes the requests that the event names, one after another, and prints each result. The event
//! contains the credential backwards, so that the guest can detect whether an answer discloses the
//! credential. If the event contains `must`, the guest traps when a request has no answer.

use hookyard_guests::{Delivery, Failure, Guest, Message};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::streams::StreamError;

struct Fetcher;

impl Guest for Fetcher {
    fn handle(_: Delivery, message: Message) -> Result<(), Failure> {
        let event = String::from_utf8_lossy(&message.body).into_owned();
        let secret: String = text(&event, "backwards").chars().rev().collect();
        for asked in text(&event, "fetch").split('|') {
            let result = fetch(asked).unwrap_or_else(|error| format!("no answer: {error}"));
            let has_secret = !secret.is_empty() && result.contains(&secret);
            if event.contains("\"must\"") && result.starts_with("no answer") {
                panic!("the answer is required");
            }
            println!(
                "{asked}: {result}{}",
                if has_secret {
                    " AND THE CREDENTIAL"
                } else {
                    ""
                }
            );
        }
        Ok(())
    }
}

/// Returns the text of a field of the event, at any depth.
fn text<'e>(event: &'e str, field: &str) -> &'e str {
    let begin = format!("\"{field}\":\"");
    let Some((_, rest)) = event.split_once(begin.as_str()) else {
        return "";
    };
    rest.split('"').next().unwrap_or_default()
}

/// Makes a request such as `POST http://host:port/path body`. Returns the status, the headers that
/// begin with `x-`, and the body.
fn fetch(asked: &str) -> Result<String, String> {
    let mut words = asked.splitn(3, ' ');
    let (method, url, body) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
        words.next(),
    );
    let (scheme, rest) = url.split_once("://").ok_or("no URL")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let headers = Fields::from_list(&[("authorization".to_owned(), b"the guest's own".to_vec())]);
    let request = OutgoingRequest::new(headers.map_err(|error| format!("{error:?}"))?);
    let method = if method == "GET" {
        Method::Get
    } else {
        Method::Other(method.to_owned())
    };
    request.set_method(&method).map_err(|()| "no method")?;
    request
        .set_scheme(Some(&if scheme == "https" {
            Scheme::Https
        } else {
            Scheme::Http
        }))
        .map_err(|()| "no scheme")?;
    request
        .set_authority(Some(authority))
        .map_err(|()| "no authority")?;
    request
        .set_path_with_query(Some(path))
        .map_err(|()| "no path")?;
    let outgoing = request.body().map_err(|()| "no body")?;
    let answer = handle(request, None).map_err(|error| format!("{error:?}"))?;
    write(&outgoing, body.unwrap_or_default())?;
    OutgoingBody::finish(outgoing, None).map_err(|error| format!("{error:?}"))?;
    answer.subscribe().block();
    let answer = answer
        .get()
        .expect("the answer is ready")
        .expect("the answer is taken once")
        .map_err(|error| format!("{error:?}"))?;
    read(&answer)
}

fn write(outgoing: &OutgoingBody, body: &str) -> Result<(), String> {
    let stream = outgoing.write().map_err(|()| "no stream")?;
    // `*8192` means a body of that many bytes.
    let bytes = match body.strip_prefix('*').and_then(|count| count.parse().ok()) {
        Some(count) => vec![b'x'; count],
        None => body.as_bytes().to_vec(),
    };
    for chunk in bytes.chunks(4096) {
        stream
            .blocking_write_and_flush(chunk)
            .map_err(|error| format!("{error:?}"))?;
    }
    Ok(())
}

fn read(answer: &IncomingResponse) -> Result<String, String> {
    let mut text = answer.status().to_string();
    for (name, value) in answer.headers().entries() {
        if name.starts_with("x-") {
            text += &format!(" {name}={}", String::from_utf8_lossy(&value));
        }
    }
    let body: IncomingBody = answer.consume().map_err(|()| "no body")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(format!("{error:?}")),
        }
    }
    if bytes.len() > 1000 {
        return Ok(format!("{text} and {} bytes", bytes.len()));
    }
    Ok(format!("{text} {}", String::from_utf8_lossy(&bytes)))
}

hookyard_guests::export!(Fetcher);
