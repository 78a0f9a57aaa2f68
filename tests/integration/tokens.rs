//! Senders with JSON Web Tokens: keys from a JWK set at a URL, and single keys by request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use hookyard_testkit::guests;
use hookyard_testkit::http::Webhook;
use hookyard_testkit::sign::{self, Topper};
use hookyard_testkit::site::Config;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{Rig, quick};

const PUSH: &str = r#"
name = "push"
package = "push:webhooks"
key = "{json:/id}"
type = "{json:/type}"
[scheme]
default = "jwt"
[scheme.jwt]
algorithms = ["ES256"]
issuers = ["https://login.example/{setting:tenant}/"]
keys_url = "https://login.example/keys"
needs = ["audience", "email"]
"#;
const BANK: &str = r#"
name = "bank"
package = "bank:webhooks"
key = "{json:/id}"
type = "{json:/type}"
[scheme]
default = "jwt"
[scheme.jwt]
from = { header = "X-Verification" }
algorithms = ["ES256"]
max_age = "5m"
body_sha256 = "request_body_sha256"
[scheme.jwt.key_request]
url = "https://bank.example/key"
body = { client_id = "{setting:client_id}", secret = "{secret}", key_id = "{kid}" }
key = "/key"
"#;
const BODY: &str = r#"{"id": "1", "type": "paid"}"#;

/// A server that publishes the keys of a sender: a set at `/keys`, and single keys at `/key`.
struct KeyServer {
    address: String,
    keys: Mutex<Vec<Value>>,
    is_down: AtomicBool,
    /// The requests: the first line and the body.
    asked: Mutex<Vec<(String, String)>>,
}

impl KeyServer {
    async fn start() -> Result<Arc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = Arc::new(Self {
            address: listener.local_addr()?.to_string(),
            keys: Mutex::default(),
            is_down: AtomicBool::new(false),
            asked: Mutex::default(),
        });
        let serving = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if !serving.is_down.load(Ordering::Relaxed) {
                    tokio::spawn(Arc::clone(&serving).answer(stream));
                }
            }
        });
        Ok(server)
    }

    fn publish(&self, sender: &Topper) -> Result<()> {
        let key = serde_json::from_str(&sender.jwk())?;
        self.keys.lock().expect("not poisoned").push(key);
        Ok(())
    }

    fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().expect("not poisoned").clone()
    }

    async fn answer(self: Arc<Self>, mut stream: TcpStream) {
        let mut received = Vec::new();
        let mut block = [0; 4096];
        let (head, body) = loop {
            match stream.read(&mut block).await {
                Ok(count @ 1..) => received.extend_from_slice(&block[..count]),
                _ => return,
            }
            let text = String::from_utf8_lossy(&received).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && body.len() >= length(head)
            {
                break (head.to_owned(), body.to_owned());
            }
        };

        let line = head.lines().next().unwrap_or_default().to_owned();
        let answer = self.document(&line, &body);
        self.asked.lock().expect("not poisoned").push((line, body));
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
            answer.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    fn document(&self, line: &str, body: &str) -> String {
        let keys = self.keys.lock().expect("not poisoned");
        if line.starts_with("GET /keys ") {
            return json!({ "keys": *keys }).to_string();
        }
        let wanted: Value = serde_json::from_str(body).unwrap_or_default();
        let key = keys.iter().find(|key| key["kid"] == wanted["key_id"]);
        json!({ "key": key }).to_string()
    }
}

