//! The host's functions, for a plugin that runs in WebAssembly.

use crate::http::{Request, Response};
use crate::raw::hookyard::plugin::{outbox, responder};
use crate::raw::wasi::clocks::monotonic_clock::Duration;
use crate::raw::wasi::config::store as config;
use crate::raw::wasi::http::outgoing_handler;
use crate::raw::wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use crate::raw::wasi::io::streams::StreamError;
use crate::raw::wasi::keyvalue::{atomics, store};
use crate::raw::wasi::logging::logging;

type Result<T, E = String> = std::result::Result<T, E>;

/// The largest write that `wasi:io` accepts at once.
const WRITE_MAX: usize = 4096;
const READ_MAX: u64 = 1 << 16;

pub(crate) fn setting(name: &str) -> Result<Option<String>> {
    config::get(name).map_err(|error| error.to_string())
}

pub(crate) fn settings() -> Result<Vec<(String, String)>> {
    config::get_all().map_err(|error| error.to_string())
}

pub(crate) fn get(bucket: &str, key: &str) -> Result<Option<Vec<u8>>> {
    store::open(bucket)
        .and_then(|bucket| bucket.get(key))
        .map_err(stored)
}

pub(crate) fn set(bucket: &str, key: &str, bytes: &[u8]) -> Result<()> {
    store::open(bucket)
        .and_then(|bucket| bucket.set(key, bytes))
        .map_err(stored)
}

pub(crate) fn delete(bucket: &str, key: &str) -> Result<()> {
    store::open(bucket)
        .and_then(|bucket| bucket.delete(key))
        .map_err(stored)
}

pub(crate) fn exists(bucket: &str, key: &str) -> Result<bool> {
    store::open(bucket)
        .and_then(|bucket| bucket.exists(key))
        .map_err(stored)
}

pub(crate) fn increment(bucket: &str, key: &str, by: i64) -> Result<i64> {
    store::open(bucket)
        .and_then(|bucket| atomics::increment(&bucket, key, by))
        .map_err(stored)
}

pub(crate) fn keys(bucket: &str) -> Result<Vec<String>> {
    let bucket = store::open(bucket).map_err(stored)?;
    let (mut keys, mut cursor) = (Vec::new(), None);
    loop {
        let page = bucket.list_keys(cursor.as_deref()).map_err(stored)?;
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(keys);
        }
    }
}

fn stored(error: store::Error) -> String {
    match error {
        store::Error::NoSuchStore => "there cannot be a bucket of this name".to_owned(),
        store::Error::AccessDenied => "access is denied".to_owned(),
        store::Error::Other(why) => why,
    }
}

pub(crate) fn log(level: log::Level, message: &str) {
    let level = match level {
        log::Level::Error => logging::Level::Error,
        log::Level::Warn => logging::Level::Warn,
        log::Level::Info => logging::Level::Info,
        log::Level::Debug => logging::Level::Debug,
        log::Level::Trace => logging::Level::Trace,
    };
    logging::log(level, "", message);
}

pub(crate) fn send(destination: &str, body: &[u8], key: Option<&str>) -> Result<String> {
    outbox::send(destination, body, key).map_err(|error| match error {
        outbox::Error::NoSuchDestination => format!("no destination {destination:?} is granted"),
        outbox::Error::TooMuch(why) | outbox::Error::Other(why) => why,
    })
}

pub(crate) fn respond(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<()> {
    let header = |(name, value): &(&str, &str)| responder::Header {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let response = responder::Response {
        status,
        headers: headers.iter().map(header).collect(),
        body: body.to_vec(),
    };
    responder::respond(&response).map_err(|error| match error {
        responder::Error::NotAsked => {
            "the source does not ask this plugin for a response".to_owned()
        }
        responder::Error::Already => "this attempt has responded already".to_owned(),
        responder::Error::TooMuch(why) | responder::Error::Invalid(why) => why,
    })
}

pub(crate) fn request(request: &Request) -> Result<Response> {
    exchange(request).map_err(|error| format!("{error:?}"))
}

fn exchange(request: &Request) -> Result<Response, ErrorCode> {
    let invalid = |what: &str| ErrorCode::InternalError(Some(format!("invalid {what}")));
    let (scheme, rest) = request
        .url
        .split_once("://")
        .ok_or_else(|| invalid("URL"))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        other => Scheme::Other(other.to_owned()),
    };

    let headers = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into()));
    let headers = Fields::from_list(&headers.collect::<Vec<_>>());
    let outgoing = OutgoingRequest::new(headers.map_err(|_| invalid("header"))?);
    let method = Method::Other(request.method.to_owned());
    outgoing
        .set_method(&method)
        .map_err(|()| invalid("method"))?;
    outgoing
        .set_scheme(Some(&scheme))
        .map_err(|()| invalid("scheme"))?;
    outgoing
        .set_authority(Some(authority))
        .map_err(|()| invalid("host"))?;
    outgoing
        .set_path_with_query(Some(&path))
        .map_err(|()| invalid("path"))?;
    let body = outgoing.body().map_err(|()| invalid("body"))?;

    let options = RequestOptions::new();
    let timeout = request
        .timeout
        .map(|time| time.as_nanos().try_into().unwrap_or(Duration::MAX));
    for set in [
        RequestOptions::set_connect_timeout,
        RequestOptions::set_first_byte_timeout,
    ] {
        set(&options, timeout).map_err(|()| invalid("timeout"))?;
    }
    let answer = outgoing_handler::handle(outgoing, Some(options))?;
    write(body, &request.body)?;

    answer.subscribe().block();
    let answer = answer.get().and_then(Result::ok);
    read(answer.ok_or_else(|| invalid("answer"))??)
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), ErrorCode> {
    let failed = |why: &dyn std::fmt::Debug| ErrorCode::InternalError(Some(format!("{why:?}")));
    let stream = body
        .write()
        .map_err(|()| failed(&"the body cannot be written"))?;
    for part in bytes.chunks(WRITE_MAX) {
        stream
            .blocking_write_and_flush(part)
            .map_err(|error| failed(&error))?;
    }
    drop(stream);
    OutgoingBody::finish(body, None)
}

fn read(answer: IncomingResponse) -> Result<Response, ErrorCode> {
    let failed = |why: &dyn std::fmt::Debug| ErrorCode::InternalError(Some(format!("{why:?}")));
    let status = answer.status();
    let headers = answer.headers().entries().into_iter();
    let headers = headers.map(|(name, value)| (name, String::from_utf8_lossy(&value).into()));
    let headers = headers.collect();

    let incoming: IncomingBody = answer.consume().map_err(|()| failed(&"the body is gone"))?;
    let stream = incoming
        .stream()
        .map_err(|()| failed(&"the body is gone"))?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(READ_MAX) {
            Ok(bytes) => body.extend(bytes),
            Err(StreamError::Closed) => {
                return Ok(Response {
                    status,
                    headers,
                    body,
                });
            }
            Err(error) => return Err(failed(&error)),
        }
    }
}
