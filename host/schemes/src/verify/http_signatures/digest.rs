//! The digest of the body in `Content-Digest` (RFC 9530).

use aws_lc_rs::digest::{self, Algorithm, SHA256, SHA512};
use sfv::{BareItem, ListEntry};

use super::CONTENT_DIGEST;
use super::input::{dictionary, malformed};
use crate::{Refusal, Request};

/// The algorithms that prove something. RFC 9530 calls the others insecure.
const ALGORITHMS: [(&str, &Algorithm); 2] = [("sha-256", &SHA256), ("sha-512", &SHA512)];

/// Checks every digest with a known algorithm. At least one digest must have such an algorithm.
pub(super) fn check(request: &Request<'_>) -> Result<(), Refusal> {
    let digests = dictionary(request, CONTENT_DIGEST)?;
    let mut is_proven = false;
    for (name, algorithm) in ALGORITHMS {
        let Some(entry) = digests.get(name) else {
            continue;
        };
        let actual = digest::digest(algorithm, request.body);
        if bytes(entry)? != actual.as_ref() {
            return Err(Refusal::WrongDigest {
                name: CONTENT_DIGEST.to_owned(),
            });
        }
        is_proven = true;
    }

    if is_proven {
        Ok(())
    } else {
        Err(malformed(
            CONTENT_DIGEST,
            "has no digest with sha-256 or sha-512",
        ))
    }
}

fn bytes(entry: &ListEntry) -> Result<&[u8], Refusal> {
    match entry {
        ListEntry::Item(item) => match &item.bare_item {
            BareItem::ByteSequence(bytes) => Ok(bytes),
            _ => Err(malformed(CONTENT_DIGEST, "has a digest that is not bytes")),
        },
        ListEntry::InnerList(_) => Err(malformed(CONTENT_DIGEST, "has a list of digests")),
    }
}
