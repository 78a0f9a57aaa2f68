//! `wasi:http/outgoing-handler`: requests, each taken in whole, sent by whoever is given as `Http`, answered in whole.
//!
//! What a guest may ask for, and what is added to it, is that one's to decide: in service the guard, in a rehearsal
//! something that answers by itself. Here a request is counted, bounded and made to wait for its place, and an answer
//! is freed of credentials before the guest sees it. Bodies count against the attempt's memory until its end, since the
//! guest decides how long an answer is kept.

mod record;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_model::{PluginRef, RecordedAnswer};
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

use crate::Grants;
use crate::budget::{Budget, NoRoom};
use crate::call::State;
use crate::load::Terms;
use crate::output::Output;
use record::Recorder;

pub use record::request_digest;

/// What a guest's headers may take, as they are held.
const HEADERS_BYTES_MAX: usize = 64 << 10;

/// Makes the requests of plugins.
#[async_trait]
pub trait Http: Send + Sync + 'static {
    /// Answers a request, or says why there's no answer. It decides whether the call's grants allow the request and adds
    /// the credentials that they name. Dropped in the middle when the attempt ends.
    async fn send(&self, call: HttpCall) -> Result<Response<Bytes>, HttpError>;
}

/// One request of a plugin's.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// Who makes it.
    pub plugin: PluginRef,
    /// What it may do.
    pub grants: Arc<Grants>,
    /// The request as the guest made it, with an absolute URL.
    pub request: Request<Bytes>,
    /// The most time for all of it.
    pub time_max: Duration,
    /// The most bytes of the answer's body; there's no answer if it has more.
    pub body_max: usize,
}

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HttpError {
    /// What the guest is told.
    pub fault: HttpFault,
    /// What stands in the attempt's log.
    pub message: String,
}

/// What a guest is told of why a request got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpFault {
    /// The operator doesn't allow it.
    Denied,
    /// The host's addresses are none that may be connected to.
    AddressDenied,
    /// The host has no address.
    Unresolved,
    /// Nothing accepts connections there.
    Unreachable,
    /// There's no trust in who answers.
    Untrusted,
    /// It took too long.
    TimedOut,
    /// Too much is under way.
    Busy,
    /// The answer has more bytes than allowed.
    TooLarge,
    /// What came is no whole answer.
    Broken,
}

/// Refuses every request.
#[derive(Debug, Clone, Copy)]
pub struct NoHttp;

#[async_trait]
impl Http for NoHttp {
    async fn send(&self, _: HttpCall) -> Result<Response<Bytes>, HttpError> {
        Err(HttpError {
            fault: HttpFault::Denied,
            message: "no request is made here".into(),
        })
    }
}

/// Offers it. Of `wasi:http` nothing else is: plugins are called by the host, not by HTTP.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let options = wasmtime_wasi_http::p2::bindings::LinkOptions::default();
    types::add_to_linker::<_, WasiHttp>(linker, &(&options).into(), State::http)?;
    outgoing_handler::add_to_linker::<_, WasiHttp>(linker, State::http)
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.budget.call();
        let Requests { sender, context } = &mut self.requests;
        WasiHttpCtxView {
            hooks: sender,
            table: &mut self.resources,
            ctx: context,
        }
    }
}

/// What one attempt makes requests with.
pub(crate) struct Requests {
    sender: Sender,
    context: WasiHttpCtx,
}

impl Requests {
    pub(crate) fn new(
        terms: &Arc<Terms>,
        http: Arc<dyn Http>,
        output: &Output,
        budget: &Budget,
    ) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(HEADERS_BYTES_MAX);
        let recorder = Recorder::new(terms.record_bytes_max);
        let sender = Sender {
            http,
            terms: Arc::clone(terms),
            output: output.clone(),
            budget: budget.clone(),
            recorder,
        };
        Self { sender, context }
    }

    /// The answers that were recorded.
    pub(crate) fn into_recorded(self) -> Vec<RecordedAnswer> {
        self.sender.recorder.take()
    }
}

#[derive(Clone)]
struct Sender {
    http: Arc<dyn Http>,
    terms: Arc<Terms>,
    output: Output,
    budget: Budget,
    recorder: Recorder,
}

/// What goes on with an answer once its head is there: nothing, as it's there in whole.
type Rest = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Sender {
    fn set_host_header(&mut self) -> bool {
        // It's the URL's, and the guard's to set.
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Rest,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Rest), Error>> + Send> {
        let sender = self.clone();
        let counted = self.budget.request();
        Box::new(async move {
            // The attempt ends of it as well, at the next epoch.
            counted.map_err(|_| Error::HttpRequestDenied)?;
            let answer = sender
                .exchange(request, options.unwrap_or_default())
                .await?;
            let body = |bytes| {
                Full::new(bytes)
                    .map_err(|never| match never {})
                    .boxed_unsync()
            };
            Ok((answer.map(body), Box::new(async { Ok(()) }) as Rest))
        })
    }
}

