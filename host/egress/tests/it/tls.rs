//! Who is trusted, and as whom the door connects.

use std::sync::Arc;
use std::time::Duration;

use hookyard_egress::error::Phase;
use hookyard_egress::{Config, Error, Identity, Policy};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::support::{
    LIMITS, OK, Receiver, door, door_resolving, door_with, get, policy, receive, receive_at, said,
};

/// Somebody who signs certificates.
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

    /// Its own certificate.
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

    /// A client's certificate.
    fn identity(&self) -> Identity {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (certificate, key) = self.sign(params);
        Identity {
            certificate: certificate.pem().into_bytes(),
            key: key.serialize_pem().into_bytes(),
        }
    }

    /// A server with a certificate for these names, which asks clients for none and speaks HTTP/1.1.
    pub(crate) fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        Arc::new(self.configuration(params(names), None))
    }

    /// The same one speaking HTTP/2, where it's asked whether it does.
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
async fn roots_are_the_platforms_the_doors_and_the_policys() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let receiver = serve(ours.server(&["localhost"])).await;
    let url = receiver.url_of("https", "localhost");
    let by_door = door_with(Config {
        roots: vec![ours.pem()],
        ..Config::default()
    });
    let cases = [
        ("nothing more", door(), policy(), false),
        ("a policy's", door(), trusting(&ours), true),
        (
            "a policy's that are others",
            door(),
            trusting(&theirs),
            false,
        ),
        ("a door's", by_door.clone(), policy(), true),
        (
            "a door's and a policy's others",
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
async fn trust_under_one_policy_is_none_under_another() {
    let authority = Authority::new();
    let receiver = serve(authority.server(&["localhost"])).await;
    let (door, url) = (door(), receiver.url_of("https", "localhost"));
    assert_eq!(
        said(&door.send(&trusting(&authority), get(&url), &LIMITS).await).0,
        200
    );
    // Neither the kept connection nor the kept session of TLS lets it in.
    let got = door.send(&policy(), get(&url), &LIMITS).await;
    assert!(matches!(got, Err(Error::Tls { .. })), "{got:?}");
}

#[tokio::test]
async fn a_certificate_is_for_the_name_that_was_asked_for() {
    let authority = Authority::new();
    let receiver = serve(authority.server(&["receiver.example", "127.0.0.1"])).await;
    let (door, _) = door_resolving(&[&["127.0.0.1"]]);
    for (host, is_its) in [
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
        assert_eq!(got.is_ok(), is_its, "{host}: {got:?}");
        assert!(
            is_its || matches!(&got, Err(error @ Error::Tls { .. }) if error.is_retryable()),
            "{host}: {got:?}"
        );
    }
}

#[tokio::test]
async fn certificates_out_of_their_time_are_refused() {
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
async fn a_client_certificate_is_shown_where_one_is_configured() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let receiver = serve(Arc::new(
        authority.configuration(params(&["localhost"]), Some(&clients)),
    ))
    .await;
    let (door, url) = (door(), receiver.url_of("https", "localhost"));
    let as_whom = |identity| Policy {
        identity,
        ..trusting(&authority)
    };

    let known = as_whom(Some(clients.identity()));
    known.check().expect("usable");
    assert_eq!(said(&door.send(&known, get(&url), &LIMITS).await).0, 200);
    // With that connection kept, others still have to show theirs.
    for (name, policy) in [
        ("none", as_whom(None)),
        ("another's", as_whom(Some(strangers.identity()))),
    ] {
        let got = door.send(&policy, get(&url), &LIMITS).await;
        assert!(
            got.as_ref().is_err_and(Error::is_retryable),
            "{name}: {got:?}"
        );
    }
    assert_eq!(receiver.requests().len(), 1);
    assert_eq!(said(&door.send(&known, get(&url), &LIMITS).await).0, 200);
}

#[tokio::test]
async fn what_is_no_tls_or_never_comes_to_it_is_told_apart() {
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
fn roots_and_identities_that_are_none_are_told_before_anything_is_sent() {
    let authority = Authority::new();
    let good = authority.identity();
    let check = |identity| {
        Policy {
            identity: Some(identity),
            ..policy()
        }
        .check()
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
        bad_roots.check(),
        Err(Error::Roots { number: 2, .. })
    ));
}
