//! The handshakes that providers declare. Those of Amazon SNS are in `handshakes`.

use std::io;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hookyard_ingress::{LearntSecret, LearntSecrets, NotKept, Source, Sources};
use hookyard_model::{SourceRef, Timestamp};
use hookyard_schemes::handshake::{
    Condition, Handshake, HandshakeAnswer, HandshakeBody, HandshakeMethod, HandshakeSettings,
    SourceHandshakes, Test,
};
use hookyard_schemes::value::{Place, PlaceKind, Template};
use hookyard_schemes::{Credential, Scheme, SchemeKind, Secret};

use crate::support::{
    BODY, NoFetch, Running, TOKEN, closed, config, connect, exchange, post, send, source,
    start_with_parts,
};

fn place(text: &str) -> Place {
    let (word, name) = text.split_once(':').expect("a kind and a name");
    Place::whole(PlaceKind::parse(word, name).expect("a place"))
}

/// A handshake that repeats the value at a place.
fn echo(method: HandshakeMethod, at: &str, verified: bool) -> Handshake {
    let text = Template::parse(&format!("{{{at}}}")).expect("a template");
    let answer = HandshakeAnswer::new(200, Vec::new(), HandshakeBody::Text(text));
    Handshake {
        when: Condition {
            method,
            tests: vec![Test {
                place: place(at),
                equals: None,
            }],
        },
        verified,
        require: None,
        answer: answer.expect("an answer"),
        learn: None,
    }
}

fn with(name: &str, scheme: Scheme, handshakes: Vec<Handshake>) -> Source {
    let joined = SourceHandshakes::new(HandshakeSettings {
        handshakes,
        scheme: &scheme,
        secret: None,
        learning: true,
    });
    Source {
        handshakes: Arc::new(joined.expect("they can work")),
        ..source(name, scheme)
    }
}

/// `acme/echo` has an unverified handshake for each method, `acme/proven` has verified ones, and
/// `acme/learning` learns its secret.
fn sources() -> Sources {
    let bearer = || {
        let tokens = vec![Secret::from(TOKEN)];
        Scheme::Static(Credential::Bearer { tokens })
    };
    let unverified = [
        echo(HandshakeMethod::Get, "query:challenge", false),
        echo(HandshakeMethod::Options, "header:x-origin", false),
        echo(HandshakeMethod::Post, "json:/challenge", false),
    ];
    let verified = [
        echo(HandshakeMethod::Get, "header:x-challenge", true),
        echo(HandshakeMethod::Post, "json:/challenge", true),
    ];
    let mut learning = echo(HandshakeMethod::Post, "header:x-hook-secret", false);
    learning.learn = Some(place("header:x-hook-secret"));
    Sources::from_iter([
        with("echo", bearer(), unverified.into()),
        with("proven", bearer(), verified.into()),
        with(
            "learning",
            Scheme::NoSecretYet(SchemeKind::Hmac),
            vec![learning],
        ),
    ])
}

/// Remembers the secrets, or fails.
#[derive(Default)]
struct Secrets {
    kept: Mutex<Vec<(String, LearntSecret)>>,
    fails: bool,
}

#[async_trait]
impl LearntSecrets for Secrets {
    async fn keep(&self, source: &SourceRef, learnt: LearntSecret) -> Result<(), NotKept> {
        if self.fails {
            return Err(io::Error::other("disk on fire").into());
        }
        let mut kept = self.kept.lock().expect("not poisoned");
        kept.push((source.to_string(), learnt));
        Ok(())
    }
}

async fn start(secrets: Arc<Secrets>) -> Running {
    let now = Timestamp::from_unix_secs(1_780_000_000);
    start_with_parts(config(), sources(), Arc::new(NoFetch), now, secrets).await
}

fn request(method: &str, target: &str, headers: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nhost: hooks\r\n{headers}\r\n")
}

#[tokio::test]
async fn each_method_reaches_its_handshake() {
    let host = start(Arc::default()).await;
    let token = format!("authorization: Bearer {TOKEN}\r\n");
    let challenge = r#"{"challenge":"c"}"#;
    let cases = [
        (request("GET", "/acme/echo?challenge=a%20b", ""), 200, "a b"),
        (
            request("OPTIONS", "/acme/echo", "x-origin: o\r\n"),
            200,
            "o",
        ),
        (post("/acme/echo", "", challenge), 200, "c"),
        (request("OPTIONS", "/acme/echo", ""), 405, "use POST"),
        (request("OPTIONS", "/acme/proven", ""), 405, "use POST"),
        (post("/acme/echo", "", BODY), 401, "credential"),
        (post("/acme/echo", &token, BODY), 200, "stored"),
        (post("/acme/proven", "", challenge), 401, "credential"),
        (post("/acme/proven", &token, challenge), 200, "c"),
        (post("/acme/proven", &token, BODY), 200, "stored"),
        (
            request("GET", "/acme/proven", "x-challenge: v\r\n"),
            401,
            "credential",
        ),
        (
            request("GET", "/acme/proven", &format!("x-challenge: v\r\n{token}")),
            200,
            "v",
        ),
        (request("GET", "/acme/proven", ""), 200, "webhook"),
    ];
    for (request, status, words) in cases {
        let answer = send(host.address, &request).await;
        assert_eq!(answer.status, status, "{request}: {answer:?}");
        assert!(answer.body.contains(words), "{request}: {answer:?}");
    }
    assert_eq!(
        host.stored().await.len(),
        2,
        "the two events, and no handshake"
    );
}

