//! The HTTP requests of one attempt.
//!
//! Bodies count against the attempt's memory until the attempt ends, since the guest decides how
//! long it keeps an answer.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use hookyard_model::RecordedAnswer;
use hookyard_trace::TRACEPARENT;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

use super::client::{HttpCall, HttpClient, HttpError, HttpFault};
use super::record::{Recorder, request_digest};
use crate::call::budget::{Budget, MemoryExceeded};
use crate::call::calls::Calls;
use crate::call::output::Output;
use crate::terms::Terms;

/// The maximum size of the headers of one request or answer while the guest holds them, in bytes.
const HEADERS_BYTES_MAX: usize = 64 << 10;

/// Makes the requests of one attempt.
pub(crate) struct Requests {
    pub(super) sender: Sender,
    context: WasiHttpCtx,
}

impl Requests {
    pub(crate) fn new(
        terms: &Arc<Terms>,
        client: &Arc<dyn HttpClient>,
        output: &Output,
        budget: &Budget,
        calls: &Calls,
    ) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(HEADERS_BYTES_MAX);

        let sender = Sender {
            client: Arc::clone(client),
            terms: Arc::clone(terms),
            output: output.clone(),
            budget: budget.clone(),
            calls: calls.clone(),
            recorder: Recorder::new(terms.record_bytes_max),
        };
        Self { sender, context }
    }

    pub(super) fn view<'v>(&'v mut self, resources: &'v mut ResourceTable) -> WasiHttpCtxView<'v> {
        WasiHttpCtxView {
            hooks: &mut self.sender,
            table: resources,
            ctx: &mut self.context,
        }
    }

    /// Returns the recorded answers.
    pub(crate) fn into_recorded(self) -> Vec<RecordedAnswer> {
        self.sender.recorder.take()
    }
}

#[derive(Clone)]
pub(super) struct Sender {
    client: Arc<dyn HttpClient>,
    terms: Arc<Terms>,
    output: Output,
    budget: Budget,
    calls: Calls,
    recorder: Recorder,
}

/// The future that drives an answer's body after its head has arrived. It has nothing to do,
/// because answers are whole.
type BodyDriver = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Sender {
    fn set_host_header(&mut self) -> bool {
        // The client sets the header from the URL.
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: BodyDriver,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, BodyDriver), Error>> + Send> {
        let sender = self.clone();
        let counted = self.budget.count_request();

        Box::new(async move {
            // A request over the limit also ends the attempt, at the next epoch.
            counted.map_err(|_| Error::HttpRequestDenied)?;
            let answer = sender
                .exchange(request, options.unwrap_or_default())
                .await?;

            let answer = answer.map(|bytes| {
                Full::new(bytes)
                    .map_err(|never| match never {})
                    .boxed_unsync()
            });
            Ok((answer, Box::new(async { Ok(()) }) as BodyDriver))
        })
    }
}

impl Sender {
    /// Adds the header that continues the trace, unless the guest has set the header.
    fn continue_trace(&self, request: &mut Request<Bytes>) {
        let context = self.calls.context().map(|context| context.to_string());
        if let Some(value) = context.and_then(|text| HeaderValue::from_str(&text).ok()) {
            let headers = request.headers_mut();
            headers.entry(TRACEPARENT).or_insert(value);
        }
    }

