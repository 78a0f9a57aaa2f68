//! Collectors of traces: they decode OTLP by the published Protocol Buffers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use hookyard_testkit::eventually;
use hookyard_testkit::receiver::Receiver;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A collector of either protocol.
pub(super) enum Collector {
    Http(Receiver),
    Grpc(GrpcCollector),
}

pub(super) struct GrpcCollector {
    address: SocketAddr,
    requests: Requests,
    server: JoinHandle<()>,
}

#[derive(Clone, Default)]
struct Requests(Arc<Mutex<Vec<Request<ExportTraceServiceRequest>>>>);

#[tonic::async_trait]
impl TraceService for Requests {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(request);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Drop for GrpcCollector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Collector {
    pub(super) async fn http() -> Result<Self> {
        Ok(Self::Http(Receiver::start().await?))
    }

    pub(super) async fn grpc() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = Requests::default();
        let service = TraceServiceServer::new(requests.clone());
        let serving = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener));
        Ok(Self::Grpc(GrpcCollector {
            address,
            requests,
            server: tokio::spawn(async move {
                let _ = serving.await;
            }),
        }))
    }

    /// Returns the table `[traces]` of a host that sends everything to this collector.
    pub(super) fn table(&self) -> String {
        let (url, protocol) = match self {
            Self::Http(receiver) => (receiver.url(), "http"),
            Self::Grpc(collector) => (format!("http://{}", collector.address), "grpc"),
        };
        format!(
            "endpoint = \"{url}\"\nprotocol = \"{protocol}\"\nsample = \"100%\"\n\
             headers.x-collector-token = {{ file = \"collector.token\" }}"
        )
    }

    /// Returns the received spans and the names of the services that sent them.
    pub(super) fn spans(&self) -> Result<Vec<Span>> {
        let requests = match self {
            Self::Http(receiver) => {
                let received = receiver.received().into_iter();
                let decoded = received.map(|request| {
                    assert_eq!(request.path, "/v1/traces");
                    assert_eq!(request.header("content-type"), "application/x-protobuf");
                    assert_eq!(request.header("x-collector-token"), super::TOKEN);
                    Ok(ExportTraceServiceRequest::decode(request.body)?)
                });
                decoded.collect::<Result<Vec<_>>>()?
            }
            Self::Grpc(collector) => {
                let requests = collector.requests.0.lock();
                let requests = requests.unwrap_or_else(PoisonError::into_inner);
                let message = |request: &Request<ExportTraceServiceRequest>| {
                    let token = request.metadata().get("x-collector-token");
                    assert_eq!(token.expect("the header"), super::TOKEN);
                    request.get_ref().clone()
                };
                requests.iter().map(message).collect()
            }
        };

        let resources = requests
            .into_iter()
            .flat_map(|request| request.resource_spans);
        let spans = resources.flat_map(|resource| {
            let attributes = resource.resource.expect("a resource").attributes;
            assert!(attributes.iter().any(|attribute| {
                attribute.key == "service.name"
                    && attribute
                        .value
                        .as_ref()
                        .and_then(|value| value.value.as_ref())
                        == Some(&Value::StringValue("hookyard".into()))
            }));
            resource.scope_spans
        });
        Ok(spans.flat_map(|scope| scope.spans).collect())
    }

    /// Waits until a span with each of these names has arrived.
    pub(super) async fn wait_for(&self, names: &[&str]) -> Result<Vec<Span>> {
        eventually("the spans", || async {
            let spans = self.spans()?;
            let has = |name: &&str| spans.iter().any(|span| span.name == **name);
            Ok(names.iter().all(has).then_some(spans))
        })
        .await
    }
}
