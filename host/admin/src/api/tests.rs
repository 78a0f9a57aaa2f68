//! The endpoints as a client uses them, on a store in memory.

use hookyard_model::Timestamp;
use hookyard_model::{DestinationRef, Role, TenantName};
use hookyard_store::{DisabledDestination, Outbox, Tenants};
use serde_json::{Value, json};

use crate::host::Wanted;
use crate::tests::{Answer, EVENT, Rig};
use crate::{Grant, Grants};

const ADMIN: &str = "the-token-of-ada";
const VIEWER: &str = "the-token-of-a-wall";
const OTHER: &str = "the-token-of-umbrella";

/// Returns an administrator, a viewer without payloads, and an operator of another tenant.
fn grants() -> Grants {
    let mut grants = Grants::default();
    grants.add(ADMIN.into(), Grant::administrator("ada"));
    let viewer = Grant {
        role: Role::Viewer,
        shows_payloads: false,
        ..Grant::administrator("wall")
    };
    grants.add(VIEWER.into(), viewer);
    let umbrella: TenantName = "umbrella".parse().expect("a name");
    let other = Grant {
        role: Role::Operator,
        tenants: Tenants::from(umbrella),
        ..Grant::administrator("umbrella")
    };
    grants.add(OTHER.into(), other);
    grants
}

async fn ask(rig: &Rig, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    rig.ask(method, &format!("/api/v1{path}"), &headers, body)
        .await
}

async fn get(rig: &Rig, token: &str, path: &str) -> (u16, Value) {
    let answer = ask(rig, token, "GET", path, "").await;
    (
        answer.status,
        serde_json::from_str(&answer.body).unwrap_or_default(),
    )
}

async fn send(rig: &Rig, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let answer = ask(rig, token, method, path, &body.to_string()).await;
    (
        answer.status,
        serde_json::from_str(&answer.body).unwrap_or_default(),
    )
}

#[tokio::test]
async fn each_list_and_item_is_answered() {
    let rig = Rig::with(grants()).await;
    for path in [
        "/me",
        "/overview",
        "/tenants",
        "/stats",
        "/stats?kind=attempt&step=quarter&from=7d",
        "/audit",
        "/events",
        "/events?state=held,pending&order=oldest&limit=1&count=capped",
        &format!("/events/{EVENT}"),
        "/messages",
        "/messages?state=dead&since=7d&count=capped",
        "/destinations",
        "/plugins",
        "/plugins/acme/books",
        "/plugins/acme/books/steps",
        "/sources",
        "/sources/acme/offers/refusals",
        "/openapi.json",
    ] {
        let (status, body) = get(&rig, ADMIN, path).await;
        assert_eq!(status, 200, "{path}: {body}");
        assert!(body.is_object(), "{path}");
    }
}

#[tokio::test]
async fn event_shows_payloads_only_if_granted() {
    let rig = Rig::with(grants()).await;
    let path = format!("/events/{EVENT}");
    let (_, shown) = get(&rig, ADMIN, &path).await;
    assert_eq!(
        (&shown["id"], &shown["plugins"][0]["plugin"]),
        (&EVENT.into(), &"books".into())
    );
    assert!(shown["body"].is_string() && shown["headers"].is_array());

    let (_, hidden) = get(&rig, VIEWER, &path).await;
    assert_eq!(hidden["bytes"], shown["bytes"]);
    assert!(hidden["body"].is_null() && hidden["headers"].is_null());

    let body = ask(&rig, ADMIN, "GET", &format!("{path}/body"), "").await;
    assert_eq!(
        body.header(http::header::CONTENT_TYPE),
        "application/octet-stream"
    );
    assert_eq!(body.body.len() as u64, shown["bytes"]);
    for denied in [format!("{path}/body"), "/events?text=a".to_owned()] {
        let (status, problem) = get(&rig, VIEWER, &denied).await;
        assert_eq!(
            (status, &problem["type"]),
            (403, &"/problems/not-allowed".into()),
            "{denied}"
        );
    }
}

