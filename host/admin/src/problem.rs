//! A request that failed: the status, and the sentences for the person who reads the page.

use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;

use crate::pages::alone::ProblemPage;
use crate::pages::shown::Written;

/// The maximum number of characters of a detail.
const CHARS_MAX: usize = 2_000;

/// The reason why a page has no answer.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
}

impl Problem {
    /// Nothing is stored under this name or id.
    pub(crate) fn unknown(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            title: "Nothing is here",
            detail: detail.into(),
        }
    }

    /// A value of the request has the wrong form.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            title: "The request cannot be understood",
            detail: detail.into(),
        }
    }

    /// The host cannot do what was asked for now.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            title: "The host cannot do that",
            detail: detail.into(),
        }
    }

    /// A form was sent by a page of somebody else, or nobody can tell.
    pub(crate) fn forged() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            title: "This form did not come from this host's pages",
            detail:
                "The host changes nothing that a page of another origin asks for. Open the page \
                     and try again."
                    .to_owned(),
        }
    }

    /// The request has neither a session nor the token.
    pub(crate) fn not_signed_in() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            title: "You are not signed in",
            detail: "Sign in and try again.".to_owned(),
        }
    }

    /// The token is limited to some tenants, or shows no bodies.
    pub(crate) fn no_pages() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            title: "This token is for the API",
            detail:
                "The pages show the bodies of all tenants. Use the API with this token, or sign \
                     in with a token without `tenants` and with `payloads = true`."
                    .to_owned(),
        }
    }

    /// The token changes nothing, or the host refuses all changes.
    pub(crate) fn not_allowed() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            title: "This token changes nothing",
            detail: "A change needs a token with the role operator or admin, and a host without \
                     `read_only` in [admin]."
                .to_owned(),
        }
    }

    /// The store or the host failed to answer.
    pub(crate) fn failed(error: &(dyn std::error::Error + 'static)) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "The host cannot read its store now",
            detail: hookyard_model::chain(error),
        }
    }

    /// The answer took longer than a page may take.
    pub(crate) fn too_slow(max: std::time::Duration) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "The search takes too long",
            detail: format!(
                "The host looked for {} seconds and gave up. Name a tenant, a source or a time.",
                max.as_secs()
            ),
        }
    }
}

impl From<hookyard_store::Error> for Problem {
    fn from(error: hookyard_store::Error) -> Self {
        tracing::warn!(
            target: "hookyard::admin", error = hookyard_model::chain(&error),
            "the store did not answer a page"
        );
        Self::failed(&error)
    }
}

impl From<crate::host::HostError> for Problem {
    fn from(error: crate::host::HostError) -> Self {
        Self::failed(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let page = ProblemPage {
            status: self.status.as_u16(),
            title: Written::short(self.title),
            detail: Written::cut(&self.detail, CHARS_MAX),
        };
        (self.status, Html(page.to_string())).into_response()
    }
}
