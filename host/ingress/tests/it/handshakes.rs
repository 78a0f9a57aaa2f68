//! The handshakes of Amazon SNS: certificates are fetched, and subscriptions are confirmed.
//!
//! The messages and certificates are the signed cases that also test the schemes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_ingress::{Fetch, FetchError, FetchRequest, Source, Sources};
use hookyard_model::Timestamp;
use hookyard_schemes::value::Place;
use hookyard_schemes::{KeyRule, Provider, Scheme, TypeRule, sns};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::support::{Answer, Running, config, post, provider, send, source, start_with};

const VECTORS: &str = include_str!("../../../../tests/vectors/cases/aws-sns.json");

/// A site that serves fixed pages and records the requests.
struct Site {
    pages: HashMap<String, String>,
    is_down: AtomicBool,
    asked: Mutex<Vec<FetchRequest>>,
}

impl Site {
    fn asked(&self) -> Vec<String> {
        self.asked
            .lock()
            .expect("not poisoned")
            .iter()
            .map(|request| request.url.clone())
            .collect()
    }
}

#[async_trait]
impl Fetch for Site {
    async fn fetch(&self, request: FetchRequest) -> Result<Bytes, FetchError> {
        let url = request.url.clone();

        assert!(
            request.bytes_max > 0 && !request.time_max.is_zero() && !request.allow_http,
            "{request:?}"
        );
        self.asked.lock().expect("not poisoned").push(request);
        // Other requests for the same page get time to arrive.
        tokio::task::yield_now().await;
        match self.pages.get(&url) {
            Some(page) if !self.is_down.load(Ordering::Relaxed) => Ok(page.clone().into()),
            _ => Err(FetchError("down".into())),
        }
    }
}

struct Case(Value);

impl Case {
    fn named(name: &str) -> Self {
        let vectors: Value = serde_json::from_str(VECTORS).expect("JSON");
        let cases = vectors["cases"].as_array().expect("cases");
        Self(
            cases
                .iter()
                .find(|case| case["name"] == name)
                .unwrap_or_else(|| panic!("no case {name}"))
                .clone(),
        )
    }

    fn body(&self) -> &str {
        self.0["body"].as_str().expect("a body")
    }

    fn certificates(&self) -> Vec<String> {
        self.0["certs"]
            .as_object()
            .expect("certificates")
            .keys()
            .cloned()
            .collect()
    }

    fn request(&self) -> String {
        let headers = self.0["headers"].as_array().expect("headers").iter();
        let headers: String = headers
            .map(|header| {
                format!(
                    "{}: {}\r\n",
                    header[0].as_str().expect("a name"),
                    header[1].as_str().expect("a value")
                )
            })
            .collect();

        post("/acme/sns", &headers, self.body())
    }

    /// Starts a host with a source for the topic of this case, at the time of this case.
    async fn host(&self) -> (Running, Arc<Site>) {
        let mut pages: HashMap<_, _> =
            serde_json::from_value(self.0["certs"].clone()).expect("certificates");
        let body: Value = serde_json::from_str(self.body()).expect("an envelope");

        if let Some(url) = body["SubscribeURL"].as_str() {
            pages.insert(url.to_owned(), "<ConfirmSubscriptionResponse/>".to_owned());
        }
        let site = Arc::new(Site {
            pages,
            is_down: AtomicBool::new(false),
            asked: Mutex::default(),
        });
        let topics = serde_json::from_value(self.0["config"]["topics"].clone()).expect("topics");
        let type_header = Place::header("x-amz-sns-message-type").expect("a header");
        let events = Provider {
            key: KeyRule::scheme_id(),
            event_type: TypeRule::at(type_header),
            ..Provider::clone(&provider())
        };
        let sns = Source {
            provider: Arc::new(events),
            ..source("sns", Scheme::AwsSns(sns::Settings::new(topics)))
        };
        let now = Timestamp::from_unix_secs(self.0["now"].as_i64().expect("a time"));
        let fetch = Arc::clone(&site) as Arc<dyn Fetch>;

        (
            start_with(config(), Sources::from_iter([sns]), fetch, now).await,
            site,
        )
    }
}