#[tokio::test]
async fn things_of_another_tenant_are_unknown() {
    let rig = Rig::with(grants()).await;
    for path in [
        &format!("/events/{EVENT}"),
        &format!("/events/{EVENT}/body"),
        "/events?tenant=acme",
        "/plugins/acme/books",
        "/plugins/acme/books/steps",
        "/sources/acme/offers/refusals",
        "/stats?tenant=acme",
        "/audit?tenant=acme",
    ] {
        let (status, problem) = get(&rig, OTHER, path).await;
        assert_eq!(
            (status, &problem["type"]),
            (404, &"/problems/unknown".into()),
            "{path}"
        );
    }
    for path in [
        "/events",
        "/plugins",
        "/sources",
        "/destinations",
        "/tenants",
    ] {
        let (status, list) = get(&rig, OTHER, path).await;
        assert_eq!((status, &list["items"]), (200, &json!([])), "{path}");
    }

    let counted = json!({ "ids": [EVENT], "dry_run": true });
    let (status, counted) = send(&rig, OTHER, "POST", "/events/replay", &counted).await;
    assert_eq!((status, &counted["again"]), (200, &json!(0)));
    let (status, _) = send(
        &rig,
        OTHER,
        "POST",
        "/plugins/acme/books/rollback",
        &json!({}),
    )
    .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn replay_needs_the_count_of_a_dry_run() {
    let rig = Rig::with(grants()).await;
    let replay = |more: Value| {
        let mut body = json!({ "filter": { "tenant": "acme", "plugin": "books" } });
        body.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        body
    };
    let run = async |more| send(&rig, ADMIN, "POST", "/events/replay", &replay(more)).await;

    let (status, counted) = run(json!({ "dry_run": true })).await;
    assert_eq!(
        (status, &counted["again"], &counted["dry_run"]),
        (200, &json!(1), &json!(true))
    );
    let (status, problem) = run(json!({})).await;
    assert_eq!((status, &problem["parameter"]), (400, &"plan".into()));
    let (status, problem) = run(json!({ "plan": 397 })).await;
    assert_eq!(
        (status, &problem["type"]),
        (409, &"/problems/count-changed".into())
    );
    let (status, done) = run(json!({ "plan": 1 })).await;
    assert_eq!(
        (status, &done["again"], &done["dry_run"]),
        (200, &json!(1), &json!(false))
    );

    let (_, audit) = get(&rig, ADMIN, "/audit?action=events.replay").await;
    let entry = &audit["items"][0];
    assert_eq!(
        (&entry["author"], &entry["from"]),
        (&"ada".into(), &"127.0.0.1".into())
    );
    assert_eq!(entry["result"], "1 jobs run again");
}

#[tokio::test]
async fn discard_ends_the_job() {
    let rig = Rig::with(grants()).await;
    let body = json!({ "ids": [EVENT], "reason": "a test event", "plan": 1 });
    let (status, done) = send(&rig, ADMIN, "POST", "/events/discard", &body).await;
    assert_eq!((status, &done["discarded"]), (200, &json!(1)), "{done}");
    let (_, event) = get(&rig, ADMIN, &format!("/events/{EVENT}")).await;
    assert_eq!(event["plugins"][0]["state"], "discarded");
    assert_eq!(event["plugins"][0]["discards"][0]["reason"], "a test event");
}

#[tokio::test]
async fn orders_reach_the_host_and_the_audit_log() {
    let rig = Rig::with(grants()).await;
    let books = "/plugins/acme/books";
    for (method, order, body) in [
        ("POST", "rollback", json!({ "to": "ab12" })),
        ("PUT", "pin", json!({})),
        ("POST", "release", json!({})),
    ] {
        let (status, done) = send(&rig, ADMIN, method, &format!("{books}/{order}"), &body).await;
        assert_eq!(status, 200, "{order}: {done}");
    }
    let wanted = rig.host.0.lock().expect("a lock").clone();
    assert_eq!(
        wanted,
        [
            Wanted::Rollback(Some("ab12".into())),
            Wanted::Pin(None),
            Wanted::Clear
        ]
    );

    let (status, problem) = send(&rig, ADMIN, "DELETE", &format!("{books}/pin"), &json!({})).await;
    assert_eq!(
        (status, &problem["detail"]),
        (409, &"acme/books is not pinned".into())
    );
    let (_, audit) = get(&rig, ADMIN, "/audit?target=acme/books").await;
    let actions: Vec<_> = audit["items"].as_array().expect("items").iter().collect();
    assert_eq!(actions.len(), 4);
    assert_eq!(actions[0]["result"], "failed: acme/books is not pinned");
    assert_eq!(
        (&actions[3]["action"], &actions[3]["detail"]),
        (&"plugin.rollback".into(), &"ab12".into())
    );
}

#[tokio::test]
async fn destination_is_enabled_once() {
    let rig = Rig::with(grants()).await;
    let destination = DestinationRef {
        tenant: "acme".parse().expect("a name"),
        name: "old".parse().expect("a name"),
    };
    let disabled = DisabledDestination {
        destination,
        reason: "it answered 410".into(),
        since: Timestamp::from_unix_secs(1),
    };
    rig.store.disable(disabled).await.expect("disabled");
    let (_, list) = get(&rig, ADMIN, "/destinations").await;
    let items = list["items"].as_array().expect("items");
    assert!(
        items
            .iter()
            .any(|item| item["disabled"]["reason"] == "it answered 410")
    );

    let path = "/destinations/acme/old/enable";
    let (status, done) = send(&rig, ADMIN, "POST", path, &json!({})).await;
    assert_eq!((status, &done["was_disabled"]), (200, &json!(true)));
    assert_eq!(send(&rig, ADMIN, "POST", path, &json!({})).await.0, 404);
}

#[tokio::test]
async fn bad_requests_name_what_is_wrong() {
    let rig = Rig::with(grants()).await;
    for (path, part) in [
        ("/events?sauce=x", "unknown field `sauce`"),
        ("/events?type=a&type=b", "duplicate field `type`"),
        ("/events?state=lost", "must be some of pending"),
        ("/events?limit=0", "from 1 to 200"),
        ("/events?since=yesterday", "2026-06-02T11:30:00Z"),
        ("/events?cursor=AAAA", "must be the `next`"),
        ("/events?order=up", "newest or oldest"),
        ("/events?tenant=A%20B", ""),
        ("/events/0197308f", "32 hexadecimal digits"),
        ("/messages?event=1", "32 hexadecimal digits"),
        ("/stats?kind=tea", "request, attempt"),
        ("/stats?from=30d", "longer ago"),
    ] {
        let (status, problem) = get(&rig, ADMIN, path).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert_eq!(status, 400, "{path}: {problem}");
        assert!(
            !detail.is_empty() && detail.contains(part),
            "{path}: {detail}"
        );
    }
    for (body, part) in [
        (json!({}), "`all: true`"),
        (json!({ "all": true, "rate": 0 }), "above zero"),
        (json!({ "alle": true }), "unknown field `alle`"),
        (
            json!({ "filter": { "state": "unrouted" }, "dry_run": true }),
            "name the plugin",
        ),
        (json!({ "ids": ["x"] }), "32 hexadecimal digits"),
    ] {
        let (status, problem) = send(&rig, ADMIN, "POST", "/events/replay", &body).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == 400 && detail.contains(part), "{body}: {problem}");
    }
    assert_eq!(get(&rig, ADMIN, "/nothing").await.0, 404);
    assert_eq!(ask(&rig, ADMIN, "DELETE", "/events", "").await.status, 405);
}

