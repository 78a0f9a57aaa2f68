//! Requests that are made to cost much, to the source of the first case of each file.
//!
//! Each request takes the headers of the case and brings another body or query. The host answers in
//! little time, and never with an error of its own. It stores nothing but what it accepts: the body,
//! byte for byte.

use std::time::{Duration, Instant};

use crate::folder::Folder;
use crate::host::Outcome;
use crate::verdict;

/// Far more than any request may take, also on a busy machine without optimization.
const LONG: Duration = Duration::from_secs(30);

/// The number of levels, fields, items and pairs.
const MANY: usize = 100_000;
/// The size of the largest body, which the sources of the runner take.
const LARGEST: usize = 10 << 20;
/// The size of a query that the host still reads.
const QUERY: usize = 24 << 10;

/// A part of a request that is made to cost much.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    make: fn() -> Costly,
}

#[derive(Default)]
struct Costly {
    /// The media type of the body; that of the case if it is empty.
    media_type: &'static str,
    query: String,
    body: Vec<u8>,
}

pub(crate) static ATTACKS: [Attack; 6] = [
    Attack {
        name: "deep-json",
        make: deep_json,
    },
    Attack {
        name: "wide-json",
        make: wide_json,
    },
    Attack {
        name: "large-json",
        make: large_json,
    },
    Attack {
        name: "form-of-pairs",
        make: form_of_pairs,
    },
    Attack {
        name: "query-of-pairs",
        make: query_of_pairs,
    },
    Attack {
        name: "query-over-the-limit",
        make: query_over_the_limit,
    },
];

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn deep_json() -> Costly {
    Costly {
        media_type: JSON,
        body: "[{\"a\":".repeat(MANY).into_bytes(),
        ..Costly::default()
    }
}

fn wide_json() -> Costly {
    let names: Vec<_> = (0..MANY).map(|n| format!("\"n{n}\":[{n}]")).collect();
    Costly {
        media_type: JSON,
        body: format!("{{{}}}", names.join(",")).into_bytes(),
        ..Costly::default()
    }
}

fn large_json() -> Costly {
    let depth = "[".repeat(MANY) + &"]".repeat(MANY);
    let start = format!("{{\"a\":{depth},\"b\":\"");
    let filler = "x".repeat(LARGEST - start.len() - 2);
    Costly {
        media_type: JSON,
        body: format!("{start}{filler}\"}}").into_bytes(),
        ..Costly::default()
    }
}

fn form_of_pairs() -> Costly {
    Costly {
        media_type: FORM,
        body: "a=%41&".repeat(MANY).into_bytes(),
        ..Costly::default()
    }
}

fn query_of_pairs() -> Costly {
    Costly {
        query: "a=1&".repeat(QUERY / 4),
        ..Costly::default()
    }
}

fn query_over_the_limit() -> Costly {
    Costly {
        query: "x".repeat(100 << 10),
        ..Costly::default()
    }
}

/// Sends an attack to the source of the case at `index`.
pub(crate) fn check(folder: &Folder, index: usize, attack: &Attack) -> Result<(), String> {
    let costly = (attack.make)();
    let mut case = folder.cases()[index].0.clone();
    if !costly.media_type.is_empty() {
        case.set_header("Content-Type", costly.media_type);
    }
    if !costly.query.is_empty() {
        case.set_query(&costly.query);
    }
    case.set_header("Content-Length", &costly.body.len().to_string());

    let begin = Instant::now();
    let outcome = verdict::send(folder, index, &case, &costly.body)?;
    let took = begin.elapsed();
    if took > LONG {
        return Err(format!("the answer took {took:?}"));
    }
    check_answer(&outcome)?;
    verdict::check_stored(&outcome, &costly.body)
}

/// Checks that the sender is at fault, if the host refuses the request. The host may report a
/// certificate that the case does not serve.
fn check_answer(outcome: &Outcome) -> Result<(), String> {
    let is_unavailable = outcome.reason.as_deref() == Some("certificate-unavailable");
    if outcome.answer.status < 500 || is_unavailable {
        return Ok(());
    }
    Err(format!("the host failed: {outcome:?}"))
}
