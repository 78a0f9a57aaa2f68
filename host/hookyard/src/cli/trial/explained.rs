//! The explanation of a request, as text and as JSON.

use std::fmt::Write as _;

use hookyard_config::Source;
use hookyard_model::{Timestamp, visible};
use hookyard_schemes::diagnose::{Diagnosis, SignatureTrace};
use hookyard_schemes::value::Fields;
use hookyard_schemes::{
    Direction, DocumentRef, Provider, Refusal, Request, SchemeKind, Verdict, Verification, Verified,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Tried;

/// The part of the signed bytes that is shown, in bytes.
const PREVIEW_BYTES: usize = 200;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A file or standard input.
    Given,
    /// A stored event.
    Stored,
    /// A kept refused request.
    Refused,
}

/// The explanation of one request.
#[derive(Serialize)]
pub(super) struct Explained<'t> {
    source: String,
    provider: &'t str,
    scheme: &'static str,
    request: ShownRequest<'t>,
    signed: Vec<ShownTrace>,
    /// The name of the result: `accepted`, or the reason of the refusal.
    result: &'static str,
    detail: String,
    mistakes: Vec<ShownMistake>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<ShownEvent>,
    notes: &'t [String],
}

#[derive(Serialize)]
struct ShownRequest<'t> {
    method: &'t str,
    path: &'t str,
    headers: usize,
    bytes: usize,
    arrived_at: String,
}

/// What was signed and computed.
#[derive(Serialize)]
struct ShownTrace {
    bytes: usize,
    sha256: String,
    /// The bytes as text, with escapes; the beginning of them unless all are asked for.
    text: String,
    is_cut: bool,
    computed: Vec<String>,
    came: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_at: Option<String>,
    /// The time from the signature to the arrival of the request, in seconds; negative if the
    /// request arrived first.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<i64>,
}

#[derive(Serialize)]
struct ShownMistake {
    mistake: &'static str,
    text: String,
}

/// The event that the request would be stored as.
#[derive(Serialize)]
struct ShownEvent {
    /// The key, or `None` if each delivery is an event of its own.
    key: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// The case of the provider's variant that a typed plugin gets.
    case: Option<String>,
}

impl<'t> Explained<'t> {
    pub(super) fn new(
        tried: &'t Tried,
        source: &'t Source,
        request: Request<'_>,
        diagnosis: Diagnosis,
        show_all: bool,
    ) -> Self {
        let is_stored = tried.origin == Origin::Stored;
        let handshake = source
            .handshakes
            .find(&Fields::new(request), false)
            .is_some();
        let (result, detail, event) = if handshake && !is_stored {
            let detail = "the request asks for a handshake, which is answered and not stored";
            ("handshake", detail.to_owned(), None)
        } else if hides_proof(tried, source, &diagnosis.result) {
            let detail = "the credential of the request was not kept, so that this command cannot \
                          check it";
            ("undecided", detail.to_owned(), None)
        } else {
            outcome(&diagnosis.result, &source.provider, &request)
        };
        let is_handshake = result == "handshake";
        let mistakes = diagnosis.mistakes.into_iter();

        Self {
            source: tried.source.to_string(),
            provider: &source.provider.name,
            scheme: source.scheme.kind().name(),
            request: ShownRequest {
                method: &tried.request.method,
                path: path_without_secret(tried),
                headers: tried.request.headers.len(),
                bytes: tried.request.body.len(),
                arrived_at: tried.now.to_string(),
            },
            signed: diagnosis
                .traces
                .iter()
                .map(|trace| ShownTrace::of(trace, tried.now, show_all))
                .collect(),
            result,
            detail,
            mistakes: mistakes
                .filter(|_| !is_handshake)
                .map(|mistake| ShownMistake {
                    mistake: mistake.name,
                    text: mistake.text,
                })
                .collect(),
            event,
            notes: &tried.request.notes,
        }
    }

    pub(super) fn is_accepted(&self) -> bool {
        matches!(
            self.result,
            "accepted" | "handshake" | "confirmed" | "noticed"
        )
    }

    /// Returns the explanation as lines, in the order in which a host handles a request.
    pub(super) fn as_text(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, text: &str| {
            let _ = writeln!(out, "{name:<10} {}", visible(text));
        };

        let ShownRequest {
            method,
            path,
            headers,
            bytes,
            arrived_at,
        } = &self.request;
        line(
            "request",
            &format!("{method} {path}, {headers} headers, {bytes} bytes, at {arrived_at}"),
        );
        for note in self.notes {
            line("note", note);
        }
        let (source, provider, scheme) = (&self.source, self.provider, self.scheme);
        line("source", &format!("/{source}: {provider}, {scheme}"));
        for trace in &self.signed {
            trace.write(&mut line);
        }
        line(&self.result.replace('-', " "), &self.detail);
        for mistake in &self.mistakes {
            line("mistake", &mistake.text);
        }
        if let Some(event) = &self.event {
            event.write(&mut line);
        }
        out
    }
}

