//! The request that returns one public key by its id: a POST of a small JSON object to a URL that
//! the configuration names.

use std::hash::{Hash, Hasher};

use serde_json::{Map, Value};

use super::documents::InvalidDocument;
use super::key_set::KeySet;
use crate::json::JsonPointer;
use crate::recipe::{Encoding, Hash as Digest};
use crate::{Secret, SetupError};

/// The maximum length of the id of a key, in bytes.
const ID_BYTES_MAX: usize = 128;

/// A request that returns the public key with a given id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRequest {
    /// The URL that the request is posted to.
    pub url: String,
    /// The members of the JSON object that is posted.
    pub members: Vec<(String, KeyRequestValue)>,
    /// The location of the key, a JSON Web Key, in the answer.
    pub key: JsonPointer,
}

/// The value of a member of a [`KeyRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRequestValue {
    /// The id of the key.
    Id,
    /// A text, which may be a credential.
    Text(Secret),
}

/// The credentials are left out: a hash of them could end up in places where no credential belongs.
impl Hash for KeyRequest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.url.hash(state);
        self.key.hash(state);
    }
}

impl KeyRequest {
    /// Checks that the id of the key is a part of the request.
    pub(super) fn check(&self) -> Result<(), SetupError> {
        let has_id = self
            .members
            .iter()
            .any(|(_, value)| *value == KeyRequestValue::Id);
        if has_id {
            Ok(())
        } else {
            Err(SetupError::Senseless(
                "the request for a key does not contain the id of the key; write `{kid}` as one of \
                 its values",
            ))
        }
    }

    /// Returns whether a key may have this id. A stranger chooses it, and it becomes a part of a
    /// request with the operator's credentials.
    pub(super) fn takes_id(id: &str) -> bool {
        (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// Returns the body of the request for the key with this id. It contains credentials.
    pub fn body(&self, id: &str) -> Secret {
        let text = |value: &KeyRequestValue| match value {
            KeyRequestValue::Id => id.to_owned(),
            KeyRequestValue::Text(text) => String::from_utf8_lossy(text.expose()).into_owned(),
        };
        let members: Map<_, _> = self
            .members
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(text(value))))
            .collect();
        Secret::from(Value::from(members).to_string())
    }

    /// Returns a digest of the members without the id of the key. Requests with other credentials
    /// have other fingerprints, and a fingerprint does not reveal the credentials.
    pub fn fingerprint(&self) -> String {
        let members: Vec<_> = self
            .members
            .iter()
            .map(|(name, value)| match value {
                KeyRequestValue::Id => (name, Value::Null),
                KeyRequestValue::Text(text) => {
                    (name, String::from_utf8_lossy(text.expose()).into())
                }
            })
            .collect();
        let written = serde_json::json!(members).to_string();
        Encoding::Hex.encode(Digest::Sha256.digest(written.as_bytes()).as_ref())
    }
}

/// Reads the key with this id from the answer to a request, which has the key at `place`.
pub(super) fn read_answer(
    place: &JsonPointer,
    body: &[u8],
    id: &str,
) -> Result<KeySet, InvalidDocument> {
    let found = place.find(body);
    let found = found.map_err(|error| InvalidDocument(format!("not an answer: {error}")))?;
    let key = found
        .ok_or_else(|| InvalidDocument(format!("the answer has no key at {}", place.as_str())))?;
    KeySet::single(key.get().as_bytes(), id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> KeyRequest {
        KeyRequest {
            url: "https://keys.example/get".to_owned(),
            members: vec![
                ("client_id".to_owned(), KeyRequestValue::Text("me".into())),
                ("key_id".to_owned(), KeyRequestValue::Id),
            ],
            key: JsonPointer::parse("/key").expect("a pointer"),
        }
    }

    #[test]
    fn id_is_escaped_in_the_body() {
        let body = request().body("a\"b");
        let body: Value = serde_json::from_slice(body.expose()).expect("JSON");
        assert_eq!(body["key_id"], "a\"b");
        assert_eq!(body["client_id"], "me");
    }

    #[test]
    fn request_contains_the_id() {
        assert!(request().check().is_ok());
        let without = KeyRequest {
            members: Vec::new(),
            ..request()
        };
        assert!(without.check().is_err());
    }

    #[test]
    fn odd_ids_are_refused() {
        for bad in ["", "a b", "a\n", "ä", &"x".repeat(129)] {
            assert!(!KeyRequest::takes_id(bad), "{bad}");
        }
        assert!(KeyRequest::takes_id("bfbd5111-8e33-4643-8ced-b2e642a72f3c"));
    }

    #[test]
    fn fingerprint_depends_on_all_members() {
        let of = |members: [(&str, KeyRequestValue); 2]| {
            let members = members.map(|(name, value)| (name.to_owned(), value));
            let request = KeyRequest {
                members: members.into(),
                ..request()
            };
            request.fingerprint()
        };
        let text = |text: &str| KeyRequestValue::Text(text.into());
        let one = of([("client_id", text("me")), ("key_id", KeyRequestValue::Id)]);

        assert_eq!(one, request().fingerprint());
        assert_eq!(one.len(), 64);
        for other in [
            of([("client_id", text("you")), ("key_id", KeyRequestValue::Id)]),
            of([("client", text("me")), ("key_id", KeyRequestValue::Id)]),
            of([("client_id", text("me")), ("key_id", text(""))]),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn credentials_are_not_printed() {
        let printed = format!("{:?}", request());
        assert!(!printed.contains("me\""), "{printed}");
    }
}
