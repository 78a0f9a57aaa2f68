use hookyard_schemes::{Credential, Refusal, Request, Scheme, SchemeKind, Secret};

use super::support::{NOW, reason, setup_error, verifier, verify};

fn secrets(texts: &[&str]) -> Vec<Secret> {
    texts.iter().map(|text| Secret::from(*text)).collect()
}

fn basic(passwords: &[&str]) -> Scheme {
    Scheme::Static(Credential::Basic {
        user: "hook".into(),
        passwords: secrets(passwords),
    })
}

fn path(texts: &[&str]) -> Scheme {
    Scheme::Static(Credential::SecretPath {
        secrets: secrets(texts),
    })
}

#[test]
fn basic_credential_is_verified() {
    let verifier = verifier(basic(&["old:one", "new"]));

    for (value, expected) in [
        ("Basic aG9vazpvbGQ6b25l", "accepted"), // hook:old:one
        ("BASIC aG9vazpuZXc=", "accepted"),     // hook:new
        ("Basic  aG9vazpuZXc=", "accepted"),
        ("Basic aG9vazpuZXc", "wrong-credential"), // not padded
        ("Basic aG9vazpuZXd=", "wrong-credential"), // not canonical
        ("Basic aG9vazpuZXc= ", "wrong-credential"),
        ("Basic", "wrong-credential"),
        ("Basic ", "wrong-credential"),
        ("Bearer aG9vazpuZXc=", "wrong-credential"),
        ("", "wrong-credential"),
    ] {
        assert_eq!(
            reason(verify(&verifier, &[("Authorization", value)], b"{}")),
            expected,
            "{value:?}"
        );
    }
    let twice = [
        ("Authorization", "Basic aG9vazpuZXc="),
        ("authorization", "Basic aG9vazpuZXc="),
    ];
    assert_eq!(reason(verify(&verifier, &twice, b"{}")), "repeated-header");
}

#[test]
fn missing_basic_credential_is_refused() {
    let verifier = verifier(basic(&["new"]));
    let refusal = verify(&verifier, &[], b"{}").expect_err("nothing was given");

    assert_eq!(
        refusal,
        Refusal::MissingCredential {
            kind: SchemeKind::Basic
        }
    );
    assert!(
        verifier
            .credential_headers()
            .contains(&"authorization".to_owned())
    );
}

#[test]
fn whole_header_is_compared() {
    let credential = Credential::Header {
        name: "X-Api-Key".into(),
        tokens: secrets(&["one", "two"]),
    };
    let verifier = verifier(Scheme::Static(credential));

    for (value, expected) in [
        ("one", "accepted"),
        ("two", "accepted"),
        ("on", "wrong-credential"),
        ("one ", "wrong-credential"),
    ] {
        assert_eq!(
            reason(verify(&verifier, &[("X-Api-Key", value)], b"")),
            expected,
            "{value:?}"
        );
    }
    assert!(
        verifier
            .credential_headers()
            .contains(&"x-api-key".to_owned())
    );
}

#[test]
fn secret_path_is_the_tail() {
    let verifier = verifier(path(&["s3cr3t", "older"]));
    let given = |tail| {
        let request = Request {
            method: "POST",
            path: "/a/b/c",
            tail,
            query: None,
            headers: &(),
            body: b"",
        };
        verifier.verify(&request, &(), NOW)
    };

    assert!(verifier.takes_tail());
    assert!(given(Some("older")).is_ok());
    assert!(matches!(
        given(Some("other")),
        Err(Refusal::WrongCredential {
            kind: SchemeKind::SecretPath
        })
    ));
    assert!(matches!(
        given(None),
        Err(Refusal::MissingCredential {
            kind: SchemeKind::SecretPath
        })
    ));
}

#[test]
fn unusable_settings_are_refused() {
    let refused = [
        (basic(&[]), "no password is given"),
        (basic(&["right", ""]), "a password is empty"),
        (
            Scheme::Static(Credential::Basic {
                user: "a:b".into(),
                passwords: secrets(&["p"]),
            }),
            "cannot contain `:`",
        ),
        (
            Scheme::Static(Credential::Bearer {
                tokens: secrets(&[""]),
            }),
            "a bearer token is empty",
        ),
        (
            Scheme::Static(Credential::Header {
                name: "X Key".into(),
                tokens: secrets(&["t"]),
            }),
            "is not a header name",
        ),
        (path(&["a/b"]), "only letters, digits"),
        (path(&[""]), "a path secret is empty"),
    ];

    for (scheme, expected) in refused {
        let message = setup_error(scheme).to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn debug_output_hides_secrets() {
    let scheme = path(&["s3cr3t"]);
    assert!(!format!("{scheme:?}").contains("s3cr3t"));
    assert!(!format!("{:?}", verifier(scheme)).contains("s3cr3t"));
}
