//! Builds the settings of a scheme from the keys in a case.

use std::time::Duration;

use hookyard_schemes::hmac::{Encoding, Field, Hash, Part, Recipe, TimeField, TimeFormat};
use hookyard_schemes::sns::{Trust, UrlRule};
use hookyard_schemes::{
    Certificate, Credential, Freshness, Scheme, Secret, hmac, jws, sns, standard_webhooks,
};
use serde_json::Value;

use crate::case::Case;

/// The topic of cases that name none, because they test something else.
const SOME_TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:none";

pub(crate) fn is_known(name: &str) -> bool {
    [
        "standard-webhooks",
        "jws-detached",
        "aws-sns",
        "static-credential",
        "gitlab",
    ]
    .contains(&name)
        || recipe(name).is_some()
}

/// Returns the settings of a case; `None` if there is no verifier for its scheme.
pub(crate) fn scheme(name: &str, case: &Case) -> Option<Result<Scheme, String>> {
    match name {
        "standard-webhooks" => Some(Ok(standard_webhooks(case))),
        "jws-detached" => Some(Ok(detached_jws(case))),
        "aws-sns" => Some(aws_sns(case).map(Scheme::AwsSns)),
        "static-credential" => Some(static_credential(case).map(Scheme::Static)),
        "gitlab" => Some(Ok(Scheme::Static(Credential::Header {
            name: "X-Gitlab-Token".into(),
            tokens: secrets(case),
        }))),
        name => recipe(name).map(|recipe| {
            let tolerance = case.number("tolerance").map(Duration::from_secs);
            Ok(Scheme::Hmac(hmac::Settings {
                recipe,
                secrets: secrets(case),
                tolerance,
            }))
        }),
    }
}

fn secrets(case: &Case) -> Vec<Secret> {
    case.secrets
        .iter()
        .map(|secret| Secret::from(secret.as_str()))
        .collect()
}

fn standard_webhooks(case: &Case) -> Scheme {
    Scheme::StandardWebhooks(standard_webhooks::Settings {
        secrets: secrets(case),
        public_keys: case
            .public_keys
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        tolerance: case
            .number("tolerance")
            .map_or(standard_webhooks::TOLERANCE, Duration::from_secs),
    })
}

fn detached_jws(case: &Case) -> Scheme {
    let keys = case
        .public_keys
        .iter()
        .chain(&case.secret_jwk)
        .map(|key| Secret::from(key.to_string()))
        .collect();

    Scheme::DetachedJws(jws::Settings {
        header: case.text("header").unwrap_or("X-JWS-Signature").to_owned(),
        keys,
        algorithm: case.text("alg").map(str::to_owned),
        unencoded_payload: case.flag("b64_false").unwrap_or(false),
    })
}

fn aws_sns(case: &Case) -> Result<sns::Settings, String> {
    let topics = match case.config.get("topics") {
        Some(topics) => {
            serde_json::from_value(topics.clone()).map_err(|error| error.to_string())?
        }
        None => vec![SOME_TOPIC.to_owned()],
    };
    let mut settings = sns::Settings::new(topics);

    match case.number("max_age") {
        Some(0) => settings.freshness.past = Duration::MAX,
        Some(seconds) => settings.freshness.past = Duration::from_secs(seconds),
        None => {}
    }
    if let (Some(true), Some(basic)) = (case.flag("raw"), case.text("basic")) {
        let (user, password) = basic
            .split_once(':')
            .ok_or("`basic` is not `user:password`")?;
        let passwords = vec![Secret::from(password)];
        settings.raw_proof = Some(Credential::Basic {
            user: user.to_owned(),
            passwords,
        });
    }
    if let Some(pattern) = case.text("cert_url_pattern") {
        settings.certificate_urls = UrlRule::Pattern(pattern.to_owned());
    }
    if let Some(pattern) = case.text("subscribe_url_pattern") {
        settings.confirmation_urls = UrlRule::Pattern(pattern.to_owned());
    }
    if !case.trust_anchors.is_empty() && case.text("cert_trust") != Some("any") {
        let roots = case
            .trust_anchors
            .iter()
            .map(|pem| Certificate::parse_pem(pem.as_bytes()));
        settings.trust = Trust::Roots(
            roots
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())?,
        );
    }
    settings.check_certificate_name = case.flag("cert_name_check").unwrap_or(true);
    settings.require_type_header = case.flag("require_type_header").unwrap_or(true);
    Ok(settings)
}

