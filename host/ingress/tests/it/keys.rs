//! Tokens whose keys are fetched from a server that may be down, slow, or hostile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL;
use bytes::Bytes;
use hookyard_ingress::{Fetch, FetchError, FetchRequest, Sources};
use hookyard_model::Timestamp;
use hookyard_schemes::jwt::{LEEWAY, Settings, bearer};
use hookyard_schemes::{KeyLocation, Scheme};
use rcgen::{KeyPair, SigningKey as _};

use crate::support::{Running, config, post, send, source, start_with};

const NOW: Timestamp = Timestamp::from_unix_secs(1_780_000_000);
const KEYS_URL: &str = "https://keys.example/jwks";

/// A server that publishes one text.
struct KeyServer {
    page: Mutex<String>,
    is_down: AtomicBool,
    asked: AtomicUsize,
}

#[async_trait]
impl Fetch for KeyServer {
    async fn fetch(&self, request: FetchRequest) -> Result<Bytes, FetchError> {
        assert_eq!(request.url, KEYS_URL);
        assert!(request.post.is_none() && !request.allow_http);
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.is_down.load(Ordering::Relaxed) {
            return Err(FetchError("down".into()));
        }
        Ok(self.page.lock().expect("not poisoned").clone().into())
    }
}

/// A sender with an Ed25519 key.
struct Sender(KeyPair);

impl Sender {
    fn new() -> Self {
        Self(KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key"))
    }

    fn jwk(&self, id: &str) -> String {
        let x = URL.encode(self.0.public_key_raw());
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{id}","x":"{x}"}}"#)
    }

    fn request(&self, id: &str) -> String {
        let header = URL.encode(format!(r#"{{"alg":"EdDSA","kid":"{id}"}}"#));
        let claims = URL.encode(format!(r#"{{"iss":"me","exp":{}}}"#, NOW.unix_secs()));
        let signed = format!("{header}.{claims}");
        let signature = URL.encode(self.0.sign(signed.as_bytes()).expect("signed"));
        let token = format!("authorization: Bearer {signed}.{signature}\r\n");
        post("/acme/push", &token, r#"{"id":"1","type":"a"}"#)
    }
}

async fn host(page: &str) -> (Running, Arc<KeyServer>) {
    let server = Arc::new(KeyServer {
        page: Mutex::new(page.to_owned()),
        is_down: AtomicBool::new(false),
        asked: AtomicUsize::new(0),
    });
    let settings = Settings {
        from: bearer(),
        algorithms: vec!["EdDSA".to_owned()],
        keys: KeyLocation::Url(KEYS_URL.to_owned()),
        issuers: vec!["me".to_owned()],
        audiences: Vec::new(),
        emails: Vec::new(),
        claims: Vec::new(),
        leeway: LEEWAY,
        max_age: None,
        body_sha256: None,
        query_hash: None,
    };
    let push = source("push", Scheme::Jwt(Box::new(settings)));
    let fetch = Arc::clone(&server) as Arc<dyn Fetch>;
    let running = start_with(config(), Sources::from_iter([push]), fetch, NOW).await;
    (running, server)
}

#[tokio::test]
async fn set_is_fetched_once_and_proves_senders() {
    let sender = Sender::new();
    let (host, server) = host(&format!(r#"{{"keys":[{}]}}"#, sender.jwk("a"))).await;
    let status = async |request: String| send(host.address, &request).await.status;

    assert_eq!(status(sender.request("a")).await, 200);
    assert_eq!(status(Sender::new().request("a")).await, 401, "another key");
    server.is_down.store(true, Ordering::Relaxed);
    assert_eq!(status(sender.request("a")).await, 200, "from memory");
    for number in 0..50 {
        let unknown = Sender::new().request(&format!("u{number}"));
        assert_eq!(status(unknown).await, 503, "the set is new");
    }
    assert_eq!(server.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn unknown_key_of_a_new_set_is_refused() {
    let (host, server) = host(&format!(r#"{{"keys":[{}]}}"#, Sender::new().jwk("a"))).await;
    let answer = send(host.address, &Sender::new().request("b")).await;
    assert_eq!(answer.status, 401, "the set was fetched for this request");
    assert_eq!(server.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn useless_sets_ask_for_a_retry() {
    let symmetric = r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#;
    let deep = "[".repeat(100_000);
    let many = format!(r#"{{"keys":[{}{{}}]}}"#, "{},".repeat(1000));

    for page in [
        "",
        "<html>",
        "{}",
        r#"{"keys":[]}"#,
        symmetric,
        &deep,
        &many,
    ] {
        let (host, server) = host(page).await;
        let sender = Sender::new();
        for _ in 0..3 {
            let answer = send(host.address, &sender.request("a")).await;
            assert_eq!(answer.status, 503, "{}", &page[..page.len().min(40)]);
            assert!(answer.head.contains("retry-after"), "{answer:?}");
        }
        assert_eq!(
            server.asked.load(Ordering::Relaxed),
            1,
            "failures are remembered"
        );
    }
}
