//! Runs a case, and compares what happened with what the case expects.

use hmac::{Hmac, KeyInit, Mac};
use hookyard_schemes::recipe;
use sha2::Sha256;

use crate::case::Case;
use crate::folder::{self, Folder};
use crate::host::{self, Outcome};
use crate::{reasons, request};

/// The secret of sources whose cases name none.
pub(crate) const SECRET: &str = "a secret of the runner";

/// The words of the log for a proven request that is refused because of its event.
const VERIFIED: &str = "the request was verified, but";

/// The refusals of JSON that ECMAScript reads as something else than it says.
const AMBIGUOUS: [&str; 2] = ["repeated-field", "unreadable-body"];

/// Runs the case at `index`.
pub(crate) fn check(folder: &Folder, index: usize) -> Result<(), String> {
    let (case, _) = &folder.cases()[index];
    if case.config_error {
        return check_faults(folder, index);
    }
    if case.expect == "equals" {
        return check_equals(folder, index);
    }
    let body = case.body()?;
    let outcome = send(folder, index, case, &body)?;
    check_outcome(case, &outcome)?;
    check_log(case, &outcome)?;
    check_stored(&outcome, &body)?;
    match &case.respond {
        Some(expected) => outcome.answer.compare(expected),
        None => Ok(()),
    }
}

/// Checks that the source of a case is refused when the configuration is read, and nothing else is.
fn check_faults(folder: &Folder, index: usize) -> Result<(), String> {
    let Some(faults) = folder.faults(index) else {
        return Err("the settings are accepted".to_owned());
    };
    let of_source = format!(".sources.{}.", folder::name(index));
    match faults.lines().find(|fault| !fault.contains(&of_source)) {
        Some(other) => Err(format!("another fault is reported: {other}")),
        None => Ok(()),
    }
}

/// Sends the request of a case, which may differ from the case at `index`, to the source of that
/// case.
pub(crate) fn send(
    folder: &Folder,
    index: usize,
    case: &Case,
    body: &[u8],
) -> Result<Outcome, String> {
    let name = folder::source_ref(index);
    let source = folder.settings()?.sources.get(&name);
    let source = source.ok_or_else(|| format!("there is no source {name}"))?;
    let request = request::bytes(case, &folder::path(index), body)?;
    host::receive(case, name, source, &request)
}

fn check_outcome(case: &Case, outcome: &Outcome) -> Result<(), String> {
    let reason = outcome.reason.as_deref();
    let is_right = match case.expect.as_str() {
        "accept" => outcome.answer.is_success(),
        "reject" => reason.is_some() && !outcome.log.contains(VERIFIED),
        "unverified" => matches!(reason, Some("raw-delivery" | "missing-credential")),
        // The answer decides.
        "respond" => case.respond.is_some(),
        other => {
            return Err(format!(
                "the runner does not know the expectation `{other}`"
            ));
        }
    };
    let expected_reason = case.reason.as_deref().filter(|_| case.expect != "accept");
    match (expected_reason, reason) {
        _ if !is_right => Err(format!("expected `{}`, got {outcome:?}", case.expect)),
        (Some(expected), Some(reason)) => reasons::check(expected, reason),
        _ => Ok(()),
    }
}

/// Checks that the log has no secret of the case. A short secret can be a part of any word.
fn check_log(case: &Case, outcome: &Outcome) -> Result<(), String> {
    let mut secrets = case.secrets().chain(case.text("verify_token"));
    if secrets.any(|secret| secret.len() > 8 && outcome.log.contains(secret)) {
        return Err(format!("the log contains a secret: {}", outcome.log));
    }
    Ok(())
}

/// Checks that the host stores what it accepts, byte for byte, and nothing that it refuses.
pub(crate) fn check_stored(outcome: &Outcome, body: &[u8]) -> Result<(), String> {
    let is_right = match outcome.stored.as_slice() {
        [] => true,
        [stored] => outcome.answer.is_success() && stored == body,
        _ => false,
    };
    if is_right {
        Ok(())
    } else {
        Err(format!("the wrong body is stored: {outcome:?}"))
    }
}

/// Compares JSON as ECMAScript writes it. A request whose signature is over the expected output has
/// a valid signature only if the host writes the same. The host refuses JSON that ECMAScript reads
/// as something else than it says, so that only the text is compared then.
fn check_equals(folder: &Folder, index: usize) -> Result<(), String> {
    let (case, _) = &folder.cases()[index];
    let (Some(input), Some(output)) = (&case.input, &case.output) else {
        return Err("`input` or `output` is missing".to_owned());
    };
    let written = recipe::stringify(input.as_bytes()).map_err(|error| error.to_string())?;
    if written.text != *output {
        return Err(format!("expected {output}, got {}", written.text));
    }
    if case
        .same_bytes
        .is_some_and(|same| same != (input == output))
    {
        return Err("`same_bytes` is wrong".to_owned());
    }

    let mut case = case.clone();
    case.set_header("X-Signature", &signed(output));
    let outcome = send(folder, index, &case, input.as_bytes())?;
    let reason = outcome.reason.as_deref();
    if outcome.answer.is_success() || reason.is_some_and(|reason| AMBIGUOUS.contains(&reason)) {
        Ok(())
    } else {
        Err(format!("expected `accept`, got {outcome:?}"))
    }
}

fn signed(text: &str) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key of any size");
    hmac.update(text.as_bytes());
    let bytes = hmac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
