//! Reading of queries and bodies. An unknown or repeated parameter is an error.

use std::str::FromStr;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use hookyard_model::{Timestamp, chain};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::fault::Fault;

/// The query of a request.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query
            .map(|Query(query)| Self(query))
            .map_err(|rejection| Fault::bad_request(chain(&rejection)))
    }
}

/// The names in the path of a request.
pub(super) struct Names<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Names<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let names = Path::<T>::from_request_parts(parts, state).await;
        names
            .map(|Path(names)| Self(names))
            .map_err(|rejection| Fault::bad_request(rejection.body_text()))
    }
}

/// The JSON body of a request. An empty body is an empty object.
pub(super) struct Sent<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let kind = request.headers().get(CONTENT_TYPE).cloned();
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|rejection| Fault::bad_request(rejection.body_text()))?;
        let body = if body.is_empty() {
            Bytes::from_static(b"{}")
        } else {
            let kind = kind
                .as_ref()
                .and_then(|kind| kind.to_str().ok())
                .unwrap_or_default();
            let media_type = kind.split(';').next().unwrap_or_default().trim();
            if !media_type.eq_ignore_ascii_case("application/json") {
                return Err(Fault::not_json());
            }
            body
        };

        let read = serde_json::from_slice(&body);
        read.map(Self)
            .map_err(|error| Fault::bad_request(format!("the body: {error}")))
    }
}

/// Reads the value of a parameter.
pub(super) fn value<T: FromStr<Err: ToString>>(
    name: &str,
    text: Option<&str>,
) -> Result<Option<T>, Fault> {
    let read = text.map(|text| {
        text.parse()
            .map_err(|error: T::Err| Fault::parameter(name, error.to_string()))
    });
    read.transpose()
}

/// Reads a time: `2026-06-02T11:30:00Z`, or `90s`, `90m`, `2h` or `7d` for that long ago.
pub(super) fn time(
    name: &str,
    text: Option<&str>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Fault> {
    let Some(text) = text else {
        return Ok(None);
    };
    if let Some(at) = Timestamp::parse_rfc3339(text) {
        return Ok(Some(at));
    }
    let wrong = || {
        Fault::parameter(
            name,
            "must be a time such as 2026-06-02T11:30:00Z, or 90s, 90m, 2h or 7d for that long ago",
        )
    };
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    Ok(Some(
        now.before(Duration::from_secs(u64::from(number) * seconds)),
    ))
}

/// Reads the number of items of a part of a list.
pub(super) fn limit(text: Option<&str>) -> Result<usize, Fault> {
    const DEFAULT: usize = 50;
    const MAX: usize = 200;

    match text.map(str::parse) {
        None => Ok(DEFAULT),
        Some(Ok(limit @ 1..=MAX)) => Ok(limit),
        Some(_) => Err(Fault::parameter(
            "limit",
            format!("must be a number from 1 to {MAX}"),
        )),
    }
}

/// Reads a switch that has one value.
pub(super) fn flag(name: &str, text: Option<&str>, is: &str) -> Result<bool, Fault> {
    match text {
        None => Ok(false),
        Some(text) if text == is => Ok(true),
        Some(_) => Err(Fault::parameter(name, format!("must be {is}"))),
    }
}

/// Reads the order of a list. Returns whether the oldest item comes first.
pub(super) fn is_oldest_first(text: Option<&str>) -> Result<bool, Fault> {
    match text {
        None | Some("newest") => Ok(false),
        Some("oldest") => Ok(true),
        Some(_) => Err(Fault::parameter("order", "must be newest or oldest")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_relative() {
        let now = Timestamp::from_unix_secs(1_000_000);
        let read = |text: &str| time("since", Some(text), now).ok().flatten();

        assert_eq!(
            read("2h"),
            Some(Timestamp::from_unix_secs(1_000_000 - 7_200))
        );
        assert_eq!(
            read("1970-01-12T00:00:00Z"),
            Some(Timestamp::from_unix_secs(950_400))
        );
        for wrong in ["", "h", "yesterday", "-1h", "1é", "99999999999d"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn limits_are_bounded() {
        assert_eq!(limit(None), Ok(50));
        assert_eq!(limit(Some("200")), Ok(200));
        for wrong in ["0", "201", "-1", "many", ""] {
            assert!(limit(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
