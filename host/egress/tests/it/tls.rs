//! TLS: which receivers are trusted, and which client certificate the door presents.

use std::sync::Arc;
use std::time::Duration;

use hookyard_egress::{Config, Error, Identity, Phase, Policy, check_policy};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::support::{
    LIMITS, OK, Receiver, door, door_resolving, door_with, get, policy, receive, receive_at,
    status_and_body,
};

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// Returns the certificate of the authority.
    pub(crate) fn pem(&self) -> Vec<u8> {
        self.certificate.pem().into_bytes()
    }

    fn sign(&self, params: CertificateParams) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        (
            params.signed_by(&key, &self.issuer).expect("a certificate"),
            key,
        )
    }

    /// Issues a client certificate.
    fn identity(&self) -> Identity {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (certificate, key) = self.sign(params);
        Identity {
            certificate: certificate.pem().into_bytes(),
            key: key.serialize_pem().into_bytes(),
        }
    }

    /// Returns the configuration of a server with a certificate for these names. The server speaks
    /// HTTP/1.1 and asks for no client certificate.
    pub(crate) fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        Arc::new(self.configuration(params(names), None))
    }

    /// Like `server`, but the server offers HTTP/2 as well.
    pub(crate) fn http2(&self, names: &[&str]) -> Arc<ServerConfig> {
        let mut config = self.configuration(params(names), None);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }

    fn configuration(&self, params: CertificateParams, clients: Option<&Self>) -> ServerConfig {
        let (certificate, key) = self.sign(params);
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("protocol versions");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots
                    .add(authority.certificate.der().clone())
                    .expect("a root");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.expect("a verifier"))
            }
        };

        builder
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a server's configuration")
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).expect("names")
}

async fn serve(tls: Arc<ServerConfig>) -> Receiver {
    receive_at("127.0.0.1:0", Some(tls), |connection| {
        connection.answer_each(OK)
    })
    .await
}

fn trusting(authority: &Authority) -> Policy {
    Policy {
        roots: vec![authority.pem()],
        ..policy()
    }
}

#[tokio::test]
async fn roots_come_from_door_and_policy() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let receiver = serve(ours.server(&["localhost"])).await;
    let url = receiver.url_of("https", "localhost");
    let by_door = door_with(Config {
        roots: vec![ours.pem()],
        ..Config::default()
    });
    let cases = [
        ("no roots", door(), policy(), false),
        ("the policy's root", door(), trusting(&ours), true),
        (
            "another root of the policy",
            door(),
            trusting(&theirs),
            false,
        ),
        ("the door's root", by_door.clone(), policy(), true),
        (
            "the door's root, another root of the policy",
            by_door,
            trusting(&theirs),
            true,
        ),
    ];

    for (name, door, policy, is_trusted) in cases {
        let got = door.send(&policy, get(&url), &LIMITS).await;
        match got {
            Ok(_) => assert!(is_trusted, "{name}"),
            Err(error) => assert!(
                !is_trusted && matches!(error, Error::Tls { .. }),
                "{name}: {error:?}"
            ),
        }
    }
}

#[tokio::test]
async fn policies_do_not_share_trust() {
    let authority = Authority::new();
    let receiver = serve(authority.server(&["localhost"])).await;
    let (door, url) = (door(), receiver.url_of("https", "localhost"));

    assert_eq!(
        status_and_body(&door.send(&trusting(&authority), get(&url), &LIMITS).await).0,
        200
    );

    // Neither the pooled connection nor the cached TLS session helps the other policy.
    let got = door.send(&policy(), get(&url), &LIMITS).await;

    assert!(matches!(got, Err(Error::Tls { .. })), "{got:?}");
}

#[tokio::test]
async fn certificate_must_match_the_host() {
    let authority = Authority::new();
    let receiver = serve(authority.server(&["receiver.example", "127.0.0.1"])).await;
    let (door, _) = door_resolving(&[&["127.0.0.1"]]);

    for (host, is_match) in [
        ("receiver.example", true),
        ("RECEIVER.example.", true),
        ("127.0.0.1", true),
        ("other.example", false),
        ("x.receiver.example", false),
        ("example", false),
        ("127.0.0.2", false),
    ] {
        let receiver = if host == "127.0.0.2" {
            let tls = authority.server(&["receiver.example", "127.0.0.1"]);
            &receive_at("127.0.0.2:0", Some(tls), |connection| {
                connection.answer_each(OK)
            })
            .await
        } else {
            &receiver
        };
        let got = door
            .send(
                &trusting(&authority),
                get(&receiver.url_of("https", host)),
                &LIMITS,
            )
            .await;
        assert_eq!(got.is_ok(), is_match, "{host}: {got:?}");
        assert!(
            is_match || matches!(&got, Err(error @ Error::Tls { .. }) if error.is_retryable()),
            "{host}: {got:?}"
        );
    }
}