fn expect(answer: &Answer, status: u16, says: &str) {
    assert!(
        answer.status == status && answer.body.contains(says),
        "wanted {status} {says}: {answer:?}"
    );
}

const NOTIFICATION: &str = "aws-java-notification-v2";
const FORGERY: &str = "tampered-message";
const SUBSCRIPTION: &str = "aws-java-subscription-confirmation-v1";
const UNSUBSCRIPTION: &str = "aws-java-unsubscribe-confirmation-v2";

#[tokio::test]
async fn certificate_is_fetched_once() {
    let case = Case::named(NOTIFICATION);
    let (host, site) = case.host().await;
    expect(&send(host.address, &case.request()).await, 200, "stored");
    assert_eq!(site.asked(), case.certificates());
    expect(&send(host.address, &case.request()).await, 200, "repeat");
    assert_eq!(site.asked().len(), 1);
    let seen = host.events().await;
    assert_eq!(seen[0].body, case.body().as_bytes());
}

#[tokio::test]
async fn flood_of_forgeries_causes_one_fetch() {
    let case = Case::named(FORGERY);
    let (host, site) = case.host().await;
    let mut flood = JoinSet::new();

    // This is the maximum number of requests that wait for one certificate.
    for _ in 0..16 {
        let (address, request) = (host.address, case.request());
        flood.spawn(async move { send(address, &request).await });
    }
    while let Some(answer) = flood.join_next().await {
        expect(&answer.expect("no panic"), 401, "refused");
    }
    assert_eq!(site.asked(), case.certificates());
    assert!(host.stored().await.is_empty());
}

#[tokio::test]
async fn missing_certificate_asks_for_a_retry() {
    let case = Case::named(NOTIFICATION);
    let (host, site) = case.host().await;

    site.is_down.store(true, Ordering::Relaxed);
    let answer = send(host.address, &case.request()).await;
    expect(&answer, 503, "try again later");
    assert!(
        answer.head.contains("\r\nretry-after: "),
        "SNS takes a 4xx as final: {answer:?}"
    );
    assert!(host.stored().await.is_empty());
}

#[tokio::test]
async fn forbidden_topic_or_url_is_not_fetched() {
    for name in [
        "topic-not-allowed",
        "cert-url-s3-bucket",
        "cert-url-loopback",
        "subconf-topic-not-allowed",
    ] {
        let case = Case::named(name);
        let (host, site) = case.host().await;
        expect(&send(host.address, &case.request()).await, 401, "refused");
        assert!(site.asked().is_empty(), "{name}: {:?}", site.asked());
    }
}

#[tokio::test]
async fn subscription_is_confirmed_and_not_stored() {
    let case = Case::named(SUBSCRIPTION);
    let (host, site) = case.host().await;
    expect(&send(host.address, &case.request()).await, 200, "confirmed");
    let body: Value = serde_json::from_str(case.body()).expect("an envelope");
    let visited = site.asked();
    assert_eq!(
        visited,
        [
            case.certificates(),
            vec![body["SubscribeURL"].as_str().expect("a URL").to_owned()]
        ]
        .concat()
    );
    assert!(host.stored().await.is_empty());

    site.is_down.store(true, Ordering::Relaxed);
    expect(
        &send(host.address, &case.request()).await,
        503,
        "try again later",
    );
}

#[tokio::test]
async fn unsubscription_is_noticed_and_not_undone() {
    let case = Case::named(UNSUBSCRIPTION);
    let (host, site) = case.host().await;
    expect(&send(host.address, &case.request()).await, 200, "noticed");
    assert_eq!(
        site.asked(),
        case.certificates(),
        "its SubscribeURL would subscribe again"
    );
    assert!(host.stored().await.is_empty());
}
