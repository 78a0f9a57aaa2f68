//! `cargo bench -p hookyard-schemes --bench request`: the CPU time of the pure part of a request.
//!
//! The event has about 1.4 KB and is signed as Standard Webhooks. The cases are a valid signature, a
//! wrong signature, a valid signature by a recipe, and the description of the event: its key and its
//! type. The cases take turns, so that all meet the same machine, and the medians are printed.
//!
//! `-- describe --events 1000` runs exactly that many events of one case, for instruction counts:
//! `valgrind --tool=callgrind <binary> describe --events 1000`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use hookyard_model::{Header, Payload, Timestamp};
use hookyard_schemes::recipe::{self, Algorithm, Encoding, Hash, Recipe, TimeFormat, TimePlace};
use hookyard_schemes::value::{Part, Place, PlaceKind, Template};
use hookyard_schemes::{
    Freshness, JsonPointer, KeyRule, Provider, Request, Scheme, SchemeRule, Secret, Signer,
    SigningKey, SigningScheme, TypeRule, UnsignedMessage, Verified, Verifier, standard_webhooks,
};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
const OTHER_SECRET: &str = "whsec_OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2";
const NOW: Timestamp = Timestamp::from_unix_secs(1_780_000_000);
/// The number of turns of each case.
const TURNS: usize = 15;
/// The number of events in a turn.
const EVENTS: usize = 20_000;

#[derive(Debug, Clone, Copy)]
enum Case {
    Verify,
    Refuse,
    Recipe,
    Describe,
}

impl Case {
    const ALL: [Self; 4] = [Self::Verify, Self::Refuse, Self::Recipe, Self::Describe];

    const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Refuse => "refuse",
            Self::Recipe => "recipe",
            Self::Describe => "describe",
        }
    }
}

/// A request, and what it is verified and described with.
struct Bench {
    verifier: Verifier,
    provider: Provider,
    headers: Vec<Header>,
    forged_headers: Vec<Header>,
    recipe: Verifier,
    recipe_headers: Vec<Header>,
    body: String,
}

impl Bench {
    fn new() -> Self {
        let body = body();
        let settings = standard_webhooks::Settings {
            secrets: vec![Secret::from(SECRET)],
            public_keys: Vec::new(),
            tolerance: standard_webhooks::TOLERANCE,
        };
        Self {
            verifier: Verifier::new(Scheme::StandardWebhooks(settings)).expect("a usable scheme"),
            provider: provider(),
            headers: headers(standard_webhooks(SECRET), &body),
            forged_headers: headers(standard_webhooks(OTHER_SECRET), &body),
            recipe: Verifier::new(by_recipe()).expect("a usable recipe"),
            recipe_headers: headers(signed_by_recipe(), &body),
            body,
        }
    }

    fn run(&self, case: Case, events: usize) {
        for _ in 0..events {
            match case {
                Case::Verify => assert!(self.is_verified(&self.verifier, &self.headers)),
                Case::Refuse => assert!(!self.is_verified(&self.verifier, &self.forged_headers)),
                Case::Recipe => assert!(self.is_verified(&self.recipe, &self.recipe_headers)),
                Case::Describe => self.describe(),
            }
        }
    }

    fn request<'a>(&'a self, headers: &'a Vec<Header>) -> Request<'a> {
        Request {
            method: "POST",
            path: "/acme/orders",
            tail: None,
            query: None,
            headers,
            body: self.body.as_bytes(),
        }
    }

    fn is_verified(&self, verifier: &Verifier, headers: &Vec<Header>) -> bool {
        let request = self.request(headers);
        verifier.verify(black_box(&request), &(), NOW).is_ok()
    }

    fn describe(&self) {
        let verified = Verified {
            id: None,
            payload: Payload::Body,
        };
        let description = self
            .provider
            .describe(&verified, black_box(&self.request(&self.headers)))
            .expect("a described event");
        black_box(description);
    }
}