fn static_credential(case: &Case) -> Result<Credential, String> {
    let text = |key: &str| case.text(key).unwrap_or_default().to_owned();
    let tokens = || vec![Secret::from(text("token"))];

    match case.text("kind") {
        Some("basic") => Ok(Credential::Basic {
            user: text("user"),
            passwords: vec![Secret::from(text("password"))],
        }),
        Some("bearer") => Ok(Credential::Bearer { tokens: tokens() }),
        Some("header") => Ok(Credential::Header {
            name: text("header"),
            tokens: tokens(),
        }),
        Some("path" | "secret-path") => Ok(Credential::SecretPath { secrets: tokens() }),
        other => Err(format!("there is no kind {other:?} of credential")),
    }
}

/// Returns the HMAC schemes that are data: hash, encoding and field of the signature, then the
/// time, then the signed text.
fn recipe(name: &str) -> Option<Recipe> {
    let whole = |header: &str| Field {
        header: header.into(),
        part: Part::Whole,
    };
    let after = |header: &str, prefix: &str| Field {
        header: header.into(),
        part: Part::After(prefix.into()),
    };
    let pair = |header: &str, separator, name: &str| Field {
        header: header.into(),
        part: Part::Pair {
            separator,
            name: name.into(),
        },
    };
    let minutes = Duration::from_secs(300);
    let time = |field, format| {
        Some(TimeField {
            field,
            format,
            freshness: Freshness {
                past: minutes,
                future: minutes,
            },
        })
    };
    let seconds = |field| time(field, TimeFormat::UnixSeconds);
    let (signature, encoding, timestamp, signed) = match name {
        "github" | "meta" => (
            after("X-Hub-Signature-256", "sha256="),
            Encoding::Hex,
            None,
            "{body}",
        ),
        "bitbucket" => (
            after("X-Hub-Signature", "sha256="),
            Encoding::Hex,
            None,
            "{body}",
        ),
        "dropbox" => (whole("X-Dropbox-Signature"), Encoding::Hex, None, "{body}"),
        "shopify" => (
            whole("X-Shopify-Hmac-Sha256"),
            Encoding::Base64,
            None,
            "{body}",
        ),
        "x-twitter" => (
            after("X-Twitter-Webhooks-Signature", "sha256="),
            Encoding::Base64,
            None,
            "{body}",
        ),
        "stripe" => {
            let pair = |name| pair("Stripe-Signature", ',', name);
            (
                pair("v1"),
                Encoding::Hex,
                seconds(pair("t")),
                "{timestamp}.{body}",
            )
        }
        "paddle" => {
            let pair = |name| pair("Paddle-Signature", ';', name);
            (
                pair("h1"),
                Encoding::Hex,
                seconds(pair("ts")),
                "{timestamp}:{body}",
            )
        }
        "slack" => {
            let timestamp = seconds(whole("X-Slack-Request-Timestamp"));
            (
                after("X-Slack-Signature", "v0="),
                Encoding::Hex,
                timestamp,
                "v0:{timestamp}:{body}",
            )
        }
        "zoom" => {
            let timestamp = seconds(whole("x-zm-request-timestamp"));
            (
                after("x-zm-signature", "v0="),
                Encoding::Hex,
                timestamp,
                "v0:{timestamp}:{body}",
            )
        }
        "zendesk" => {
            let timestamp = time(
                whole("X-Zendesk-Webhook-Signature-Timestamp"),
                TimeFormat::Rfc3339,
            );
            (
                whole("X-Zendesk-Webhook-Signature"),
                Encoding::Base64,
                timestamp,
                "{timestamp}{body}",
            )
        }
        _ => return None,
    };
    let hash = Hash::Sha256;

    Some(Recipe {
        hash,
        encoding,
        key: Encoding::Utf8,
        signature,
        timestamp,
        id: None,
        signed: signed.to_owned(),
    })
}
