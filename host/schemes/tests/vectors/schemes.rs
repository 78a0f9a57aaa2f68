//! Builds the settings of a scheme from the keys in a case.

use std::time::Duration;

use hookyard_schemes::recipe::{self, PublicUrl, SourceValues};
use hookyard_schemes::sns::{Trust, UrlRule};
use hookyard_schemes::{
    Certificate, Credential, Scheme, Secret, jws, sns, standard_webhooks, token,
};
use serde_json::Value;

use crate::case::Case;
use crate::recipes::{self, Described, SchemeData};
use crate::{http_signatures, paypal};

/// The topic of cases that name none, because they test something else.
const SOME_TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:none";

pub(crate) fn is_known(scheme: &str) -> bool {
    [
        "standard-webhooks",
        "jws-detached",
        "aws-sns",
        "static-credential",
        "ecma-json",
        "rfc9421",
        "paypal",
    ]
    .contains(&scheme)
        || recipes::find(scheme).is_some()
}

/// Returns the settings of a case; `None` if there is no verifier for its scheme.
pub(crate) fn scheme(name: &str, case: &Case) -> Option<Result<Scheme, String>> {
    match name {
        "standard-webhooks" => Some(Ok(standard_webhooks(case))),
        "jws-detached" => Some(Ok(detached_jws(case))),
        "aws-sns" => Some(aws_sns(case).map(Scheme::AwsSns)),
        "static-credential" => Some(static_credential(case).map(Scheme::Static)),
        "rfc9421" => Some(http_signatures::settings(case)),
        "paypal" => Some(paypal::settings(case)),
        name => recipes::find(name).map(|data| described(&data, case)),
    }
}

fn described(data: &SchemeData, case: &Case) -> Result<Scheme, String> {
    let recipe = match data.read()? {
        Described::Recipe(recipe) => *recipe,
        Described::Token(from) => {
            let secrets = secrets(case);
            return Ok(Scheme::Token(token::Settings { from, secrets }));
        }
    };
    let public_url = case.text("public_url").map(PublicUrl::parse).transpose();
    let public_key = |key: &Value| {
        let text = key.as_str().map(str::to_owned);
        Secret::from(text.unwrap_or_else(|| key.to_string()))
    };
    let keys = if recipe.is_hmac() {
        secrets(case)
    } else {
        case.public_keys.iter().map(public_key).collect()
    };
    Ok(Scheme::Recipe(Box::new(recipe::Settings {
        recipe,
        keys,
        tolerance: case.number("tolerance").map(Duration::from_secs),
        source: SourceValues {
            public_url: public_url.map_err(|error| error.to_string())?,
            settings: Default::default(),
            unsigned_body: data.unsigned_body,
        },
    })))
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
