//! The pages as a browser gets them, on a store in memory and a host that records its orders.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::to_bytes;
use hookyard_model::{Event, EventId, Payload, PluginRef, Role, SourceRef, Timestamp};
use hookyard_store::{Audit, AuditPage, AuditSelection, Events, Routes, Routing, Tenants};
use hookyard_store_testing::{MemoryStore, TestClock};
use http::header::{LOCATION, SET_COOKIE};

use super::*;
use crate::host::{DestinationFacts, HostError, PluginDetail, PluginStanding, SourceFacts, Wanted};

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>";
pub(crate) const EVENT: &str = "0197308f-0000-7000-8000-000000000001";

/// A host with one plugin and one source, which notes its orders.
#[derive(Default)]
pub(crate) struct PlainHost(pub(crate) Mutex<Vec<Wanted>>);

fn plugin() -> PluginRef {
    PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: "books".parse().expect("a name"),
    }
}

fn source() -> SourceRef {
    SourceRef {
        tenant: "acme".parse().expect("a name"),
        name: "offers".parse().expect("a name"),
    }
}

fn standing() -> PluginStanding {
    PluginStanding {
        plugin: plugin(),
        state: "active",
        active: None,
        notes: vec![format!("its file is refused: {HOSTILE}")],
    }
}

#[async_trait]
impl Host for PlainHost {
    async fn plugins(&self) -> Result<Vec<PluginStanding>, HostError> {
        Ok(vec![standing()])
    }

    async fn plugin(&self, wanted: &PluginRef) -> Result<Option<PluginDetail>, HostError> {
        let detail = PluginDetail {
            standing: standing(),
            revisions: Vec::new(),
            is_pinned: false,
            can_clear: true,
            settings: Err("its settings are odd".into()),
        };
        Ok((*wanted == plugin()).then_some(detail))
    }

    async fn order(&self, _: PluginRef, wanted: Wanted) -> Result<String, HostError> {
        if wanted == Wanted::Unpin {
            return Err(HostError("acme/books is not pinned".into()));
        }
        self.0.lock().expect("a lock").push(wanted);
        Ok("acme/books pinned".into())
    }

    fn sources(&self) -> Vec<SourceFacts> {
        vec![SourceFacts {
            source: source(),
            provider: "topi-saas".into(),
            scheme: "bearer".into(),
            is_unverified: false,
            body_max: 1 << 20,
        }]
    }

    fn destinations(&self) -> Vec<DestinationFacts> {
        Vec::new()
    }
}

/// The pages, with the parts that tests look into.
pub(crate) struct Rig {
    admin: Admin,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) host: Arc<PlainHost>,
}

/// An answer that was read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Rig {
    async fn start(token: Option<&str>) -> Self {
        let mut grants = Grants::default();
        if let Some(token) = token {
            grants.add(token.into(), Grant::administrator("ada"));
        }
        Self::with(grants).await
    }

    pub(crate) async fn with(grants: Grants) -> Self {
        let clock = Arc::new(TestClock::default());
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let host = Arc::new(PlainHost::default());
        let admin = Admin::new(Parts {
            store: store.clone(),
            host: host.clone(),
            clock,
            grants: Arc::new(grants),
        });
        let rig = Self { admin, store, host };
        rig.store_event().await;
        rig
    }

    async fn store_event(&self) {
        let routes = Routes([(source(), [plugin().name].into())].into());
        self.store.route(routes).await.expect("routes");
        let event = Event {
            id: EVENT.parse::<EventId>().expect("an id"),
            source: source(),
            provider: "topi-saas".into(),
            event_type: Some(HOSTILE.into()),
            key: "k-1\u{202e}".into(),
            key_window: Duration::from_secs(60),
            received_at: Timestamp::from_unix_secs(1_780_400_200),
            headers: Vec::new(),
            body: format!("{{\"a\":\"{HOSTILE}\"}}").into(),
            payload: Payload::Body,
            ordering_key: None,
        };
        self.store.append(event).await.expect("an event");
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        form: &str,
    ) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .expect("a request");
        let (head, body) = self
            .admin
            .answer(request, [127, 0, 0, 1].into())
            .await
            .into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    async fn post(&self, path: &str, form: &str) -> Answer {
        self.ask("POST", path, &[("sec-fetch-site", "same-origin")], form)
            .await
    }
}

