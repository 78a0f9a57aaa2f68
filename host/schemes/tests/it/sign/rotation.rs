//! Keys with a time: which key signs when, and the error when no key signs.

use std::time::Duration;

use hookyard_model::Timestamp;
use hookyard_schemes::recipe::Recipe;
use hookyard_schemes::{
    KeyCount, Secret, SetupError, SignError, Signer, SigningKey, SigningScheme,
};

use super::support::{NOW, signer, value};
use crate::recipes::{github, pair};
use hookyard_schemes::UnsignedMessage;

const HOUR: Duration = Duration::from_secs(3600);

/// Returns a key that signs between two times, in hours after `NOW`.
fn key(secret: &str, from: Option<i32>, until: Option<i32>) -> SigningKey {
    SigningKey {
        secret: Secret::from(secret),
        from: from.map(at),
        until: until.map(at),
    }
}

fn at(hours: i32) -> Timestamp {
    let by = HOUR * hours.unsigned_abs();
    if hours < 0 {
        NOW.before(by)
    } else {
        NOW.after(by)
    }
}

fn sign(signer: &Signer, now: Timestamp) -> Result<Vec<hookyard_model::Header>, SignError> {
    signer.sign(&UnsignedMessage {
        id: "m1",
        body: b"{}",
        now,
        event_type: None,
    })
}

#[test]
fn secret_is_replaced_by_time() {
    // The old key ends one hour after the new key begins; a third key begins a day later.
    let secrets = vec![
        key("b2xk", None, Some(1)),
        key("bmV3", Some(0), Some(24)),
        key("bGF0ZXI=", Some(48), None),
    ];
    let signer = signer(SigningScheme::StandardWebhooks {
        secrets,
        keys: Vec::new(),
    });
    let signatures = |now| {
        Ok(value(&sign(&signer, now)?, "webhook-signature")
            .split(' ')
            .count())
    };
    let last = |now: Timestamp| now.before(Duration::from_millis(1));

    assert_eq!(signatures(last(at(0))), Ok(1), "before the new one comes");
    assert_eq!(signatures(at(0)), Ok(2), "`from` is the first moment");
    assert_eq!(signatures(last(at(1))), Ok(2));
    assert_eq!(
        signatures(at(1)),
        Ok(1),
        "`until` is the first moment after"
    );
    let nothing = SignError::NothingLive {
        what: "secret or private key",
        next: Some(at(48)),
    };
    assert_eq!(signatures(at(24)), Err(nothing.clone()));
    assert_eq!(signatures(at(48)), Ok(1));
    assert_eq!(
        signer.keys_at(at(0)),
        KeyCount {
            live: 2,
            waiting: 1,
            retired: 0
        }
    );
    assert_eq!(
        signer.keys_at(at(24)),
        KeyCount {
            live: 0,
            waiting: 1,
            retired: 2
        }
    );
    let said = nothing.to_string();

    assert!(
        said.contains("the next one is from 2023-11-16T22:13:20.000Z")
            && said.contains("later `until`"),
        "{said}"
    );
}

#[test]
fn first_live_key_signs_elsewhere() {
    let tokens = || vec![key("old", None, Some(1)), key("new", None, None)];
    let token = |scheme, name: &str, now| {
        value(&sign(&signer(scheme), now).expect("signed"), name).to_owned()
    };
    let header = || SigningScheme::Header {
        name: "X-Token".into(),
        tokens: tokens(),
    };

    assert_eq!(token(header(), "x-token", at(0)), "old");
    assert_eq!(token(header(), "x-token", at(1)), "new");
    assert_eq!(
        token(
            SigningScheme::Bearer { tokens: tokens() },
            "authorization",
            at(0)
        ),
        "Bearer old"
    );
    let github = || SigningScheme::Hmac {
        recipe: Box::new(github()),
        secrets: tokens(),
    };
    assert_ne!(
        token(github(), "x-hub-signature-256", at(0)),
        token(github(), "x-hub-signature-256", at(1))
    );
    let gone = SigningScheme::Bearer {
        tokens: vec![key("old", None, Some(0))],
    };
    let error = sign(&signer(gone), at(0)).expect_err("none is live");

    assert_eq!(
        error,
        SignError::NothingLive {
            what: "bearer token",
            next: None
        }
    );
}

#[test]
fn each_live_key_adds_a_signature() {
    let signature = pair("Sig", ',', "v1");
    let secrets = vec![key("old", None, Some(1)), key("new", None, None)];
    let signer = signer(SigningScheme::Hmac {
        recipe: Box::new(Recipe {
            signature,
            ..github()
        }),
        secrets,
    });
    let count = |now| {
        value(&sign(&signer, now).expect("signed"), "sig")
            .split(',')
            .count()
    };

    assert_eq!((count(at(0)), count(at(1))), (2, 1));
}

#[test]
fn key_that_never_signs_is_refused() {
    let scheme = |from, until| SigningScheme::Bearer {
        tokens: vec![key("t", Some(from), Some(until))],
    };
    assert!(Signer::new(scheme(0, 1)).is_ok());
    assert!(
        matches!(Signer::new(scheme(1, 1)), Err(SetupError::Senseless(why)) if why.contains("never sign"))
    );
}

#[test]
fn debug_output_hides_keys() {
    let secret = "c2VjcmV0LXRleHQ=";
    let scheme = SigningScheme::StandardWebhooks {
        secrets: vec![key(secret, None, None)],
        keys: Vec::new(),
    };

    assert!(!format!("{scheme:?} {:?}", signer(scheme.clone())).contains(secret));
    let bearer = SigningScheme::Bearer {
        tokens: vec![key(secret, None, None)],
    };
    assert!(!format!("{bearer:?} {:?}", signer(bearer.clone())).contains(secret));
}
