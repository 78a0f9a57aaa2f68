//! The admin API of the real host, as a client with tokens uses it.

use std::net::SocketAddr;

use anyhow::Result;
use hookyard_testkit::http::{Answer, Client, Webhook};
use hookyard_testkit::{eventually, guests};
use http::Method;
use serde_json::{Value, json};

use crate::admin;
use crate::rig::{Rig, fresh_payment, quick};

const PLUGIN: &str = "acme/slow";
/// The names of the tokens, each with its role and further lines.
const TOKENS: [(&str, &str); 3] = [
    ("ada", "role = \"operator\"\npayloads = true"),
    ("ben", "role = \"viewer\""),
    ("eve", "role = \"operator\"\ntenants = [\"umbrella\"]"),
];

struct Api {
    rig: Rig,
    address: SocketAddr,
    client: Client,
}

impl Api {
    async fn start() -> Result<Self> {
        let config = TOKENS.iter().fold(quick(), |config, (name, lines)| {
            let lines = format!("token = {{ file = \"{name}.token\" }}\n{lines}");
            config.section(&format!("admin.tokens.{name}"), &lines)
        });
        let rig = Rig::prepared(config, &[(PLUGIN, &guests::test("slow")?)], |site| {
            for (name, _) in TOKENS {
                site.write(&format!("{name}.token"), token(name))?;
            }
            Ok(())
        })
        .await?;
        Ok(Self {
            address: admin::address(&rig).await?,
            rig,
            client: Client::http1(),
        })
    }

    async fn ask(&self, method: Method, path: &str, by: &str, body: Value) -> Result<Answer> {
        let request =
            Webhook::json(body.to_string()).and("authorization", &format!("Bearer {}", token(by)));
        let path = format!("/api/v1{path}");
        self.client
            .send(method, self.address, &path, &request)
            .await
    }

    async fn get(&self, path: &str, by: &str) -> Result<Value> {
        let answer = self.ask(Method::GET, path, by, Value::Null).await?;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        Ok(serde_json::from_slice(&answer.body)?)
    }

    async fn post(&self, path: &str, body: Value) -> Result<(u16, Value)> {
        let answer = self.ask(Method::POST, path, "ada", body).await?;
        Ok((answer.status, serde_json::from_slice(&answer.body)?))
    }
}

fn token(name: &str) -> String {
    format!("{name}-has-a-token-of-some-length")
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().expect("items")
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_shown_and_replayed() -> Result<()> {
    let api = Api::start().await?;
    for _ in 0..3 {
        api.rig.deliver("topper", &fresh_payment().1).await?;
    }
    api.rig.all_done(3).await?;

    let first = api.get("/events?limit=2&state=done", "ada").await?;
    assert_eq!(items(&first).len(), 2);
    let next = first["next"].as_str().expect("a cursor");
    let rest = api
        .get(&format!("/events?limit=2&state=done&cursor={next}"), "ada")
        .await?;
    assert_eq!(items(&rest).len(), 1);
    let moved = format!("/events?limit=2&cursor={next}");
    let refused = api.ask(Method::GET, &moved, "ada", Value::Null).await?;
    assert_eq!(refused.status, 400, "the cursor belongs to other filters");

    let id = items(&first)[0]["id"].as_str().expect("an id");
    let event = api.get(&format!("/events/{id}"), "ada").await?;
    assert_eq!(event["plugins"][0]["state"], "done", "{event}");
    let body = format!("/events/{id}/body");
    let shown = api.ask(Method::GET, &body, "ada", Value::Null).await?;
    assert_eq!(shown.status, 200);
    let hidden = api.ask(Method::GET, &body, "ben", Value::Null).await?;
    assert_eq!(hidden.status, 403, "the token shows no payloads");

    let filter = json!({ "plugin": "slow", "state": "done" });
    let counted = json!({ "filter": filter, "dry_run": true });
    let (status, plan) = api.post("/events/replay", counted).await?;
    assert_eq!((status, &plan["again"]), (200, &json!(3)), "{plan}");
    let (status, refused) = api
        .post("/events/replay", json!({ "filter": filter, "plan": 2 }))
        .await?;
    assert_eq!(status, 409, "{refused}");
    let (status, _) = api
        .post("/events/replay", json!({ "filter": filter, "plan": 3 }))
        .await?;
    assert_eq!(status, 200);

    let audit = api.get("/audit", "ada").await?;
    let entry = &items(&audit)[0];
    assert!(entry.to_string().contains("ada"), "{entry}");
    assert!(entry.to_string().contains("replay"), "{entry}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_allow_what_their_roles_say() -> Result<()> {
    let api = Api::start().await?;
    api.rig.deliver("topper", &fresh_payment().1).await?;
    let event = api.rig.all_done(1).await?[0].id.clone();

    for (by, method, path, expected) in [
        ("ben", Method::GET, "/plugins/acme/slow".to_owned(), 200),
        (
            "ben",
            Method::POST,
            "/plugins/acme/slow/rollback".to_owned(),
            403,
        ),
        ("eve", Method::GET, format!("/events/{event}"), 404),
        ("eve", Method::GET, "/plugins/acme/slow".to_owned(), 404),
        ("ada", Method::GET, "/events?colour=red".to_owned(), 400),
        ("ada", Method::GET, "/nothing".to_owned(), 404),
        ("bob", Method::GET, "/events".to_owned(), 401),
    ] {
        let answer = api.ask(method, &path, by, Value::Null).await?;
        assert_eq!(answer.status, expected, "{by} {path}: {}", answer.text());
    }
    let events = api.get("/events", "eve").await?;
    assert_eq!(items(&events).len(), 0, "another tenant's events");

    for path in ["/livez", "/readyz"] {
        let request = Webhook::default();
        let answer = api.client.send(Method::GET, api.address, path, &request);
        assert_eq!(answer.await?.status, 200, "{path} needs no token");
    }
    Ok(())
}

/// Figures and refusals reach the store within seconds.
#[tokio::test(flavor = "multi_thread")]
async fn figures_and_refusals_are_gathered() -> Result<()> {
    let api = Api::start().await?;
    let webhook = api.rig.senders.sign("topper", &fresh_payment().1)?;
    assert!(api.rig.post("topper", &webhook).await?.is_accepted());
    api.rig.all_done(1).await?;
    let forged = webhook.with_body(fresh_payment().1);
    assert_eq!(api.rig.post("topper", &forged).await?.status, 401);

    let source = api.get("/sources", "ada").await?;
    let names: Vec<_> = items(&source)
        .iter()
        .map(|source| &source["source"])
        .collect();
    assert!(names.contains(&&json!("payments")), "{names:?}");
    let refusals = eventually("the refusal", || async {
        let refusals = api.get("/sources/acme/payments/refusals", "ada").await?;
        Ok((!items(&refusals).is_empty()).then_some(refusals))
    })
    .await?;
    let refusal = &items(&refusals)[0];
    assert_eq!(refusal["reason"], "bad-signature", "{refusal}");
    assert_eq!(refusal["count"], 1, "{refusal}");
    assert!(!refusal.to_string().contains("signature-input\":\""));

    let figures = api.get("/stats", "ada").await?.to_string();
    for part in [
        "\"request\"",
        "\"attempt\"",
        "\"queue\"",
        "bad-signature",
        "stored",
    ] {
        assert!(figures.contains(part), "{part}: {figures}");
    }
    Ok(())
}