impl Answer {
    pub(crate) fn header(&self, name: http::HeaderName) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

#[tokio::test]
async fn each_page_escapes_what_others_wrote() {
    let rig = Rig::start(None).await;
    for page in [
        "/",
        "/?type=%3Cimg%3E&state=held",
        &format!("/events/{EVENT}"),
        &format!("/events/{EVENT}?form=raw"),
        &format!("/events/{EVENT}?form=hex"),
        "/plugins",
        "/plugins/acme/books",
        "/sources",
        "/sources/acme/offers",
        "/deliveries",
        "/audit",
        "/replay/events?state=held",
        "/replay/messages",
        "/login",
    ] {
        let answer = rig.get(page).await;
        assert_eq!(answer.status, 200, "{page}: {}", answer.body);
        assert!(
            !answer.body.contains("<img") && !answer.body.contains('\u{202e}'),
            "{page}"
        );
        let policy = answer.header(http::header::CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'none'"), "{page}");
    }
    let event = rig.get(&format!("/events/{EVENT}")).await.body;
    assert!(
        event.contains("&#60;img src=x onerror=alert(1)&#62;") && event.contains("k-1\\u{202e}")
    );
}

#[tokio::test]
async fn templates_never_switch_escaping_off() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a template");
        for banned in [
            "|safe",
            "| safe",
            "style=",
            "onclick",
            "autoescape",
            "<script>",
        ] {
            assert!(!text.contains(banned), "{} has {banned}", path.display());
        }
    }
}

#[tokio::test]
async fn unknown_things_are_404_and_bad_filters_400() {
    let rig = Rig::start(None).await;
    for (page, status) in [
        ("/nothing", 404),
        ("/assets/nothing", 404),
        ("/events/0197308f-0000-7000-8000-00000000000f", 404),
        ("/events/x", 404),
        ("/messages/x", 404),
        ("/plugins/acme/other", 404),
        ("/sources/acme/other", 404),
        ("/?state=deadly", 400),
        ("/?sort=up", 400),
        ("/?tenant=A%20B", 400),
        ("/?cursor=1", 400),
        ("/deliveries?state=held", 400),
        ("/replay/events?state=unrouted", 400),
    ] {
        assert_eq!(rig.get(page).await.status, status, "{page}");
    }
}

#[tokio::test]
async fn body_is_served_byte_for_byte_and_never_shown() {
    let answer = Rig::start(None)
        .await
        .get(&format!("/events/{EVENT}/body"))
        .await;
    assert_eq!(answer.body, format!("{{\"a\":\"{HOSTILE}\"}}"));
    let disposition = answer.header(http::header::CONTENT_DISPOSITION);
    assert_eq!(disposition, format!("attachment; filename=\"{EVENT}\""));
    assert!(
        answer
            .header(http::header::CONTENT_SECURITY_POLICY)
            .ends_with("sandbox")
    );
}

#[tokio::test]
async fn id_and_key_are_found() {
    let rig = Rig::start(None).await;
    for (wanted, found) in [
        (EVENT, format!("/events/{EVENT}")),
        ("k-1%E2%80%AE", format!("/events/{EVENT}")),
        ("other", "/?key=other".to_owned()),
        ("", "/".to_owned()),
    ] {
        let answer = rig.get(&format!("/find?q={wanted}")).await;
        assert_eq!(answer.header(LOCATION), found, "{wanted}");
    }
}

#[tokio::test]
async fn token_is_required_and_begins_a_session() {
    let rig = Rig::start(Some("a-long-token")).await;
    let away = rig.get("/plugins?x=1").await;
    assert_eq!(
        (away.status, away.header(LOCATION)),
        (303, "/login?next=%2Fplugins%3Fx%3D1")
    );
    assert_eq!(
        rig.ask("GET", "/", &[("authorization", "Bearer a-long-token")], "")
            .await
            .status,
        200
    );
    assert_eq!(
        rig.ask("GET", "/", &[("authorization", "Bearer other")], "")
            .await
            .status,
        303
    );

    let signed_in = rig
        .post("/login", "token=a-long-token&next=%2Fplugins")
        .await;
    assert_eq!(
        (signed_in.status, signed_in.header(LOCATION)),
        (303, "/plugins")
    );
    let cookie = signed_in
        .header(SET_COOKIE)
        .split(';')
        .next()
        .expect("a cookie")
        .to_owned();
    let session = [
        ("cookie", cookie.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    assert_eq!(rig.ask("GET", "/", &session, "").await.status, 200);
    assert_eq!(rig.ask("POST", "/logout", &session, "").await.status, 303);
    assert_eq!(rig.ask("GET", "/", &session, "").await.status, 303);
}

#[tokio::test]
async fn sixth_wrong_token_must_wait() {
    let rig = Rig::start(Some("a-long-token")).await;
    for _ in 0..5 {
        assert_eq!(rig.post("/login", "token=guess").await.status, 401);
    }
    let refused = rig.post("/login", "token=a-long-token").await;
    assert_eq!(
        (refused.status, refused.header(http::header::RETRY_AFTER)),
        (429, "60")
    );
}

#[tokio::test]
async fn forged_forms_change_nothing() {
    let rig = Rig::start(None).await;
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "http://localhost"),
            ("host", "localhost"),
        ],
        &[("origin", "http://evil.example"), ("host", "localhost")],
    ] {
        let answer = rig
            .ask("POST", "/plugins/acme/books/pin", headers, "")
            .await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    assert!(rig.host.0.lock().expect("a lock").is_empty());

    let own = [
        ("origin", "http://localhost:9090"),
        ("host", "localhost:9090"),
    ];
    assert_eq!(
        rig.ask("POST", "/plugins/acme/books/pin", &own, "")
            .await
            .status,
        303
    );
}