#[tokio::test]
async fn every_endpoint_asks_for_a_token_and_a_role() {
    let rig = Rig::with(grants()).await;
    for route in super::routes::all() {
        let path = route
            .path
            .replace("{id}", EVENT)
            .replace("{tenant}", "acme");
        let (path, method) = (path.replace("{name}", "books"), route.method.to_uppercase());
        let nobody = rig.ask(&method, &format!("/api/v1{path}"), &[], "").await;
        assert_eq!(nobody.status, 401, "{method} {path}");
        assert_eq!(nobody.header(http::header::WWW_AUTHENTICATE), "Bearer");
        if route.role > Role::Viewer {
            let viewer = ask(&rig, VIEWER, &method, &path, "{}").await;
            assert_eq!(viewer.status, 403, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn wrong_tokens_are_slowed_down() {
    let rig = Rig::with(grants()).await;
    for _ in 0..5 {
        assert_eq!(get(&rig, "a-guess", "/me").await.0, 401);
    }
    let slowed = ask(&rig, "a-guess", "GET", "/me", "").await;
    assert_eq!(
        (slowed.status, slowed.header(http::header::RETRY_AFTER)),
        (429, "60")
    );
    assert_eq!(
        get(&rig, ADMIN, "/me").await.0,
        200,
        "the right token passes"
    );
}

#[tokio::test]
async fn pages_of_others_change_nothing() {
    let rig = Rig::with(Grants::default()).await;
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("origin", "http://evil.example"), ("host", "localhost")],
        &[("cookie", "hookyard=1")],
    ] {
        let path = "/api/v1/plugins/acme/books/release";
        let refused = rig.ask("POST", path, headers, "").await;
        assert_eq!(refused.status, 403, "{headers:?}");
        assert!(refused.body.contains("/problems/forged"));
    }
    assert!(rig.host.0.lock().expect("a lock").is_empty());
}

#[tokio::test]
async fn read_only_host_refuses_changes() {
    let mut grants = grants();
    grants.is_read_only = true;
    let rig = Rig::with(grants).await;
    let (status, problem) = send(
        &rig,
        ADMIN,
        "POST",
        "/plugins/acme/books/release",
        &json!({}),
    )
    .await;
    assert_eq!(
        (status, &problem["type"]),
        (403, &"/problems/read-only".into())
    );
    assert_eq!(get(&rig, ADMIN, "/me").await.1["read_only"], true);
}

#[tokio::test]
async fn limited_tokens_have_no_pages() {
    let rig = Rig::with(grants()).await;
    for (token, status) in [(ADMIN, 200), (VIEWER, 403), (OTHER, 403)] {
        let authorization = format!("Bearer {token}");
        let page = rig
            .ask("GET", "/", &[("authorization", &authorization)], "")
            .await;
        assert_eq!(page.status, status, "{token}");
    }
}

#[tokio::test]
async fn cursor_goes_on_where_the_list_ended() {
    let rig = Rig::with(grants()).await;
    for action in ["release", "rollback", "release"] {
        let path = format!("/plugins/acme/books/{action}");
        assert_eq!(send(&rig, ADMIN, "POST", &path, &json!({})).await.0, 200);
    }
    let (_, first) = get(&rig, ADMIN, "/audit?limit=2").await;
    let next = first["next"].as_str().expect("more");
    let (_, second) = get(&rig, ADMIN, &format!("/audit?limit=2&cursor={next}")).await;
    assert_eq!(second["items"].as_array().map(Vec::len), Some(1));
    assert_ne!(second["items"][0]["id"], first["items"][1]["id"]);
    let (status, _) = get(
        &rig,
        ADMIN,
        &format!("/audit?limit=2&action=x&cursor={next}"),
    )
    .await;
    assert_eq!(status, 400, "a cursor belongs to its filters");
}