impl Sender {
    async fn exchange(
        self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<Bytes>, Error> {
        let Terms {
            plugin,
            limits,
            grants,
            places,
            ..
        } = &*self.terms;
        let _place = places
            .acquire()
            .await
            .map_err(|_| Error::ConnectionLimitReached)?;
        let (head, body) = request.into_parts();
        let body = whole(body, limits.http_body_max).await?;
        let what = format!(
            "{} {}://{}",
            head.method,
            head.uri.scheme_str().unwrap_or(""),
            head.uri.authority().map_or("", |it| it.as_str())
        );
        self.budget
            .bytes(body.len())
            .map_err(|_| Error::HttpRequestDenied)?;
        self.hold(&what, &body)
            .map_err(|_| Error::HttpRequestBodySize(None))?;
        let request = Request::from_parts(head, body);
        let asked = self.recorder.is_open().then(|| request_digest(&request));
        let time_max = options
            .first_byte_timeout
            .unwrap_or(limits.wall_max)
            .min(limits.wall_max);
        let answer = self.http.send(HttpCall {
            plugin: plugin.clone(),
            grants: Arc::clone(grants),
            request,
            time_max,
            body_max: limits.http_body_max,
        });
        match answer.await {
            Ok(answer) => {
                self.budget
                    .bytes(answer.body().len())
                    .map_err(|_| Error::HttpResponseBodySize(None))?;
                self.hold(&what, answer.body())
                    .map_err(|_| Error::HttpResponseBodySize(None))?;
                let answer = self.clean(answer)?;
                if let Some(asked) = asked {
                    self.recorder.record(plugin, asked, &answer);
                }
                Ok(answer)
            }
            Err(HttpError { fault, message }) => {
                // What would grant it takes several lines.
                format!("{what}: {message}")
                    .lines()
                    .for_each(|line| self.output.note(line));
                Err(told(fault, limits.http_body_max))
            }
        }
    }

    fn hold(&self, what: &str, body: &Bytes) -> Result<(), NoRoom> {
        self.budget
            .hold(body.len() as u64)
            .inspect_err(|NoRoom { max }| {
                self.output.note(&format!(
                    "{what}: its body is more than what is left of memory_max, {max} bytes"
                ));
            })
    }

    /// The answer without the credentials that it may repeat. One that is encoded can't be searched, so there's none.
    fn clean(&self, answer: Response<Bytes>) -> Result<Response<Bytes>, Error> {
        let scrub = &self.terms.scrub;
        if scrub.is_empty() {
            return Ok(answer);
        }
        let (mut head, body) = answer.into_parts();
        let encoded = head
            .headers
            .get(header::CONTENT_ENCODING)
            .filter(|coding| *coding != "identity");
        if let Some(coding) = encoded {
            return Err(Error::HttpResponseContentCoding(
                coding.to_str().ok().map(str::to_owned),
            ));
        }
        head.headers = scrub.headers(head.headers);
        let body = match scrub.bytes(&body) {
            std::borrow::Cow::Borrowed(_) => body,
            std::borrow::Cow::Owned(clean) => {
                head.headers.remove(header::CONTENT_LENGTH);
                clean.into()
            }
        };
        Ok(Response::from_parts(head, body))
    }
}

async fn whole(body: WasiBody, bytes_max: usize) -> Result<Bytes, Error> {
    let collected = Limited::new(body.map_err(Broken), bytes_max)
        .collect()
        .await;
    let collected = collected.map_err(|error| match error.downcast::<Broken>() {
        Ok(broken) => broken.0,
        Err(_) => Error::HttpRequestBodySize(Some(bytes_max as u64)),
    })?;
    Ok(collected.to_bytes())
}

/// The guest's body, which it didn't finish.
#[derive(Debug, thiserror::Error)]
#[error("the body isn't whole")]
struct Broken(Error);

fn told(fault: HttpFault, body_max: usize) -> Error {
    match fault {
        HttpFault::Denied => Error::HttpRequestDenied,
        HttpFault::AddressDenied => Error::DestinationIpProhibited,
        HttpFault::Unresolved => Error::DestinationNotFound,
        HttpFault::Unreachable => Error::ConnectionRefused,
        HttpFault::Untrusted => Error::TlsCertificateError,
        HttpFault::TimedOut => Error::HttpResponseTimeout,
        HttpFault::Busy => Error::ConnectionLimitReached,
        HttpFault::TooLarge => Error::HttpResponseBodySize(Some(body_max as u64)),
        HttpFault::Broken => Error::HttpProtocolError,
    }
}

#[cfg(test)]
mod tests;
