//! Keys that sign in the tests.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL;
use serde_json::{Value, json};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;

pub(super) type Sign = dyn Fn(&[u8]) -> Vec<u8>;

/// A key pair: the public JWK and the key that signs.
pub(super) struct Signer {
    pub(super) jwk: Value,
    pub(super) sign: Box<Sign>,
}

pub(super) fn ec(algorithm: &'static EcdsaSigningAlgorithm, crv: &str) -> Signer {
    let pair = EcdsaKeyPair::generate(algorithm).expect("a key");
    let point = pair.public_key().as_ref()[1..].to_vec();
    let (x, y) = point.split_at(point.len() / 2);
    let jwk = json!({"kty": "EC", "crv": crv, "x": URL.encode(x), "y": URL.encode(y)});

    Signer {
        jwk,
        sign: Box::new(move |text| {
            pair.sign(&SystemRandom::new(), text)
                .expect("signs")
                .as_ref()
                .to_vec()
        }),
    }
}

pub(super) fn ed25519() -> Signer {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL.encode(pair.public_key())});
    Signer {
        jwk,
        sign: Box::new(move |text| pair.sign(text).as_ref().to_vec()),
    }
}

pub(super) fn rsa(encoding: &'static dyn RsaEncoding) -> Signer {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let (_, public) =
        RSAPublicKey::from_der(pair.public_key().as_ref()).expect("its own public key");
    let modulus: Vec<_> = public
        .modulus
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    let jwk = json!({"kty": "RSA", "n": URL.encode(modulus), "e": URL.encode(public.exponent)});
    let sign = move |text: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), text, &mut signature)
            .expect("signs");
        signature
    };

    Signer {
        jwk,
        sign: Box::new(sign),
    }
}

impl Signer {
    /// Returns the public key with another member.
    pub(super) fn jwk_with(&self, name: &str, value: &str) -> Value {
        let mut jwk = self.jwk.clone();
        jwk[name] = value.into();
        jwk
    }

    /// Returns a token with these protected parameters and claims (RFC 7519).
    pub(super) fn jwt(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            URL.encode(header.to_string()),
            URL.encode(claims.to_string())
        );
        let signature = URL.encode((self.sign)(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}
