//! The reasons that vector files give for a refusal, and the refusals that they mean.
//!
//! A reason is the name of a refusal, such as `bad-signature`, or words that have a meaning here. A
//! case with other words fails.

/// The beginnings of reasons in words, each with the names of the refusals that it means.
const WORDS: [(&str, &[&str]); 30] = [
    (
        "signature or topic",
        &["bad-signature", "topic-not-allowed"],
    ),
    ("signature", BAD),
    ("unknown Type", &["unknown-message-type"]),
    ("hash algorithm mismatch", BAD),
    ("unsupported SignatureVersion", &["wrong-algorithm"]),
    ("SignatureVersion is a JSON string", &["malformed-field"]),
    ("missing field", &["missing-field"]),
    (
        "malformed",
        &["malformed-field", "malformed-header", "bad-signature"],
    ),
    (
        "SigningCertURL is not an allowed",
        &["certificate-url", "malformed-field"],
    ),
    ("certificate cannot be fetched", NO_DOCUMENT),
    ("certificate body is not PEM", NO_DOCUMENT),
    ("certificate outside validity", &["certificate-refused"]),
    ("leaf outside validity", &["certificate-refused"]),
    (
        "chain does not end at a trust anchor",
        &["certificate-refused"],
    ),
    ("TopicArn not in the allow-list", &["topic-not-allowed"]),
    (
        "a valid AWS signature from any AWS account",
        &["topic-not-allowed"],
    ),
    ("x-amz-sns-message-type disagrees", &["disagreement"]),
    ("x-amz-sns-message-type header absent", &["missing-header"]),
    ("Timestamp older than the window", &["stale-timestamp"]),
    ("two Message keys", &["repeated-field"]),
    ("nothing authenticates a raw delivery", &["raw-delivery"]),
    (
        "only X-Hub-Signature-256 is accepted",
        &["malformed-header"],
    ),
    ("stripe-node takes the last t", &["repeated-pair"]),
    ("stripe-node does not trim", &["malformed-header"]),
    (
        "no separator between timestamp and body",
        &["malformed-header"],
    ),
    ("Type change alters the field list", BAD),
    ("Topper Java example refuses", &["unknown-key"]),
    (
        "a verifier that uses the attached payload",
        &["malformed-header"],
    ),
    ("algorithm confusion", &["wrong-algorithm"]),
    ("jwk/jku/x5u/x5c in the header are never trusted", BAD),
];
const BAD: &[&str] = &["bad-signature"];
/// The case serves no usable document.
const NO_DOCUMENT: &[&str] = &["certificate-unavailable"];

/// Checks that a refusal with this name fits the reason of a case.
pub(crate) fn check(reason: &str, name: &str) -> Result<(), String> {
    let known = WORDS.iter().find(|(words, _)| reason.starts_with(words));
    let fits = match known {
        Some((_, names)) => names.contains(&name),
        None if is_name(reason) => reason == name,
        None => return Err(format!("the runner does not know the reason `{reason}`")),
    };
    if fits {
        Ok(())
    } else {
        Err(format!("expected a refusal for `{reason}`, got `{name}`"))
    }
}

fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    text.contains('-') && text.bytes().all(is_part)
}
