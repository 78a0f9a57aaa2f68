//! Keys that a component computes with and never sees.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::{constant_time, hmac};

use crate::Secret;
use crate::recipe::{Hash, PublicKeyAlgorithm};
use crate::verify::public_key::PublicKey;

/// The maximum size of a secret that a component makes of another one, in bytes.
const MADE_BYTES_MAX: usize = 64 << 10;

/// A secret or a public key. Clones share the key.
#[derive(Clone)]
pub struct KeyHandle(Arc<Material>);

enum Material {
    Secret(Secret),
    Public(PublicKey),
}

impl KeyHandle {
    /// Wraps a secret.
    pub fn secret(secret: Secret) -> Self {
        Self(Arc::new(Material::Secret(secret)))
    }

    /// Wraps a public key.
    pub fn public(key: PublicKey) -> Self {
        Self(Arc::new(Material::Public(key)))
    }

    /// Returns the id of the key, if it has one.
    pub fn id(&self) -> Option<&str> {
        match &*self.0 {
            Material::Secret(_) => None,
            Material::Public(key) => key.id.as_deref(),
        }
    }

    /// Returns whether `tag` is the HMAC of `signed` under this secret.
    pub fn hmac_matches(&self, hash: Hash, signed: &[u8], tag: &[u8]) -> bool {
        self.hmac(hash, signed)
            .is_some_and(|own| constant_time::verify_slices_are_equal(own.as_ref(), tag).is_ok())
    }

    /// Returns the HMAC of `data` under this secret as a new secret; `None` for a public key.
    #[must_use]
    pub fn derive(&self, hash: Hash, data: &[u8]) -> Option<Self> {
        let tag = self.hmac(hash, data)?;
        Some(Self::secret(Secret::new(tag.as_ref())))
    }

    /// Returns the secret that consists of `prefix` and this secret; `None` for a public key, and if
    /// the new secret would be larger than 64 KiB.
    #[must_use]
    pub fn with_prefix(&self, prefix: &[u8]) -> Option<Self> {
        let secret = self.as_secret()?;
        // A component can make a secret of a secret, again and again, and hold many of them.
        if prefix.len() + secret.expose().len() > MADE_BYTES_MAX {
            return None;
        }
        Some(Self::secret(Secret::new(
            [prefix, secret.expose()].concat(),
        )))
    }

    /// Returns whether `given` is this secret.
    pub fn equals(&self, given: &[u8]) -> bool {
        self.as_secret().is_some_and(|secret| secret.matches(given))
    }

    /// Returns whether `signature` is a signature of `signed` under this public key.
    pub fn signature_matches(
        &self,
        algorithm: PublicKeyAlgorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> bool {
        match &*self.0 {
            Material::Secret(_) => false,
            Material::Public(key) => key
                .parse(algorithm)
                .is_ok_and(|key| key.verify_sig(signed, signature).is_ok()),
        }
    }

    fn as_secret(&self) -> Option<&Secret> {
        match &*self.0 {
            Material::Secret(secret) => Some(secret),
            Material::Public(_) => None,
        }
    }

    fn hmac(&self, hash: Hash, data: &[u8]) -> Option<hmac::Tag> {
        let key = hash.hmac_key(self.as_secret()?.expose());
        Some(hmac::sign(&key, data))
    }
}

impl fmt::Debug for KeyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHandle(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_does_not_grow_without_end() {
        let secret = KeyHandle::secret(Secret::from("secret"));
        let half = vec![b'x'; MADE_BYTES_MAX / 2];
        let once = secret.with_prefix(&half).expect("a secret");
        assert!(once.equals(&[&half[..], b"secret"].concat()));
        assert!(once.with_prefix(&half).is_none());
        assert!(secret.with_prefix(&vec![b'x'; MADE_BYTES_MAX]).is_none());
    }
}
