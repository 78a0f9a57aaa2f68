//! The stylesheet, the script and the icon, which are built into the binary.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::problem::Problem;

const STYLE: &str = include_str!("../../assets/hookyard.css");
const SCRIPT: &str = include_str!("../../assets/hookyard.js");
const ICON: &str = include_str!("../../assets/hookyard.svg");

/// Serves a file. The files contain nothing of the host, so that they need no session.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    let (media_type, content) = match name.as_str() {
        "hookyard.css" => ("text/css; charset=utf-8", STYLE),
        "hookyard.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "hookyard.svg" => ("image/svg+xml", ICON),
        _ => return Problem::unknown("There is no such file.").into_response(),
    };
    // Short, so that the pages of a new version do not use the old script.
    let headers = [(CONTENT_TYPE, media_type), (CACHE_CONTROL, "max-age=60")];
    (headers, content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_stays_small() {
        assert!(
            SCRIPT.lines().count() <= 250,
            "past 250 lines, take a library"
        );
    }
}
