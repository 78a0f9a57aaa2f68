//! Recipes as data: what a sender's `provider.toml` says of its signatures, with the same keys.
//!
//! Only `hookyard-config` reads TOML, so the data is the same tables as JSON.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use hookyard_schemes::Freshness;
use hookyard_schemes::recipe::{
    Algorithm, BodyDigest, EcdsaForm, Encoding, Hash, KeyOrigin, PublicKeyAlgorithm, Recipe,
    SignedPiece, TimeFormat, TimePlace,
};
use hookyard_schemes::value::{Part, Place, PlaceKind, Template};
use serde::Deserialize;

/// The way in which a sender proves its requests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SchemeData {
    hmac: Option<RecipeData>,
    public_key: Option<RecipeData>,
    token: Option<TokenData>,
    /// Whether a source must accept that the body is not signed.
    #[serde(default)]
    pub(crate) unsigned_body: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenData {
    from: PlaceData,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeData {
    hash: Option<String>,
    alg: Option<String>,
    form: Option<String>,
    encoding: String,
    key: Option<String>,
    signature: PlaceData,
    timestamp: Option<PlaceData>,
    id: Option<PlaceData>,
    signed: Vec<String>,
    digest: Option<DigestData>,
    covers: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceData {
    header: Option<String>,
    json: Option<String>,
    query: Option<String>,
    form: Option<String>,
    after: Option<String>,
    pair: Option<String>,
    separator: Option<char>,
    trim: Option<bool>,
    format: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DigestData {
    query: String,
    hash: String,
    encoding: String,
}

/// A scheme that is data.
pub(crate) enum Described {
    Recipe(Box<Recipe>),
    Token(Place),
}

/// Returns the scheme of a sender; `None` if the data has no such sender.
pub(crate) fn find(name: &str) -> Option<SchemeData> {
    let text = include_str!("recipes/senders.json");
    let mut all: HashMap<String, SchemeData> = serde_json::from_str(text).expect("valid data");
    all.remove(name)
}

impl SchemeData {
    pub(crate) fn read(&self) -> Result<Described, String> {
        if let Some(token) = &self.token {
            return token.from.place().map(Described::Token);
        }
        let (recipe, algorithm) = match (&self.hmac, &self.public_key) {
            (Some(recipe), None) => (recipe, recipe.hmac()?),
            (None, Some(recipe)) => (recipe, recipe.public_key()?),
            _ => return Err("a sender has exactly one scheme".to_owned()),
        };
        let recipe = recipe.read(algorithm)?;
        recipe.check().map_err(|error| error.to_string())?;
        Ok(Described::Recipe(Box::new(recipe)))
    }
}

impl RecipeData {
    fn hmac(&self) -> Result<Algorithm, String> {
        let hash = self.hash.as_deref().unwrap_or_default();
        let key = self.key.as_deref().unwrap_or("utf8");
        Ok(Algorithm::Hmac {
            hash: choose(&Hash::ALL, hash)?,
            key: choose(&Encoding::OF_KEYS, key)?,
        })
    }

    fn public_key(&self) -> Result<Algorithm, String> {
        let name = self.alg.as_deref().unwrap_or_default();
        let algorithm = choose(&PublicKeyAlgorithm::ALL, name)?;
        let algorithm = match self.form.as_deref() {
            Some("raw") => algorithm.with_form(EcdsaForm::Raw).ok_or("not ECDSA")?,
            _ => algorithm,
        };
        Ok(Algorithm::PublicKey {
            algorithm,
            keys: KeyOrigin::Source,
        })
    }

    fn read(&self, algorithm: Algorithm) -> Result<Recipe, String> {
        let text = |text: &String| -> Result<Template<SignedPiece>, String> {
            Template::parse(text).map_err(|error| error.to_string())
        };
        let pointers = |texts: &Vec<String>| {
            let pointers = texts.iter().map(|text| text.parse());
            pointers
                .collect::<Result<_, hookyard_schemes::InvalidPointer>>()
                .map_err(|error| error.to_string())
        };
        Ok(Recipe {
            algorithm,
            encoding: choose(&Encoding::OF_SIGNATURES, &self.encoding)?,
            signature: self.signature.place()?,
            timestamp: self.timestamp.as_ref().map(PlaceData::time).transpose()?,
            id: self.id.as_ref().map(PlaceData::place).transpose()?,
            signed: self.signed.iter().map(text).collect::<Result<_, _>>()?,
            digest: self.digest.as_ref().map(DigestData::read).transpose()?,
            covers: self.covers.as_ref().map(pointers).transpose()?,
        })
    }
}

impl PlaceData {
    fn place(&self) -> Result<Place, String> {
        let names = [
            ("header", &self.header),
            ("json", &self.json),
            ("query", &self.query),
            ("form", &self.form),
        ];
        let named = names
            .into_iter()
            .find_map(|(word, name)| Some((word, name.as_deref()?)));
        let (word, name) = named.ok_or("a place names no location")?;
        let part = match (&self.after, &self.pair) {
            (Some(prefix), _) => Part::After(prefix.clone()),
            (None, Some(name)) => Part::Pair {
                name: name.clone(),
                separator: self.separator.unwrap_or(','),
                trim: self.trim.unwrap_or(true),
            },
            (None, None) => Part::Whole,
        };
        // A text is read like a table with one place.
        let template = Template::<Infallible>::parse(&format!("{{{word}:{name}}}"));
        let template = template.map_err(|error| error.to_string())?;
        let kind: Option<PlaceKind> = template.single_place().map(|place| place.kind.clone());
        Ok(Place {
            kind: kind.ok_or("not one place")?,
            part,
        })
    }

    fn time(&self) -> Result<TimePlace, String> {
        let minutes = Duration::from_secs(300);
        Ok(TimePlace {
            place: self.place()?,
            format: choose(
                &TimeFormat::ALL,
                self.format.as_deref().unwrap_or("unix-seconds"),
            )?,
            freshness: Freshness {
                past: minutes,
                future: minutes,
            },
        })
    }
}

impl DigestData {
    fn read(&self) -> Result<BodyDigest, String> {
        let kind = PlaceKind::parse("query", &self.query).map_err(|error| error.to_string())?;
        Ok(BodyDigest {
            place: Place::whole(kind),
            hash: choose(&Hash::ALL, &self.hash)?,
            encoding: choose(&Encoding::OF_SIGNATURES, &self.encoding)?,
        })
    }
}

fn choose<T: Copy>(choices: &[(&str, T)], given: &str) -> Result<T, String> {
    let chosen = choices.iter().find(|(name, _)| *name == given);
    chosen
        .map(|(_, choice)| *choice)
        .ok_or_else(|| format!("there is no `{given}`"))
}