#[tokio::test]
async fn echo_is_no_page() {
    let host = start(Arc::default()).await;
    let markup = request("GET", "/acme/echo?challenge=%3Cscript%3E", "");
    let answer = send(host.address, &markup).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "<script>"));
    for line in [
        "\r\ncontent-type: text/plain; charset=utf-8\r\n",
        "\r\nx-content-type-options: nosniff\r\n",
    ] {
        assert!(answer.head.contains(line), "{answer:?}");
    }

    let long = format!("/acme/echo?challenge={}", "x".repeat(1025));
    let answer = send(host.address, &request("GET", &long, "")).await;
    assert_eq!(answer.status, 400);
    assert!(!answer.body.contains("xx"), "{answer:?}");
}

#[tokio::test]
async fn handshake_is_answered_without_the_store() {
    let host = start(Arc::default()).await;
    let _held = host.hold();
    let challenge = r#"{"challenge":"c"}"#;
    assert_eq!(
        send(host.address, &post("/acme/echo", "", challenge))
            .await
            .body,
        "c"
    );

    host.inbox.heal();
    host.fail(|| hookyard_store::Error::Store("disk on fire".into()));
    assert_eq!(
        send(host.address, &post("/acme/echo", "", challenge))
            .await
            .body,
        "c"
    );
}

#[tokio::test]
async fn handshake_obeys_the_limits_of_requests() {
    let host = start(Arc::default()).await;
    let large = format!(r#"{{"challenge":"c","x":"{}"}}"#, "y".repeat(64 << 10));
    assert_eq!(
        send(host.address, &post("/acme/echo", "", &large))
            .await
            .status,
        413
    );

    let deep = format!(r#"{{"x":{}}}"#, "[".repeat(30_000));
    assert_eq!(
        send(host.address, &post("/acme/echo", "", &deep))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn learning_source_takes_nothing_but_the_secret() {
    let secrets = Arc::new(Secrets::default());
    let host = start(Arc::clone(&secrets)).await;
    let refused = send(host.address, &post("/acme/learning", "", BODY)).await;
    assert_eq!(refused.status, 503, "the sender tries again later");

    let offer = post("/acme/learning", "x-hook-secret: b537207f20cbfa02\r\n", "");
    let answer = send(host.address, &offer).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "b537207f20cbfa02")
    );
    let kept = secrets.kept.lock().expect("not poisoned").clone();
    let [(source, learnt)] = kept.as_slice() else {
        panic!("one secret is kept: {kept:?}");
    };
    assert_eq!(source, "acme/learning");
    assert_eq!(learnt.secret, Secret::from("b537207f20cbfa02"));
    assert!(learnt.peer.starts_with("127.0.0.1"), "{}", learnt.peer);
    assert_eq!(host.stored().await, []);
}

#[tokio::test]
async fn secret_that_is_not_kept_is_not_confirmed() {
    let secrets = Secrets {
        fails: true,
        ..Secrets::default()
    };
    let host = start(Arc::new(secrets)).await;
    let offer = post("/acme/learning", "x-hook-secret: b537207f20cbfa02\r\n", "");
    let answer = send(host.address, &offer).await;
    assert_eq!(answer.status, 503);
    assert!(
        !answer.body.contains("fire") && !answer.body.contains("b537"),
        "{answer:?}"
    );
}

/// Only a verified request proves that a connection belongs to a sender. Otherwise strangers could
/// keep senders out.
#[tokio::test]
async fn stranger_with_a_challenge_is_evicted_first() {
    let config = hookyard_ingress::Config {
        connections_max: 2,
        ..config()
    };
    let now = Timestamp::from_unix_secs(1_780_000_000);
    let host = start_with_parts(config, sources(), Arc::new(NoFetch), now, Arc::new(())).await;
    let challenge = request("GET", "/acme/echo?challenge=a", "");
    let token = format!("authorization: Bearer {TOKEN}\r\n");

    let mut sender = connect(host.address).await;
    exchange(&mut sender, &post("/acme/echo", &token, BODY)).await;
    let mut stranger = connect(host.address).await;
    exchange(&mut stranger, &challenge).await;
    // The sender has waited for longer, and keeps its connection.
    let mut third = connect(host.address).await;
    exchange(&mut third, &post("/acme/echo", &token, BODY)).await;
    closed(&mut stranger).await;
    exchange(&mut sender, &post("/acme/echo", &token, BODY)).await;
}
