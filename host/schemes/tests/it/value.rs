//! Values of a request: places, texts with values, and hostile requests.

mod fields;
mod hostile;
mod template;

use hookyard_model::Header;
use hookyard_schemes::Request;
use hookyard_schemes::value::{Part, Place, PlaceKind};

/// Calls `then` with a request that has a form body, unless `body` is JSON.
fn with_request<T>(query: &str, body: &str, then: impl FnOnce(Request<'_>) -> T) -> T {
    let content_type = if body.starts_with(['{', '[', '\u{feff}']) {
        "application/json"
    } else {
        "application/x-www-form-urlencoded; charset=UTF-8"
    };
    let header = |name: &str, value: &str| Header {
        name: name.to_owned(),
        value: value.as_bytes().to_vec().into(),
    };
    let headers = vec![
        header("content-type", content_type),
        header("x-signature", "t=1, v1=ab,v1=cd"),
        header("x-hub-signature", "sha256=ab"),
        header("x-twice", "1"),
        header("x-twice", "1"),
        header("x-latin", "caf\u{e9}"),
    ];
    then(Request {
        method: "POST",
        path: "/acme/shop",
        tail: None,
        query: Some(query),
        headers: &headers,
        body: body.as_bytes(),
    })
}

fn place(word: &str, name: &str) -> Place {
    Place::whole(PlaceKind::parse(word, name).expect("a place"))
}

fn pair(name: &str, trim: bool) -> Place {
    Place {
        part: Part::Pair {
            name: name.to_owned(),
            separator: ',',
            trim,
        },
        ..place("header", "X-Signature")
    }
}

fn after(header: &str, prefix: &str) -> Place {
    Place {
        part: Part::After(prefix.to_owned()),
        ..place("header", header)
    }
}