#[tokio::test]
async fn orders_are_carried_out_and_audited() {
    let rig = Rig::start(None).await;
    let done = rig.post("/plugins/acme/books/rollback", "to=ab12").await;
    assert_eq!(done.header(LOCATION), "/plugins/acme/books?done=rollback");
    let refused = rig.post("/plugins/acme/books/unpin", "").await;
    assert_eq!(refused.status, 409);
    assert!(refused.body.contains("acme/books is not pinned"));

    assert_eq!(
        *rig.host.0.lock().expect("a lock"),
        [Wanted::Rollback(Some("ab12".into()))]
    );
    let page = AuditPage::first(AuditSelection::default(), 10);
    let entries = rig.store.audit(page, &Tenants::All).await.expect("entries");
    let entries: Vec<_> = entries
        .iter()
        .map(|entry| (entry.action.as_str(), entry.result.as_str()))
        .collect();
    let expected = [
        ("plugin.rollback", "acme/books pinned"),
        ("plugin.unpin", "acme/books is not pinned"),
    ];
    assert_eq!(entries, expected);
    assert!(rig.get("/audit").await.body.contains("plugin.rollback"));
}

#[tokio::test]
async fn replay_runs_what_was_confirmed() {
    let rig = Rig::start(None).await;
    let asked = rig.get("/replay/events?source=offers").await.body;
    assert!(asked.contains("Run 1 job again"), "{asked}");

    let changed = rig.post("/replay/events?source=offers", "planned=2").await;
    assert_eq!(changed.status, 409);
    assert!(changed.body.contains("Nothing ran"));
    assert_eq!(
        rig.post("/replay/events?source=offers", "planned=1&rate=-1")
            .await
            .status,
        400
    );

    let done = rig
        .post("/replay/events?source=offers", "planned=1&rate=5")
        .await;
    assert_eq!((done.status, done.header(LOCATION)), (303, "/?done=events"));
    let record = rig
        .store
        .read(EVENT.parse().expect("an id"))
        .await
        .expect("a read");
    assert_eq!(record.map(|record| record.jobs[0].replays), Some(1));
}

#[tokio::test]
async fn viewers_get_no_buttons_and_change_nothing() {
    let mut grants = Grants::default();
    let viewer = Grant {
        role: Role::Viewer,
        ..Grant::administrator("wall")
    };
    grants.add("a-long-token".into(), viewer);
    let rig = Rig::with(grants).await;
    let token = [("authorization", "Bearer a-long-token")];

    for page in [
        "/",
        &format!("/events/{EVENT}"),
        "/plugins/acme/books",
        "/deliveries",
        "/replay/events?source=offers",
    ] {
        let answer = rig.ask("GET", page, &token, "").await;
        assert_eq!(answer.status, 200, "{page}");
        assert!(!answer.body.contains("method=\"post\""), "{page}");
        assert!(!answer.body.contains("data-replay"), "{page}");
    }
    for change in ["/plugins/acme/books/pin", "/replay/events?source=offers"] {
        let answer = rig.ask("POST", change, &token, "planned=1").await;
        assert_eq!(answer.status, 403, "{change}");
    }
    assert!(rig.host.0.lock().expect("a lock").is_empty());
}

#[tokio::test]
async fn read_only_host_says_so_and_changes_nothing() {
    let mut grants = Grants::default();
    grants.is_read_only = true;
    let rig = Rig::with(grants).await;
    let page = rig.get(&format!("/events/{EVENT}")).await.body;
    assert!(page.contains("This host is read-only") && !page.contains("data-replay"));
    assert_eq!(rig.post("/plugins/acme/books/pin", "").await.status, 403);
}
