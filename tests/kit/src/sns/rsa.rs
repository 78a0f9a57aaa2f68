//! The certificate authority of the stand-in, and RSA signatures, including SHA-1, which current
//! libraries only verify.

use anyhow::{Context, Result};
use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use num_bigint::BigUint;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_RSA_SHA256,
};

use super::SignatureVersion;

/// The common name of Amazon's signing certificates.
const SIGNER: &str = "sns.amazonaws.com";

pub(super) struct Authority {
    root_pem: String,
    leaf_pem: String,
    key: PrivateKey,
}

impl Authority {
    pub(super) fn new() -> Result<Self> {
        let root_key = KeyPair::generate_for(&PKCS_RSA_SHA256).context("no RSA key was made")?;
        let mut root = params(Vec::new(), "Hookyard test root")?;
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root =
            CertifiedIssuer::self_signed(root, root_key).context("no root certificate was made")?;

        let leaf_key = KeyPair::generate_for(&PKCS_RSA_SHA256).context("no RSA key was made")?;
        let leaf = params(vec![SIGNER.into()], SIGNER)?
            .signed_by(&leaf_key, &root)
            .context("no certificate was made")?;
        let key = PrivateKey::from_pkcs8(leaf_key.serialized_der())
            .context("the RSA key does not read back")?;
        Ok(Self {
            root_pem: root.pem(),
            leaf_pem: leaf.pem(),
            key,
        })
    }

    pub(super) fn root_pem(&self) -> &str {
        &self.root_pem
    }

    pub(super) fn leaf_pem(&self) -> &str {
        &self.leaf_pem
    }

    pub(super) fn sign(&self, text: &str, version: SignatureVersion) -> Vec<u8> {
        self.key.sign(text.as_bytes(), version)
    }
}

fn params(names: Vec<String>, common_name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names).context("the certificate's name is invalid")?;
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2045, 1, 1);
    Ok(params)
}

struct PrivateKey {
    modulus: BigUint,
    exponent: BigUint,
}

impl PrivateKey {
    /// Reads the modulus and the private exponent (RFC 5958 around RFC 8017, appendix A.1.2).
    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let (outer, _) = element(der)?;
        let (_version, rest) = element(outer)?;
        let (_algorithm, rest) = element(rest)?;
        let (key, _) = element(rest)?;
        let (key, _) = element(key)?;
        let (_version, rest) = element(key)?;
        let (modulus, rest) = element(rest)?;
        let (_public_exponent, rest) = element(rest)?;
        let (exponent, _) = element(rest)?;
        Some(Self {
            modulus: BigUint::from_bytes_be(modulus),
            exponent: BigUint::from_bytes_be(exponent),
        })
    }

    /// Signs with RSASSA-PKCS1-v1_5 (RFC 8017, sections 8.2.1 and 9.2). The code is not
    /// constant-time, because the key protects nothing.
    fn sign(&self, text: &[u8], version: SignatureVersion) -> Vec<u8> {
        let (algorithm, prefix): (_, &[u8]) = match version {
            SignatureVersion::V1 => (
                &SHA1_FOR_LEGACY_USE_ONLY,
                b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
            ),
            SignatureVersion::V2 => (
                &SHA256,
                b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
            ),
        };
        let digest = digest::digest(algorithm, text);
        let info = [prefix, digest.as_ref()].concat();
        let length = usize::try_from(self.modulus.bits().div_ceil(8)).expect("a modulus is short");
        let padding = vec![0xff; length - info.len() - 3];
        let encoded = [&[0, 1][..], &padding, &[0], &info].concat();
        let number = BigUint::from_bytes_be(&encoded)
            .modpow(&self.exponent, &self.modulus)
            .to_bytes_be();
        [vec![0; length - number.len()], number].concat()
    }
}

/// Returns the content of the first DER element and the bytes after the element.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.get(1..)?.split_first()?;
    let (length, rest) = match first {
        0..0x80 => (usize::from(first), rest),
        _ => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (
                bytes
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte)),
                rest,
            )
        }
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
        RsaPublicKeyComponents,
    };

    use super::*;

    #[test]
    fn both_sns_signature_versions_verify() {
        let authority = Authority::new().expect("keys are made");
        let key = &authority.key;
        let public = RsaPublicKeyComponents {
            n: key.modulus.to_bytes_be(),
            e: vec![1, 0, 1],
        };
        let versions: [(_, &RsaParameters); 2] = [
            (
                SignatureVersion::V1,
                &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            ),
            (SignatureVersion::V2, &RSA_PKCS1_2048_8192_SHA256),
        ];
        for (version, verify) in versions {
            let signature = authority.sign("text", version);
            assert!(
                public.verify(verify, b"text", &signature).is_ok(),
                "{version:?}"
            );
            assert!(
                public.verify(verify, b"Text", &signature).is_err(),
                "{version:?}"
            );
        }
    }
}
