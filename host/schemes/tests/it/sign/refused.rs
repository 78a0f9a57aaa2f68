//! Keys, recipes and messages that cannot sign or be signed, and their errors.

use hookyard_model::Timestamp;
use hookyard_schemes::recipe::{
    Algorithm, Encoding, KeyOrigin, PublicKeyAlgorithm, Recipe, TimeFormat,
};
use hookyard_schemes::value::{Part, Place};
use hookyard_schemes::{
    JsonPointer, KeyRule, Provider, SchemeRule, SignError, Signer, SigningScheme, TypeRule,
};

use super::keys;
use super::support::{always, message, signer, value};
use crate::recipes::{github, pair_part, place, signed, time, whole};
use hookyard_schemes::UnsignedMessage;

fn check(scheme: SigningScheme, expected: &str) {
    let error = Signer::new(scheme).expect_err(expected).to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn invalid_signing_key_is_refused() {
    let v1 = |secret: &str| SigningScheme::StandardWebhooks {
        secrets: always(&[secret]),
        keys: Vec::new(),
    };
    let v1a = |key: &str| SigningScheme::StandardWebhooks {
        secrets: Vec::new(),
        keys: always(&[key]),
    };

    check(v1("not base64!"), "it is not base64");
    check(v1("whsec_"), "a secret is empty");
    check(
        v1a("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "shared secrets go under `secrets`",
    );
    check(v1a("whsk_AAAA"), "32 bytes, or of 64");
    let (private, public) = (keys::webhook_pair().0, keys::webhook_pair().1);

    check(v1a(&public), "not an Ed25519 private key");
    check(v1a(&private.replace("whsk_", "whsk_ ")), "it is not base64");
    check(
        SigningScheme::StandardWebhooks {
            secrets: Vec::new(),
            keys: Vec::new(),
        },
        "no secret or private key",
    );
    check(
        SigningScheme::Bearer { tokens: Vec::new() },
        "no bearer token is given",
    );
    check(
        SigningScheme::Bearer {
            tokens: always(&["line\nend"]),
        },
        "a header cannot hold it",
    );
    check(
        SigningScheme::Bearer {
            tokens: always(&["t "]),
        },
        "surrounding spaces",
    );
    check(
        SigningScheme::Basic {
            user: "a:b".into(),
            passwords: always(&["p"]),
        },
        "a Basic user",
    );
}

#[test]
fn invalid_jws_key_is_refused() {
    let jws = |key: &str| SigningScheme::DetachedJws {
        header: "X-Sig".into(),
        keys: always(&[key]),
        algorithm: None,
    };
    let (one, other, rsa) = (keys::p256(), keys::p256(), keys::rsa());

    check(jws("{"), "neither JSON nor PEM");
    check(jws(&one.public.to_string()), "it is a public key");
    check(jws("{\"keys\": []}"), "a set of keys");
    let mut mixed = one.private.clone();

    mixed["d"] = other.private["d"].clone();
    check(
        jws(&mixed.to_string()),
        "does not belong to its public part",
    );
    check(jws(&rsa.pem), "can be used with several");
    check(
        jws("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"),
        "openssl pkcs8",
    );
    check(
        jws("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        "its kind is not supported",
    );
    check(
        jws("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
        "the PEM has no private key",
    );
}

#[test]
fn reserved_header_is_refused() {
    for name in ["Content-Type", "Host", "transfer-encoding", "webhook-id"] {
        check(
            SigningScheme::Header {
                name: name.into(),
                tokens: always(&["t"]),
            },
            "choose another",
        );
    }

    let signature = whole("Content-Length");
    check(
        SigningScheme::Hmac {
            recipe: Box::new(Recipe {
                signature,
                ..github()
            }),
            secrets: always(&["k"]),
        },
        "choose another",
    );
}

#[test]
fn recipe_that_cannot_sign_is_refused() {
    let pair = pair_part;
    let in_sig = |part: Part| Place {
        part,
        ..whole("Sig")
    };
    let both = |signature: Part, at: Part| Recipe {
        signature: in_sig(signature),
        timestamp: time(in_sig(at), TimeFormat::UnixSeconds),
        signed: signed("{timestamp}.{body}"),
        ..github()
    };
    let alone = |signature: Part| Recipe {
        signature: in_sig(signature),
        ..github()
    };
    let scheme = |recipe| SigningScheme::Hmac {
        recipe: Box::new(recipe),
        secrets: always(&["k"]),
    };

    assert!(Signer::new(scheme(both(pair(',', "v1"), pair(',', "t")))).is_ok());
    for (recipe, expected) in [
        (
            both(Part::Whole, Part::Whole),
            "two values are in the header `sig`",
        ),
        (
            both(pair(',', "v1"), Part::Whole),
            "two values are in the header `sig`",
        ),
        (
            both(pair(',', "v1"), pair(';', "t")),
            "with the same separator",
        ),
        (
            both(pair(',', "v1"), pair(',', "v1")),
            "two values are in the header",
        ),
        (alone(pair('=', "v1")), "cannot separate pairs"),
        (alone(pair('a', "v1")), "cannot separate pairs"),
        (alone(pair('\n', "v1")), "cannot separate pairs"),
        (alone(pair(',', " v1")), "the name of a pair"),
        (alone(pair(',', "v=")), "the name of a pair"),
        (alone(Part::After(" v0=".into())), "before a value"),
        (alone(Part::After("v0\r\n".into())), "before a value"),
        (
            Recipe {
                encoding: Encoding::Utf8,
                ..github()
            },
            "a signature consists of bytes",
        ),
        (
            Recipe {
                signed: signed("{id}{body}"),
                ..github()
            },
            "does not say where to find",
        ),
        (
            Recipe {
                signature: place("json", "/signature"),
                ..github()
            },
            "the host writes only headers",
        ),
        (
            Recipe {
                signed: signed("{url}{body}"),
                ..github()
            },
            "a value that the host does not have when it sends",
        ),
        (
            Recipe {
                algorithm: Algorithm::PublicKey {
                    algorithm: PublicKeyAlgorithm::Ed25519,
                    keys: KeyOrigin::Source,
                },
                ..github()
            },
            "only the sender has the private key",
        ),
    ] {
        check(scheme(recipe), expected);
    }
}

#[test]
fn unsendable_message_is_refused() {
    let signer = signer(SigningScheme::StandardWebhooks {
        secrets: always(&["a2V5"]),
        keys: Vec::new(),
    });

    for id in ["", "a.b", "a b", "ä", &"x".repeat(257)] {
        assert_eq!(
            signer.sign(&UnsignedMessage {
                id,
                ..message(b"{}")
            }),
            Err(SignError::Id),
            "{id}"
        );
    }
    let now = Timestamp::from_unix_millis(-1);
    assert_eq!(
        signer.sign(&UnsignedMessage {
            now,
            ..message(b"{}")
        }),
        Err(SignError::Time)
    );
}

#[test]
fn provider_headers_carry_id_and_type() {
    let provider = Provider {
        name: "github".into(),
        package: "github:webhooks".into(),
        versions: Vec::new(),
        key: KeyRule::at(Place::header("X-GitHub-Delivery").expect("a header")),
        event_type: TypeRule::at(Place::header("X-GitHub-Event").expect("a header")),
        content: JsonPointer::default(),
        events: Default::default(),
        outgoing: Default::default(),
        handshakes: Vec::new(),
        answer: None,
        scheme: SchemeRule::default(),
        sending: SchemeRule::default(),
    };
    let signer = signer(SigningScheme::Hmac {
        recipe: Box::new(github()),
        secrets: always(&["k"]),
    })
    .for_provider(&provider);
    let event = |event_type| UnsignedMessage {
        event_type: Some(event_type),
        ..message(b"{}")
    };
    let headers = signer.sign(&event("push")).expect("signed");

    assert_eq!(
        (
            value(&headers, "x-github-delivery"),
            value(&headers, "x-github-event")
        ),
        (super::support::ID, "push")
    );
    assert!(
        headers.iter().all(|header| header.name != "webhook-id"),
        "the id has a single header: {headers:?}"
    );
    assert_eq!(
        signer.sign(&event("a\nb")),
        Err(SignError::EventType {
            header: "x-github-event".into()
        })
    );
    assert_eq!(signer.sign(&message(b"{}")).expect("signed").len(), 2);
}
