//! RSA keys in DER: written from their two numbers (RFC 8017, A.1.1), and measured.

use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The sizes of keys that can be used, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// Returns an `RSAPublicKey` with this modulus and exponent, each in bytes, the highest first.
pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [integer(modulus), integer(exponent)].concat();
    element(SEQUENCE, &numbers)
}

/// Checks the size of a key. The library checks the size only when it verifies.
pub(super) fn check_rsa_size(bytes: &[u8]) -> Result<(), String> {
    let bits = match SubjectPublicKeyInfo::from_der(bytes) {
        Ok((_, info)) => info.parsed().map(|key| key.key_size()).ok(),
        Err(_) => RSAPublicKey::from_der(bytes)
            .map(|(_, key)| key.key_size())
            .ok(),
    };
    match bits {
        Some(bits) if RSA_BITS.contains(&bits) => Ok(()),
        Some(_) => Err("RSA keys need 2048 to 8192 bits".to_owned()),
        None => Err("it is not an RSA key".to_owned()),
    }
}

fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    // A number whose first bit is set would be negative.
    let sign: &[u8] = match number.first() {
        Some(first) if *first < 0x80 => &[],
        _ => &[0],
    };
    element(INTEGER, &[sign, number].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let significant = &length[zeros..];

    let mut out = vec![tag];
    match content.len() {
        short @ 0..0x80 => out.push(short as u8),
        _ => {
            out.push(0x80 | significant.len() as u8);
            out.extend(significant);
        }
    }
    out.extend(content);
    out
}
