//! Why a request failed: problem details (RFC 9457).

use axum::response::{IntoResponse, Response};
use hookyard_model::Role;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Refused;
use crate::host::HostError;

/// The media type of problem details.
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    kind: Kind,
    detail: String,
    /// The parameter or field that is wrong.
    parameter: Option<String>,
}

/// The kinds of failures. Each has a stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    BadRequest,
    NotSignedIn,
    NotAllowed,
    ReadOnly,
    Forged,
    Unknown,
    WrongMethod,
    CountChanged,
    Conflict,
    NotJson,
    TooMany,
    Busy,
}

impl Kind {
    /// Returns the status, the name and the title.
    const fn words(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (
                StatusCode::BAD_REQUEST,
                "bad-request",
                "The request cannot be understood",
            ),
            Self::NotSignedIn => (
                StatusCode::UNAUTHORIZED,
                "not-signed-in",
                "The request has no valid token",
            ),
            Self::NotAllowed => (
                StatusCode::FORBIDDEN,
                "not-allowed",
                "The token does not allow this",
            ),
            Self::ReadOnly => (
                StatusCode::FORBIDDEN,
                "read-only",
                "The host refuses all changes",
            ),
            Self::Forged => (
                StatusCode::FORBIDDEN,
                "forged",
                "A page of another origin sent the request",
            ),
            Self::Unknown => (StatusCode::NOT_FOUND, "unknown", "Nothing has this name"),
            Self::WrongMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "wrong-method",
                "The path has other methods",
            ),
            Self::CountChanged => (
                StatusCode::CONFLICT,
                "count-changed",
                "Another number is selected than confirmed",
            ),
            Self::Conflict => (
                StatusCode::CONFLICT,
                "conflict",
                "The host cannot do that now",
            ),
            Self::NotJson => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "The body must be JSON",
            ),
            Self::TooMany => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many",
                "There were too many wrong tokens",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "The host cannot read its store now",
            ),
        }
    }
}

/// The body of an answer to a failed request (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemDetails {
    /// The name of the kind of failure, as a relative reference: `/problems/…`.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of failure in words.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What is wrong with this request, and the way out.
    detail: String,
    /// The parameter or field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
}

impl Fault {
    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            parameter: None,
        }
    }

    /// The request is not understood.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, detail)
    }

    /// A parameter or field has a wrong value.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self {
            parameter: Some(name.to_owned()),
            ..Self::new(Kind::BadRequest, detail)
        }
    }

    /// Nothing has this name, or it belongs to another tenant.
    pub(crate) fn unknown(detail: impl Into<String>) -> Self {
        Self::new(Kind::Unknown, detail)
    }

    pub(crate) fn wrong_method() -> Self {
        Self::new(
            Kind::WrongMethod,
            "see /api/v1/openapi.json for the methods of this path",
        )
    }

    pub(crate) fn read_only() -> Self {
        Self::new(
            Kind::ReadOnly,
            "`read_only` in [admin] of the configuration is true",
        )
    }

    pub(crate) fn not_allowed(role: Role) -> Self {
        Self::new(
            Kind::NotAllowed,
            format!("this needs a token with the role {role}"),
        )
    }

    /// The token shows no bodies.
    pub(crate) fn no_payloads() -> Self {
        Self::new(
            Kind::NotAllowed,
            "this needs a token with `payloads = true`",
        )
    }

    pub(crate) fn not_json() -> Self {
        Self::new(
            Kind::NotJson,
            "send the header Content-Type: application/json",
        )
    }

    /// The selection has another size than the plan.
    pub(crate) fn count_changed(now: u64, plan: u64) -> Self {
        let detail =
            format!("{now} are selected now, and {plan} were confirmed; make a dry run again");
        Self {
            parameter: Some("plan".to_owned()),
            ..Self::new(Kind::CountChanged, detail)
        }
    }

    /// There are too many streams of hints.
    pub(crate) fn too_many_streams() -> Self {
        Self::new(
            Kind::Busy,
            "too many streams are open; close one, or try again in a minute",
        )
    }

    /// The host did not follow an order.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, detail)
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotSignedIn => Self::new(
                Kind::NotSignedIn,
                "send the header Authorization: Bearer <token>",
            ),
            Refused::Forged => Self::new(
                Kind::Forged,
                "a request with a cookie must come from a page of this host; programs send a token",
            ),
            Refused::TooMany => Self::new(Kind::TooMany, "wait a minute before the next request"),
        }
    }
}

impl From<hookyard_store::Error> for Fault {
    fn from(error: hookyard_store::Error) -> Self {
        let error = hookyard_model::chain(&error);
        tracing::warn!(target: "hookyard::admin", error, "the store did not answer the API");
        Self::new(Kind::Busy, error)
    }
}

impl From<HostError> for Fault {
    fn from(error: HostError) -> Self {
        Self::new(Kind::Busy, error.to_string())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (status, name, title) = self.kind.words();
        let details = ProblemDetails {
            kind: format!("/problems/{name}"),
            title,
            status: status.as_u16(),
            detail: self.detail,
            parameter: self.parameter,
        };
        let body = serde_json::to_vec(&details).expect("texts and numbers make JSON");

        let mut answer = (status, body).into_response();
        answer.headers_mut().insert(CONTENT_TYPE, PROBLEM);
        if self.kind == Kind::TooMany {
            answer
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("60"));
        }
        answer
    }
}
