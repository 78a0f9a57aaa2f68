//! Builds the settings of PayPal's signatures from the keys in a case.

use hookyard_schemes::recipe::{
    Algorithm, CertificateOrigin, Encoding, KeyOrigin, PublicKeyAlgorithm, Recipe, RsaHash,
    Settings, SourceValues,
};
use hookyard_schemes::value::{Place, Template};
use hookyard_schemes::{Certificate, Scheme, SetupError};

use crate::case::Case;

pub(crate) fn settings(case: &Case) -> Result<Scheme, String> {
    let roots = case
        .trust_anchors
        .iter()
        .map(|pem| Certificate::parse_pem(pem.as_bytes()));
    let roots = roots
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    let webhook = case.text("webhook_id").unwrap_or_default().to_owned();
    let recipe = recipe(roots).map_err(|error| error.to_string())?;

    Ok(Scheme::Recipe(Box::new(Settings {
        recipe,
        keys: Vec::new(),
        tolerance: None,
        source: SourceValues {
            settings: [("webhook_id".to_owned(), webhook)].into(),
            unsigned_body: true,
            ..SourceValues::default()
        },
    })))
}

fn recipe(roots: Vec<Certificate>) -> Result<Recipe, SetupError> {
    let stated = Place::header("PayPal-Auth-Algo")?;
    let origin = CertificateOrigin {
        url: Place::header("PayPal-Cert-Url")?,
        prefixes: vec!["https://api.paypal.com/v1/notifications/certs/".to_owned()],
        name: "messageverificationcerts.paypal.com".to_owned(),
        stated: Some((stated, "SHA256withRSA".to_owned())),
        roots,
    };
    let signed = Template::parse(
        "{header:PayPal-Transmission-Id}|{header:PayPal-Transmission-Time}|{setting:webhook_id}|\
         {body-crc32}",
    )?;
    Ok(Recipe {
        algorithm: Algorithm::PublicKey {
            algorithm: PublicKeyAlgorithm::Rsa(RsaHash::Sha256),
            keys: KeyOrigin::Certificate(Box::new(origin)),
        },
        encoding: Encoding::Base64,
        signature: Place::header("PayPal-Transmission-Sig")?,
        timestamp: None,
        id: None,
        signed: vec![signed],
        digest: None,
        covers: Some(Vec::new()),
    })
}
