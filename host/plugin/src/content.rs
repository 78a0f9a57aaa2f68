//! What a component is known by: the hash of its bytes.

use hookyard_model::Revision;
use sha2::{Digest as _, Sha256};

/// The revision that these bytes are.
pub fn revision_of(bytes: &[u8]) -> Revision {
    Revision::from_sha256(Sha256::digest(bytes).into())
}
