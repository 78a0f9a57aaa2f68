//! The ordering key of an event: the value at a configured location of the sender's event.

use hookyard_model::Payload;

use crate::provider::described::{hashed, identifier, is_identifier};
use crate::{JsonPointer, Refusal, payload_bytes};

/// Returns the ordering key at `pointer` in the event of a stored `body`; `None` if there is no
/// string or number, or if the event is not JSON.
///
/// A text that is too long for an identifier or has hidden characters is replaced by its hash, so
/// that equal texts stay equal.
///
/// # Errors
///
/// Returns a [`Refusal`] if a name on the path occurs twice: the sender may have meant either
/// value.
pub fn ordering_key(
    pointer: &JsonPointer,
    payload: &Payload,
    body: &[u8],
) -> Result<Option<String>, Refusal> {
    let found = payload_bytes(payload, body)
        .and_then(|event| Ok(pointer.find(&event)?.and_then(identifier)));
    let key = match found {
        Ok(found) => found.filter(|key| !key.is_empty()),
        Err(crate::Unreadable::NotJson(_)) => None,
        Err(error) => return Err(error.into()),
    };

    Ok(key.map(|key| {
        if is_identifier(&key) {
            key
        } else {
            hashed(key.as_bytes())
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pointer: &str, body: &str, expected: Option<&str>) {
        let pointer = JsonPointer::parse(pointer).expect("a pointer");
        let key = ordering_key(&pointer, &Payload::Body, body.as_bytes()).expect("readable");
        assert_eq!(key.as_deref(), expected, "{pointer} in {body}");
    }

    #[test]
    fn ordering_key_is_text_or_number() {
        check("/object_id", r#"{"object_id":"offer-7"}"#, Some("offer-7"));
        check(
            "/object/id",
            r#"{"object":{"id":12345678901234567890}}"#,
            Some("12345678901234567890"),
        );
        check("/0", r#"[1.50]"#, Some("1.50"));
        check("/id", r#"{"id":"A"}"#, Some("A"));
        for none in [
            r#"{"other":1}"#,
            r#"{"id":null}"#,
            r#"{"id":""}"#,
            r#"{"id":{}}"#,
            r#"{"id":true}"#,
            "<id/>",
            "{",
        ] {
            check("/id", none, None);
        }
    }

    #[test]
    fn long_ordering_key_is_hashed() {
        let key = |id: &str| {
            let body = serde_json::json!({ "id": id }).to_string();
            let pointer = JsonPointer::parse("/id").expect("a pointer");
            ordering_key(&pointer, &Payload::Body, body.as_bytes())
                .expect("readable")
                .expect("a key")
        };
        let (long, other) = ("x".repeat(100_000), "x".repeat(100_001));

        assert_eq!(key(&long), key(&long));
        assert_ne!(key(&long), key(&other));
        assert!(key(&long).len() < 100 && key(&long).starts_with("sha256:"));
        assert!(!key("line\nbreak").contains('\n'));
    }

    #[test]
    fn ordering_key_is_read_from_the_payload() {
        let pointer = JsonPointer::parse("/id").expect("a pointer");
        let inner = Payload::TextAt("/Message".into());
        let found = |body: &[u8]| ordering_key(&pointer, &inner, body);

        assert_eq!(
            found(br#"{"id":"outer","Message":"{\"id\":\"inner\"}"}"#),
            Ok(Some("inner".into()))
        );
        assert_eq!(
            found(br#"{"id":"outer","Message":"plain words"}"#),
            Ok(None)
        );
        let twice = ordering_key(&pointer, &Payload::Body, br#"{"id":1,"id":2}"#);
        assert!(
            matches!(twice, Err(Refusal::RepeatedField { .. })),
            "{twice:?}"
        );
    }
}