/// Returns the first two segments of the path. A third segment may be a secret.
fn path_without_secret(tried: &Tried) -> &str {
    let path = &tried.request.path;
    let end = path.match_indices('/').nth(2).map(|(at, _)| at);
    &path[..end.unwrap_or(path.len())]
}

/// Returns whether a refusal is about a credential that was replaced when the request was kept.
fn hides_proof(tried: &Tried, source: &Source, result: &Result<Verification, Refusal>) -> bool {
    let is_about_credential = match result {
        Err(
            Refusal::WrongCredential { .. }
            | Refusal::MissingCredential { .. }
            | Refusal::HandshakeSecret { .. },
        ) => true,
        // A token is kept without its signature.
        Err(Refusal::BadSignature | Refusal::MalformedHeader { .. }) => {
            source.scheme.kind() == SchemeKind::Jwt
        }
        _ => false,
    };
    is_about_credential && !tried.request.redacted.is_empty()
}

/// Returns the name of the result, its details, and the event.
fn outcome(
    result: &Result<Verification, Refusal>,
    provider: &Provider,
    request: &Request<'_>,
) -> (&'static str, String, Option<ShownEvent>) {
    let undecided = |detail: String| ("undecided", detail, None);
    match result {
        Err(refusal) => (
            refusal.reason(),
            format!("the request is not verified: {refusal}"),
            None,
        ),
        Ok(Verification::Running(_)) => undecided(
            "a component of the provider verifies the request, and this command runs no component"
                .to_owned(),
        ),
        Ok(Verification::NeedsDocument { document, .. }) => undecided(format!(
            "everything fits so far; the host would fetch {}, and this command fetches nothing",
            named(document)
        )),
        Ok(Verification::Complete(verdict)) => match verdict {
            Verdict::Event(verified) => event(verified, provider, request),
            Verdict::Confirm { topic, .. } => (
                "confirmed",
                format!("the host would confirm the topic {topic}"),
                None,
            ),
            Verdict::Notice { what } => ("noticed", (*what).to_owned(), None),
        },
    }
}

fn named(document: &DocumentRef) -> String {
    match document {
        DocumentRef::Certificate { url } => format!("the certificate at {url}"),
        DocumentRef::KeySet { url } => format!("the keys at {url}"),
        DocumentRef::Key { id, .. } => format!("the key `{id}`"),
    }
}

fn event(
    verified: &Verified,
    provider: &Provider,
    request: &Request<'_>,
) -> (&'static str, String, Option<ShownEvent>) {
    match provider.describe(verified, request) {
        Ok(description) => {
            let case = description.event_type.as_ref().and_then(|event_type| {
                let event = provider.events.get(event_type)?;
                (event.direction == Direction::Incoming).then(|| event.case.clone())
            });
            let event = ShownEvent {
                key: description.key,
                event_type: description.event_type,
                case,
            };
            (
                "accepted",
                "the request is verified and would be stored".to_owned(),
                Some(event),
            )
        }
        Err(refusal) => {
            let detail =
                format!("the request is verified, but its event cannot be stored: {refusal}");
            (refusal.reason(), detail, None)
        }
    }
}

impl ShownTrace {
    fn of(trace: &SignatureTrace, arrived_at: Timestamp, show_all: bool) -> Self {
        let is_cut = !show_all && trace.signed.len() > PREVIEW_BYTES;
        let shown = if is_cut {
            &trace.signed[..PREVIEW_BYTES]
        } else {
            &trace.signed
        };
        let digest = Sha256::digest(&trace.signed);
        Self {
            bytes: trace.signed.len(),
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            text: shown.escape_ascii().to_string(),
            is_cut,
            computed: trace.computed.clone(),
            came: trace.came.clone(),
            signed_at: trace.signed_at.map(|time| time.to_string()),
            age_seconds: trace
                .signed_at
                .map(|time| arrived_at.unix_secs() - time.unix_secs()),
        }
    }

    fn write(&self, line: &mut impl FnMut(&str, &str)) {
        let (bytes, sha256) = (self.bytes, &self.sha256);
        line("signed", &format!("{bytes} bytes, SHA-256 {sha256}"));
        let more = if self.is_cut {
            "… (--show prints all)"
        } else {
            ""
        };
        line("", &format!("\"{}\"{more}", self.text));
        for came in &self.came {
            line("came", came);
        }
        for computed in &self.computed {
            line("computed", computed);
        }
        if let (Some(signed_at), Some(age)) = (&self.signed_at, self.age_seconds) {
            let side = if age < 0 { "after" } else { "before" };
            let seconds = age.unsigned_abs();
            line(
                "signed at",
                &format!("{signed_at}, {seconds} s {side} the request arrived"),
            );
        }
    }
}

impl ShownEvent {
    fn write(&self, line: &mut impl FnMut(&str, &str)) {
        let key = self.key.as_deref();
        line(
            "key",
            key.unwrap_or("(none: each delivery is an event of its own)"),
        );
        line("type", self.event_type.as_deref().unwrap_or("(unknown)"));
        let other = "(none: typed plugins get it as `other`)";
        line("case", self.case.as_deref().unwrap_or(other));
    }
}
