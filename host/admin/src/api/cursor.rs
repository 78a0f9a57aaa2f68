//! Cursors: the place at which a list goes on, bound to the filters of the list.
//!
//! A cursor is base64url of a version, the id of the last item, and 8 bytes of the SHA-256 of the
//! filters. It has no number of a row, which would tell a tenant how much others receive.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::fault::Fault;

const VERSION: u8 = 1;
const LENGTH: usize = 1 + 16 + 8;

/// Writes the cursor after the item `last` of the list with these filters.
pub(super) fn write(last: Uuid, filters: &str) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(last.as_bytes());
    bytes.extend_from_slice(&digest(filters));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor of a list with these filters.
pub(super) fn read(cursor: Option<&str>, filters: &str) -> Result<Option<Uuid>, Fault> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let wrong = || Fault::parameter("cursor", "must be the `next` of an answer of this endpoint");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
    if bytes.len() != LENGTH || bytes[0] != VERSION {
        return Err(wrong());
    }
    if bytes[17..] != digest(filters) {
        return Err(Fault::parameter(
            "cursor",
            "belongs to a list with other filters; repeat all parameters of the first request",
        ));
    }
    Uuid::from_slice(&bytes[1..17])
        .map(Some)
        .map_err(|_| wrong())
}

fn digest(filters: &str) -> [u8; 8] {
    let digest = Sha256::digest(filters.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_belongs_to_its_filters() {
        let last = Uuid::from_u128(7);
        let cursor = write(last, "a");

        assert_eq!(read(Some(&cursor), "a"), Ok(Some(last)));
        assert!(read(Some(&cursor), "b").is_err());
        assert_eq!(read(None, "a"), Ok(None));
    }

    #[test]
    fn damaged_cursor_is_refused() {
        let cursor = write(Uuid::from_u128(7), "a");
        for wrong in [
            "",
            "AAAA",
            "?",
            &cursor[1..],
            &format!("{cursor}A"),
            &cursor.replace('A', "B"),
        ] {
            assert!(read(Some(wrong), "a").is_err(), "{wrong}");
        }
    }
}
