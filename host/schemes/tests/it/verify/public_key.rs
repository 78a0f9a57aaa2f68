//! Signatures with public keys: every algorithm, every form of a key, and keys that cannot be used.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hookyard_schemes::recipe::{
    Algorithm, EcdsaForm, Encoding, KeyOrigin, PublicKeyAlgorithm, Recipe, RsaHash, Settings,
    SourceValues,
};
use hookyard_schemes::{PublicKeys, Scheme};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{reason, setup_error, verifier, verify};
use crate::recipes::{github, signed, whole};

const BODY: &[u8] = br#"{"id":"1"}"#;

type Sign = dyn Fn(&[u8]) -> Vec<u8>;

/// A key pair: the public key in its forms, and the key that signs.
struct Signer {
    spki: Vec<u8>,
    raw: Vec<u8>,
    jwk: Value,
    sign: Box<Sign>,
}

fn scheme(algorithm: PublicKeyAlgorithm, keys: &[String]) -> Scheme {
    let recipe = Recipe {
        algorithm: Algorithm::PublicKey {
            algorithm,
            keys: KeyOrigin::Source,
        },
        encoding: Encoding::Base64,
        signature: whole("X-Signature"),
        signed: signed("{header:x-time}{body}"),
        ..github()
    };
    Scheme::Recipe(Box::new(Settings {
        recipe,
        keys: keys.iter().map(|key| key.as_str().into()).collect(),
        tolerance: None,
        source: SourceValues::default(),
    }))
}

fn outcome(
    algorithm: PublicKeyAlgorithm,
    key: &str,
    signature: &[u8],
    body: &[u8],
) -> &'static str {
    let verifier = verifier(scheme(algorithm, &[key.to_owned()]));
    let signature = BASE64_STANDARD.encode(signature);
    let headers = [("X-Signature", signature.as_str()), ("X-Time", "1")];
    reason(verify(&verifier, &headers, body))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pem(der: &[u8]) -> String {
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        BASE64_STANDARD.encode(der)
    )
}

fn ed25519() -> Signer {
    let pair = Ed25519KeyPair::generate().expect("a key");
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("DER");
    let raw = pair.public_key().as_ref().to_vec();
    Signer {
        spki: spki.as_ref().to_vec(),
        jwk: json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64_URL_SAFE_NO_PAD.encode(&raw)}),
        raw,
        sign: Box::new(move |text| pair.sign(text).as_ref().to_vec()),
    }
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm, curve: &str) -> Signer {
    let pair = EcdsaKeyPair::generate(algorithm).expect("a key");
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("DER");
    let raw = pair.public_key().as_ref().to_vec();
    let (x, y) = raw[1..].split_at(raw.len() / 2);
    let url = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    Signer {
        spki: spki.as_ref().to_vec(),
        jwk: json!({"kty": "EC", "crv": curve, "x": url(x), "y": url(y)}),
        raw: raw.clone(),
        sign: Box::new(move |text| {
            let signature = pair.sign(&SystemRandom::new(), text);
            signature.expect("signs").as_ref().to_vec()
        }),
    }
}

fn rsa(size: KeySize, padding: &'static dyn RsaEncoding) -> Signer {
    let pair = RsaKeyPair::generate(size).expect("a key");
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("DER");
    let raw = pair.public_key().as_ref().to_vec();
    Signer {
        spki: spki.as_ref().to_vec(),
        jwk: jwk_of_rsa(&raw),
        raw,
        sign: Box::new(move |text| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &SystemRandom::new(), text, &mut signature)
                .expect("signs");
            signature
        }),
    }
}

/// Returns the JSON Web Key of an `RSAPublicKey` in DER.
fn jwk_of_rsa(der: &[u8]) -> Value {
    use x509_parser::prelude::FromDer;
    let (_, key) = x509_parser::public_key::RSAPublicKey::from_der(der).expect("a key");
    let url = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        BASE64_URL_SAFE_NO_PAD.encode(&number[zeros..])
    };
    json!({"kty": "RSA", "n": url(key.modulus), "e": url(key.exponent)})
}

#[test]
fn every_algorithm_verifies_with_every_form_of_key() {
    use PublicKeyAlgorithm::{EcdsaP256, EcdsaP384, Ed25519, Rsa, RsaPss};
    for (algorithm, signer) in [
        (Ed25519, ed25519()),
        (
            EcdsaP256(EcdsaForm::Der),
            ec(&ECDSA_P256_SHA256_ASN1_SIGNING, "P-256"),
        ),
        (
            EcdsaP256(EcdsaForm::Raw),
            ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
        ),
        (
            EcdsaP384(EcdsaForm::Der),
            ec(&ECDSA_P384_SHA384_ASN1_SIGNING, "P-384"),
        ),
        (
            EcdsaP384(EcdsaForm::Raw),
            ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
        ),
        (
            Rsa(RsaHash::Sha256),
            rsa(KeySize::Rsa2048, &RSA_PKCS1_SHA256),
        ),
        (
            Rsa(RsaHash::Sha384),
            rsa(KeySize::Rsa2048, &RSA_PKCS1_SHA384),
        ),
        (
            Rsa(RsaHash::Sha512),
            rsa(KeySize::Rsa2048, &RSA_PKCS1_SHA512),
        ),
        (
            RsaPss(RsaHash::Sha256),
            rsa(KeySize::Rsa2048, &RSA_PSS_SHA256),
        ),
        (
            RsaPss(RsaHash::Sha384),
            rsa(KeySize::Rsa2048, &RSA_PSS_SHA384),
        ),
        (
            RsaPss(RsaHash::Sha512),
            rsa(KeySize::Rsa2048, &RSA_PSS_SHA512),
        ),
    ] {
        let signature = (signer.sign)(&[b"1", BODY].concat());
        let set = json!({"keys": [signer.jwk]});
        for key in [
            pem(&signer.spki),
            BASE64_STANDARD.encode(&signer.spki),
            hex(&signer.spki),
            BASE64_STANDARD.encode(&signer.raw),
            format!("  {}\n", hex(&signer.raw).to_uppercase()),
            signer.jwk.to_string(),
            set.to_string(),
        ] {
            let result = outcome(algorithm, &key, &signature, BODY);
            assert_eq!(result, "accepted", "{algorithm:?} {key:.60}");
        }
        let key = pem(&signer.spki);
        assert_eq!(outcome(algorithm, &key, &signature, b"{}"), "bad-signature");
        assert_eq!(
            outcome(algorithm, &key, &signature[1..], BODY),
            "bad-signature"
        );
    }
}

