//! Tests of `Client::get` with servers on loopback that answer with fixed bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hookyard_egress::{Addresses, Client, Config, Door, Error, GetLimits, Policy};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const LIMITS: GetLimits = GetLimits {
    body_max: 16,
    timeout: Duration::from_secs(20),
    allow_http: true,
};

/// Serves one connection: reads a request header, writes `answer`, and closes the connection unless
/// it must `hang`.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &str,
    hang: bool,
) -> io::Result<()> {
    let mut head = Vec::new();

    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }

    stream.write_all(answer.as_bytes()).await?;

    if hang {
        // Returns when the client gives up.
        let _ = stream.read_u8().await;
    }

    stream.shutdown().await
}

async fn serve(answer: &'static str, hang: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(exchange(stream, answer, hang));
        }
    });
    address
}

fn client() -> Client {
    client_with(Vec::new()).expect("a client with the platform's roots")
}

fn client_with(roots: Vec<Vec<u8>>) -> Result<Client, Error> {
    let addresses = Addresses {
        granted: vec![
            "127.0.0.1".parse().expect("a range"),
            "::1".parse().expect("a range"),
        ],
    };
    let policy = Policy {
        addresses,
        ..Policy::default()
    };

    Ok(Client::new(
        Door::new(Config {
            roots,
            ..Config::default()
        })?,
        policy,
    ))
}

#[tokio::test]
async fn only_a_complete_200_is_accepted() {
    type Check = fn(&Result<bytes::Bytes, Error>) -> bool;
    let cases: [(&str, &str, Check); 7] = [
        (
            "a 200",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            |got| got.as_ref().is_ok_and(|body| &body[..] == b"hello"),
        ),
        (
            "a body of the maximum size",
            "HTTP/1.1 200 OK\r\n\r\n0123456789abcdef",
            |got| got.as_ref().is_ok_and(|body| body.len() == 16),
        ),
        (
            "a redirect",
            "HTTP/1.1 302 Found\r\nlocation: https://example.com/\r\ncontent-length: 0\r\n\r\n",
            |got| matches!(got, Err(Error::Status { status: 302, .. })),
        ),
        (
            "a failure",
            "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n",
            |got| matches!(got, Err(Error::Status { status: 500, .. })),
        ),
        (
            "announced as too large",
            "HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n",
            |got| matches!(got, Err(Error::BodyTooLarge { body_max: 16, .. })),
        ),
        (
            "too large without announcement",
            "HTTP/1.1 200 OK\r\n\r\n0123456789abcdefg",
            |got| matches!(got, Err(Error::BodyTooLarge { body_max: 16, .. })),
        ),
        (
            "truncated",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello",
            |got| matches!(got, Err(Error::Broken { .. })),
        ),
    ];

    for (name, answer, is_as_expected) in cases {
        let address = serve(answer, false).await;
        let got = client()
            .get(&format!("http://{address}/cert.pem"), LIMITS)
            .await;
        assert!(is_as_expected(&got), "{name}: {got:?}");
    }
}

#[tokio::test]
async fn endless_response_times_out() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel"] {
        let address = serve(answer, true).await;
        let limits = GetLimits {
            timeout: Duration::from_millis(200),
            ..LIMITS
        };
        let got = client().get(&format!("http://{address}/"), limits).await;
        assert!(
            matches!(got, Err(Error::TimedOut { .. })),
            "{answer:?}: {got:?}"
        );
    }
}

#[tokio::test]
async fn plain_http_needs_permission() {
    let address = serve("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false).await;
    let limits = GetLimits {
        allow_http: false,
        ..LIMITS
    };
    let got = client().get(&format!("http://{address}/"), limits).await;
    assert!(matches!(got, Err(Error::Scheme { .. })), "{got:?}");
}

#[tokio::test]
async fn invalid_urls_are_refused() {
    for (url, is_scheme) in [
        ("", false),
        ("/path", false),
        ("example.com", false),
        ("ftp://example.com/", true),
    ] {
        let got = client().get(url, LIMITS).await;
        assert_eq!(
            matches!(got, Err(Error::Scheme { .. })),
            is_scheme,
            "{url}: {got:?}"
        );
        assert_eq!(
            matches!(got, Err(Error::InvalidUrl)),
            !is_scheme,
            "{url}: {got:?}"
        );
    }
}

#[tokio::test]
async fn error_names_host_without_query() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let error = client()
        .get(&format!("http://{address}/?Token=s3cret"), LIMITS)
        .await
        .expect_err("the port is closed");
    let text = format!("{error} {error:?}");

    assert!(
        text.contains("127.0.0.1") && !text.contains("s3cret"),
        "{text}"
    );
}

#[tokio::test]
async fn https_needs_a_trusted_root() {
    let signed =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .expect("a server configuration");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                tokio::spawn(exchange(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\npem",
                    false,
                ));
            }
        }
    });
    let url = format!("https://localhost:{port}/");
    let limits = GetLimits {
        allow_http: false,
        ..LIMITS
    };

    let stranger = client().get(&url, limits).await;
    assert!(matches!(stranger, Err(Error::Tls { .. })), "{stranger:?}");

    let trusting = client_with(vec![signed.cert.pem().into_bytes()]).expect("a client");
    assert_eq!(
        &trusting.get(&url, limits).await.expect("a trusted answer")[..],
        b"pem"
    );
}

#[test]
fn unusable_roots_are_refused_by_number() {
    let good = rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .expect("a certificate")
        .cert
        .pem();

    for bad in [
        "",
        "not PEM",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let roots = vec![good.clone().into_bytes(), bad.as_bytes().to_vec()];
        let error = client_with(roots).expect_err("no certificate");
        assert!(
            matches!(error, Error::Roots { number: 2, .. }),
            "{bad:?}: {error:?}"
        );
    }
}
