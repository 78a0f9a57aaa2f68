//! The floors: what a program costs that was written by hand for one sender and one kind of order.
//!
//! `native` verifies, parses, adds up and answers, and stores nothing. `native-durable` also stores
//! each event in SQLite, and answers after the commit. Both run hyper on one thread.

mod durable;

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::order::{self, Secret};
use durable::Inserts;

/// The file with the secret, in the folder of a floor.
pub(crate) const SECRET: &str = "shared.secret";

struct Floor {
    secret: Secret,
    inserts: Option<Inserts>,
}

/// Serves until the process is ended. Prints the address first. The folder contains the secret.
pub(crate) fn serve(folder: &Path, is_durable: bool) -> Result<()> {
    let secret = std::fs::read_to_string(folder.join(SECRET)).context("no secret")?;
    let inserts = is_durable
        .then(|| durable::start(&folder.join("native.db")))
        .transpose()?;
    let floor = Arc::new(Floor {
        secret: Secret::new(&secret)?,
        inserts,
    });
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(accept(floor))
}

async fn accept(floor: Arc<Floor>) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);

    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        stream.set_nodelay(true)?;
        let floor = Arc::clone(&floor);
        tokio::spawn(async move {
            let service = service_fn(|request| floor.answer(request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            // The generator closes its connections at the end of each slice.
            let _closed = connection.await;
        });
    }
}

impl Floor {
    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return Ok(response(StatusCode::BAD_REQUEST, Bytes::new()));
        };
        let body = body.to_bytes();

        if !self.secret.verify(&head.headers, &body) {
            let text = Bytes::from_static(b"{\"status\":\"refused\"}");
            return Ok(response(StatusCode::UNAUTHORIZED, text));
        }
        let Some((id, answer)) = order::check(&body) else {
            return Ok(response(StatusCode::BAD_REQUEST, Bytes::new()));
        };

        if let Some(inserts) = &self.inserts
            && !inserts.insert(id, &body, &answer).await
        {
            return Ok(response(StatusCode::SERVICE_UNAVAILABLE, Bytes::new()));
        }
        Ok(response(StatusCode::OK, answer.into()))
    }
}

fn response(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