fn length(head: &str) -> usize {
    let lines = head.lines().map(str::to_ascii_lowercase);
    let length = lines
        .filter_map(|line| Some(line.strip_prefix("content-length:")?.trim().to_owned()))
        .next();
    length.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn config(server: &KeyServer) -> Config {
    let address = &server.address;
    quick()
        .section("providers", "folder = \"providers\"")
        .source(
            "acme/push",
            &format!(
                "provider = \"push\"\naudience = \"https://hooks.example/acme/push\"\n\
                 email = \"push@project.example\"\nsettings = {{ tenant = \"t1\" }}\n\
                 keys_url = \"http://{address}/keys\""
            ),
        )
        .source(
            "acme/bank",
            &format!(
                "provider = \"bank\"\nsecrets = [{{ file = \"bank.secret\" }}]\n\
                 settings = {{ client_id = \"me\" }}\nkeys_url = \"http://{address}/key\""
            ),
        )
}

async fn rig(server: &KeyServer) -> Result<Rig> {
    let echo = guests::test("untyped-echo")?;
    Rig::prepared(config(server), &[("acme/it", &echo)], |site| {
        site.write("providers/push/provider.toml", PUSH)?;
        site.write("providers/bank/provider.toml", BANK)?;
        site.write("bank.secret", "the secret of the bank")?;
        Ok(())
    })
    .await
}

async fn post(rig: &Rig, path: &str, webhook: &Webhook) -> Result<u16> {
    let answer = rig.client.post(rig.host.address(), path, webhook).await?;
    Ok(answer.status)
}

fn push(sender: &Topper, body: &str, audience: &str) -> Webhook {
    let now = sign::now();
    let claims = json!({
        "iss": "https://login.example/t1/", "aud": audience,
        "email": "push@project.example", "email_verified": true,
        "iat": now, "exp": now + 3600,
    });
    let token = sender.jwt(&claims);
    Webhook::json(body.to_owned()).and("Authorization", &format!("Bearer {token}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_a_set_at_a_url() -> Result<()> {
    const AUDIENCE: &str = "https://hooks.example/acme/push";
    let server = KeyServer::start().await?;
    let sender = Topper::new();
    server.publish(&sender)?;
    let rig = rig(&server).await?;

    let other_audience = push(&sender, BODY, "https://other.example");
    assert_eq!(post(&rig, "/acme/push", &other_audience).await?, 401);
    assert!(server.asked().is_empty(), "the claims are checked first");

    assert_eq!(
        post(&rig, "/acme/push", &push(&sender, BODY, AUDIENCE)).await?,
        200
    );
    let second = r#"{"id": "2", "type": "paid"}"#;
    assert_eq!(
        post(&rig, "/acme/push", &push(&sender, second, AUDIENCE)).await?,
        200
    );
    for _ in 0..20 {
        let forged = push(&Topper::new(), BODY, AUDIENCE);
        let status = post(&rig, "/acme/push", &forged).await?;
        assert_eq!(
            status, 503,
            "the set is new, and may lack a key for a moment"
        );
    }
    server.is_down.store(true, Ordering::Relaxed);
    let third = r#"{"id": "3", "type": "paid"}"#;
    assert_eq!(
        post(&rig, "/acme/push", &push(&sender, third, AUDIENCE)).await?,
        200
    );
    assert_eq!(server.asked().len(), 1, "{:?}", server.asked());
    rig.all_done(3).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn key_is_requested_by_its_id() -> Result<()> {
    let server = KeyServer::start().await?;
    let sender = Topper::new();
    server.publish(&sender)?;
    let rig = rig(&server).await?;

    let digest = sign::sha256(BODY.as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let claims = json!({ "iat": sign::now(), "request_body_sha256": digest });
    let good = Webhook::json(BODY).and("X-Verification", &sender.jwt(&claims));
    assert_eq!(
        post(&rig, "/acme/bank", &good.clone().with_body("{}")).await?,
        401
    );
    assert!(server.asked().is_empty(), "the body is checked first");
    assert_eq!(post(&rig, "/acme/bank", &good).await?, 200);
    assert_eq!(post(&rig, "/acme/bank", &good).await?, 200, "a repeat");

    let asked = server.asked();
    let (line, body) = asked.first().context("one request")?;
    assert_eq!((asked.len(), line.as_str()), (1, "POST /key HTTP/1.1"));
    let body: Value = serde_json::from_str(body)?;
    assert_eq!(body["client_id"], "me");
    assert_eq!(body["secret"], "the secret of the bank");
    let unknown = Webhook::json(BODY).and("X-Verification", &Topper::new().jwt(&claims));
    assert_eq!(post(&rig, "/acme/bank", &unknown).await?, 503);
    rig.all_done(1).await?;
    Ok(())
}