#[tokio::test]
async fn expired_certificates_are_refused() {
    let (authority, door) = (Authority::new(), door());

    for (from, until) in [(2001, 2002), (2998, 2999)] {
        let mut params = params(&["localhost"]);
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let receiver = serve(Arc::new(authority.configuration(params, None))).await;
        let got = door
            .send(
                &trusting(&authority),
                get(&receiver.url_of("https", "localhost")),
                &LIMITS,
            )
            .await;
        assert!(matches!(got, Err(Error::Tls { .. })), "{from}: {got:?}");
    }
}

#[tokio::test]
async fn client_certificate_is_presented() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let receiver = serve(Arc::new(
        authority.configuration(params(&["localhost"]), Some(&clients)),
    ))
    .await;
    let (door, url) = (door(), receiver.url_of("https", "localhost"));
    let with_identity = |identity| Policy {
        identity,
        ..trusting(&authority)
    };

    let known = with_identity(Some(clients.identity()));
    check_policy(&known).expect("usable");
    assert_eq!(
        status_and_body(&door.send(&known, get(&url), &LIMITS).await).0,
        200
    );
    // The pooled connection does not help policies with another certificate.
    for (name, policy) in [
        ("none", with_identity(None)),
        ("another's", with_identity(Some(strangers.identity()))),
    ] {
        let got = door.send(&policy, get(&url), &LIMITS).await;
        assert!(
            got.as_ref().is_err_and(Error::is_retryable),
            "{name}: {got:?}"
        );
    }
    assert_eq!(receiver.requests().len(), 1);
    assert_eq!(
        status_and_body(&door.send(&known, get(&url), &LIMITS).await).0,
        200
    );
}

#[tokio::test]
async fn failed_handshake_and_timeout_differ() {
    let plain =
        receive(async |mut connection| connection.write("HTTP/1.1 400 No\r\n\r\n").await).await;
    let silent = receive(async |mut connection| connection.gone().await).await;
    let door = door_with(Config {
        connect_timeout: Duration::from_millis(200),
        ..Config::default()
    });
    let got = door
        .send(&policy(), get(&plain.url_of("https", "localhost")), &LIMITS)
        .await;

    assert!(matches!(got, Err(Error::Tls { .. })), "{got:?}");

    let got = door
        .send(
            &policy(),
            get(&silent.url_of("https", "localhost")),
            &LIMITS,
        )
        .await;

    assert!(
        matches!(
            got,
            Err(Error::TimedOut {
                phase: Phase::Connection,
                ..
            })
        ),
        "{got:?}"
    );
}

#[test]
fn unusable_certificates_are_refused_early() {
    let authority = Authority::new();
    let good = authority.identity();
    let check = |identity| {
        check_policy(&Policy {
            identity: Some(identity),
            ..policy()
        })
    };
    let with_key = |key: &[u8]| Identity {
        key: key.to_vec(),
        ..good.clone()
    };
    let with_certificate = |certificate: &[u8]| Identity {
        certificate: certificate.to_vec(),
        ..good.clone()
    };
    check(good.clone()).expect("usable");

    for bad in [
        with_key(b""),
        with_key(b"s3cret"),
        with_key(&authority.identity().key),
        with_certificate(b""),
        with_certificate(b"not PEM"),
    ] {
        let error = check(bad).expect_err("unusable");
        assert!(matches!(error, Error::Identity(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        assert!(!error.is_retryable());
    }

    assert_eq!(format!("{good:?}"), "Identity(..)");

    let bad_roots = Policy {
        roots: vec![authority.pem(), b"not PEM".to_vec()],
        ..policy()
    };

    assert!(matches!(
        check_policy(&bad_roots),
        Err(Error::Roots { number: 2, .. })
    ));
}