    pub(super) async fn exchange(
        self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<Bytes>, Error> {
        let terms = &*self.terms;
        let _permit = terms
            .http_permits
            .acquire()
            .await
            .map_err(|_| Error::ConnectionLimitReached)?;

        let _call = self.calls.begin("http.request");
        let description = description(&request);
        let mut request = self.whole_request(request, &description).await?;
        let digest = self.recorder.is_open().then(|| request_digest(&request));

        let wall_max = terms.limits.wall_max;
        self.continue_trace(&mut request);
        let answer = self.client.send(HttpCall {
            plugin: terms.plugin.clone(),
            grants: Arc::clone(&terms.grants),
            request,
            time_max: options.first_byte_timeout.unwrap_or(wall_max).min(wall_max),
            body_max: terms.limits.http_body_max,
        });
        match answer.await {
            Ok(answer) => {
                self.count_answer(&description, answer.body())?;
                let answer = self.without_credentials(answer)?;
                if let Some(digest) = digest {
                    self.recorder.record(&terms.plugin, digest, &answer);
                }
                Ok(answer)
            }
            Err(HttpError { fault, message }) => {
                // The message may suggest several lines of settings, and a log line cannot have
                // line breaks.
                for line in format!("{description}: {message}").lines() {
                    self.output.host_line(line);
                }
                Err(guest_error(fault, terms.limits.http_body_max))
            }
        }
    }

    /// Reads the whole body of a request, and counts it.
    async fn whole_request(
        &self,
        request: Request<WasiBody>,
        description: &str,
    ) -> Result<Request<Bytes>, Error> {
        let (head, body) = request.into_parts();
        let body = whole_body(body, self.terms.limits.http_body_max).await?;

        self.budget
            .count_bytes(body.len())
            .map_err(|_| Error::HttpRequestDenied)?;
        self.hold(description, &body)
            .map_err(|_| Error::HttpRequestBodySize(None))?;
        Ok(Request::from_parts(head, body))
    }

    fn count_answer(&self, description: &str, body: &Bytes) -> Result<(), Error> {
        self.budget
            .count_bytes(body.len())
            .map_err(|_| Error::HttpResponseBodySize(None))?;
        self.hold(description, body)
            .map_err(|_| Error::HttpResponseBodySize(None))
    }

    fn hold(&self, description: &str, body: &Bytes) -> Result<(), MemoryExceeded> {
        let held = self.budget.hold(body.len() as u64);
        held.inspect_err(|MemoryExceeded { max }| {
            self.output.host_line(&format!(
                "{description}: the body is larger than what is left of memory_max, {max} bytes"
            ));
        })
    }

    /// Returns the answer without the credentials that it may repeat.
    ///
    /// # Errors
    ///
    /// Fails if the body is encoded, for example compressed, because it cannot be searched then.
    fn without_credentials(&self, answer: Response<Bytes>) -> Result<Response<Bytes>, Error> {
        let scrub = &self.terms.scrub;
        if scrub.is_empty() {
            return Ok(answer);
        }

        let (mut head, body) = answer.into_parts();
        if let Some(coding) = head.headers.get(header::CONTENT_ENCODING)
            && coding != "identity"
        {
            let coding = coding.to_str().ok().map(str::to_owned);
            return Err(Error::HttpResponseContentCoding(coding));
        }

        head.headers = scrub.headers(head.headers);
        let body = match scrub.bytes(&body) {
            Cow::Borrowed(_) => body,
            Cow::Owned(cleaned) => {
                head.headers.remove(header::CONTENT_LENGTH);
                cleaned.into()
            }
        };
        Ok(Response::from_parts(head, body))
    }
}

/// Returns the method and the host of a request, for the log. The path may contain secrets.
fn description(request: &Request<WasiBody>) -> String {
    let uri = request.uri();
    let scheme = uri.scheme_str().unwrap_or("");
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{} {scheme}://{authority}", request.method())
}

async fn whole_body(body: WasiBody, bytes_max: usize) -> Result<Bytes, Error> {
    let collected = Limited::new(body.map_err(UnfinishedBody), bytes_max)
        .collect()
        .await;

    match collected {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(match error.downcast::<UnfinishedBody>() {
            Ok(unfinished) => unfinished.0,
            Err(_) => Error::HttpRequestBodySize(Some(bytes_max as u64)),
        }),
    }
}

/// The guest did not finish the body of its request.
#[derive(Debug, thiserror::Error)]
#[error("the body is not complete")]
struct UnfinishedBody(Error);

/// Returns the error that the guest gets.
fn guest_error(fault: HttpFault, body_max: usize) -> Error {
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