#[test]
fn form_of_an_ecdsa_signature_is_fixed() {
    let signer = ec(&ECDSA_P256_SHA256_ASN1_SIGNING, "P-256");
    let signature = (signer.sign)(&[b"1", BODY].concat());
    let raw = PublicKeyAlgorithm::EcdsaP256(EcdsaForm::Raw);
    assert_eq!(
        outcome(raw, &pem(&signer.spki), &signature, BODY),
        "bad-signature"
    );
}

#[test]
fn unusable_keys_of_a_set_are_skipped() {
    let signer = ec(&ECDSA_P256_SHA256_ASN1_SIGNING, "P-256");
    let mut good = signer.jwk.clone();
    good["alg"] = "ES256".into();
    let mixed = json!({"keys": [
        {"kty": "RSA", "n": "AA", "e": "AQAB", "use": "enc", "kid": "for-encryption"},
        {"kty": "OKP", "crv": "X25519", "x": "AA", "kid": "agreement"},
        {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "no-point"},
        ed25519().jwk,
        good,
    ]});
    let document = mixed.to_string();
    let algorithm = PublicKeyAlgorithm::EcdsaP256(EcdsaForm::Der);
    let signature = (signer.sign)(&[b"1", BODY].concat());
    assert_eq!(outcome(algorithm, &document, &signature, BODY), "accepted");

    let keys = PublicKeys::for_algorithm(document.as_bytes(), algorithm).expect("one is good");
    assert_eq!((keys.keys.len(), keys.skipped.len()), (1, 6));
    let error = PublicKeys::for_algorithm(
        document.as_bytes(),
        PublicKeyAlgorithm::Rsa(RsaHash::Sha256),
    );
    let error = error.expect_err("none fits").to_string();
    assert!(error.contains("a set without a usable key"), "{error}");
    assert!(
        error.contains("key \"for-encryption\": its `use` is not `sig`"),
        "{error}"
    );
}

#[test]
fn unusable_key_is_refused_with_the_reason() {
    let small = rsa(KeySize::Rsa2048, &RSA_PKCS1_SHA256);
    let ed25519_key = ed25519();
    for (key, expected) in [
        (String::new(), "a public key is empty"),
        (
            "not a key".into(),
            "it is not a key in PEM, base64, hexadecimal or as a JWK",
        ),
        ("{".into(), "it begins like JSON and is not JSON"),
        (r#"{"keys":[]}"#.into(), "it is a set without keys"),
        (r#"{"keys":{}}"#.into(), "its `keys` is not a list"),
        (
            r#"{"kty":"EC","crv":"secp256k1"}"#.into(),
            "its curve, secp256k1, is not supported",
        ),
        (
            r#"{"kty":"EC","crv":"P-256","x":"AA"}"#.into(),
            "it has no `y`",
        ),
        (
            r#"{"kty":"EC","crv":"P-256","d":"AA"}"#.into(),
            "it is a private key",
        ),
        (pem(&small.spki), "it is not a key for ed25519"),
        (small.jwk.to_string(), "it is not a key for ed25519"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into(),
            "openssl x509 -pubkey",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".into(),
            "it is a private key",
        ),
        (
            "-----BEGIN PUBLIC KEY-----\n".into(),
            "its PEM cannot be read",
        ),
        (
            pem(&ed25519_key.spki).repeat(2),
            "it has more than one PEM block",
        ),
    ] {
        let error = setup_error(scheme(
            PublicKeyAlgorithm::Ed25519,
            std::slice::from_ref(&key),
        ))
        .to_string();
        assert!(error.contains(expected), "{key:.40}: {error}");
    }
    let tiny = r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned();
    let error = setup_error(scheme(PublicKeyAlgorithm::Rsa(RsaHash::Sha256), &[tiny])).to_string();
    assert!(error.contains("RSA keys need 2048 to 8192 bits"), "{error}");
}

proptest! {
    #[test]
    fn any_document_is_read_or_refused(bytes: Vec<u8>, text in "[0-9a-fA-F+/=_ {}\":-]{0,80}") {
        for document in [bytes.as_slice(), text.as_bytes()] {
            if let Ok(keys) = PublicKeys::read(document) {
                prop_assert!(!keys.keys.is_empty());
            }
        }
    }
}