fn provider() -> Provider {
    let json = |text| {
        let pointer = JsonPointer::parse(text).expect("a pointer");
        Place::whole(PlaceKind::Json(pointer))
    };
    Provider {
        name: "bench".into(),
        package: "bench:webhooks".into(),
        versions: Vec::new(),
        key: KeyRule::at(json("/event_id")),
        event_type: TypeRule::at(json("/type")),
        content: JsonPointer::default(),
        events: [].into(),
        outgoing: Default::default(),
        handshakes: Vec::new(),
        answer: None,
        scheme: SchemeRule::default(),
        sending: SchemeRule::default(),
    }
}

/// Returns an event of about 1.4 KB.
fn body() -> String {
    let line = |number: u32| {
        format!(
            r#"{{"title":"A laptop with a long name {number}","quantity":2,"price":{{"value":249900,"currency":"EUR"}}}}"#
        )
    };
    let lines: Vec<_> = (0..13).map(line).collect();
    format!(
        r#"{{"type":"order.created","version":1,"event_id":"a1b2c3d4-e5f6-7890","payload":{{"lines":[{}]}}}}"#,
        lines.join(",")
    )
}

fn standard_webhooks(secret: &str) -> SigningScheme {
    SigningScheme::StandardWebhooks {
        secrets: vec![SigningKey::always(Secret::from(secret))],
        keys: Vec::new(),
    }
}

/// Returns the recipe of Stripe: a time and a signature in one header.
fn recipe() -> Recipe {
    let pair = |name: &str| Place {
        part: Part::Pair {
            name: name.into(),
            separator: ',',
            trim: true,
        },
        ..Place::header("Stripe-Signature").expect("a header")
    };
    let minutes = Duration::from_secs(300);
    Recipe {
        algorithm: Algorithm::Hmac {
            hash: Hash::Sha256,
            key: Encoding::Utf8,
        },
        encoding: Encoding::Hex,
        signature: pair("v1"),
        timestamp: Some(TimePlace {
            place: pair("t"),
            format: TimeFormat::UnixSeconds,
            freshness: Freshness {
                past: minutes,
                future: minutes,
            },
        }),
        id: None,
        signed: vec![Template::parse("{timestamp}.{body}").expect("a template")],
        digest: None,
        covers: None,
    }
}

fn by_recipe() -> Scheme {
    Scheme::Recipe(Box::new(recipe::Settings {
        recipe: recipe(),
        keys: vec![Secret::from(SECRET)],
        tolerance: None,
        source: Default::default(),
    }))
}

fn signed_by_recipe() -> SigningScheme {
    SigningScheme::Hmac {
        recipe: Box::new(recipe()),
        secrets: vec![SigningKey::always(Secret::from(SECRET))],
    }
}

/// Returns the headers of a request: some of a usual client, and the signature.
fn headers(scheme: SigningScheme, body: &str) -> Vec<Header> {
    let message = UnsignedMessage {
        id: "msg_2b3c4d5e6f",
        body: body.as_bytes(),
        now: NOW,
        event_type: None,
    };
    let signer = Signer::new(scheme).expect("a valid secret");

    let usual = [
        "host",
        "user-agent",
        "accept",
        "content-type",
        "content-length",
    ];
    let mut headers: Vec<_> = usual
        .into_iter()
        .map(|name| Header {
            name: name.into(),
            value: "a value".into(),
        })
        .collect();
    headers.extend(signer.sign(&message).expect("a signature"));
    headers
}

fn main() {
    let bench = Bench::new();
    let arguments: Vec<_> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--events") {
        let events = arguments[at + 1].parse().expect("a number of events");
        let case = Case::ALL
            .into_iter()
            .find(|case| arguments.iter().any(|argument| argument == case.name()))
            .expect("the name of a case");
        return bench.run(case, events);
    }

    let mut times = Case::ALL.map(|_| Vec::new());
    for _ in 0..TURNS {
        for (case, times) in Case::ALL.into_iter().zip(&mut times) {
            let began = Instant::now();
            bench.run(case, EVENTS);
            times.push(began.elapsed() / u32::try_from(EVENTS).expect("a small number"));
        }
    }
    for (case, times) in Case::ALL.into_iter().zip(&mut times) {
        println!("{:<10} {:>10.2?}", case.name(), median(times));
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
