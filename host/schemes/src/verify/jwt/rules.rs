//! How a kind of sender makes its tokens, as its provider describes it, and what a source adds.

use std::sync::Arc;
use std::time::Duration;

use super::{ExpectedClaim, QueryHash, Settings};
use crate::value::Place;
use crate::{
    JsonPointer, KeyLocation, KeyRequest, KeyRequestValue, Secret, SettingText, SettingValues,
    SetupError,
};

/// The tokens of a kind of sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The location of the token.
    pub from: Place,
    /// The accepted algorithms by their names in RFC 7518.
    pub algorithms: Vec<String>,
    /// The accepted values of `iss`.
    pub issuers: Vec<SettingText>,
    /// Where the sender's keys are; `None` if each source gives them.
    pub keys: Option<KeyRule>,
    /// The keys that a source must set.
    pub needs: Vec<Need>,
    /// Further claims with their values.
    pub claims: Vec<ClaimRule>,
    /// How far the clocks of sender and host may differ.
    pub leeway: Duration,
    /// The maximum age of a token.
    pub max_age: Option<Duration>,
    /// The claim with the SHA-256 of the body.
    pub body_sha256: Option<String>,
    /// The claim with the hash of the query, and the path of the app's base URL.
    pub query_hash: Option<(String, Option<SettingText>)>,
}

/// Where the keys of a kind of sender are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRule {
    /// At a URL that returns a JWK set.
    Url(String),
    /// Behind a request that returns one key.
    Request(KeyRequestRule),
}

/// A request that returns the public key with a given id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRequestRule {
    /// The URL that the request is posted to.
    pub url: String,
    /// The members of the JSON object; `None` stands for the id of the key.
    pub members: Vec<(String, Option<SettingText>)>,
    /// The location of the key in the answer.
    pub key: JsonPointer,
}

/// A claim that must have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRule {
    /// The names of the claim. The first that the token has counts.
    pub names: Vec<String>,
    /// The value.
    pub value: SettingText,
}

/// A key that a source may or must set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// `audience`
    Audience,
    /// `email`
    Email,
    /// `issuer`
    Issuer,
}

impl Need {
    /// Every key.
    pub const ALL: [Self; 3] = [Self::Audience, Self::Email, Self::Issuer];

    /// Returns the name of the key.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audience => "audience",
            Self::Email => "email",
            Self::Issuer => "issuer",
        }
    }
}

/// What a source adds to the rules.
#[derive(Debug, Clone)]
pub struct SourceRules<'v> {
    /// The accepted values of `iss`, in place of the provider's.
    pub issuers: Vec<String>,
    /// The accepted values of `aud`.
    pub audiences: Vec<String>,
    /// The accepted values of `email`.
    pub emails: Vec<String>,
    /// The URL of the keys, in place of the provider's.
    pub keys_url: Option<String>,
    /// The public keys, in place of the provider's URL.
    pub keys: Vec<Secret>,
    /// The secrets: the shared ones, or the credential of the request for a key.
    pub secrets: Vec<Secret>,
    /// The values that the rules contain.
    pub values: SettingValues<'v>,
}

impl Rules {
    /// Returns the settings of a source.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the source lacks a setting or a key.
    pub fn settings(&self, source: SourceRules<'_>) -> Result<Settings, SetupError> {
        source.check(&self.needs)?;
        let values = source.values;
        let issuers = if source.issuers.is_empty() {
            let issuers = self.issuers.iter().map(|issuer| issuer.fill(values));
            issuers.collect::<Result<_, _>>()?
        } else {
            source.issuers.clone()
        };
        let claims = self.claims.iter().map(|claim| {
            Ok(ExpectedClaim {
                names: claim.names.clone(),
                value: claim.value.fill(values)?,
            })
        });

        Ok(Settings {
            from: self.from.clone(),
            algorithms: self.algorithms.clone(),
            issuers,
            claims: claims.collect::<Result<_, SetupError>>()?,
            leeway: self.leeway,
            max_age: self.max_age,
            body_sha256: self.body_sha256.clone(),
            query_hash: self.query_hash(values)?,
            keys: self.key_location(&source)?,
            audiences: source.audiences,
            emails: source.emails,
        })
    }

    /// Returns whether the secrets of a source are the credential of a request and not a key.
    pub fn has_credential(&self) -> bool {
        let Some(KeyRule::Request(request)) = &self.keys else {
            return false;
        };
        let mut texts = request.members.iter().filter_map(|(_, text)| text.as_ref());
        texts.any(SettingText::has_secret)
    }

    fn query_hash(&self, values: SettingValues<'_>) -> Result<Option<QueryHash>, SetupError> {
        let Some((claim, base)) = &self.query_hash else {
            return Ok(None);
        };
        let base = base.as_ref().map(|base| base.fill(values)).transpose()?;
        Ok(Some(QueryHash {
            claim: claim.clone(),
            base: base.unwrap_or_default(),
        }))
    }

    fn key_location(&self, source: &SourceRules<'_>) -> Result<KeyLocation, SetupError> {
        if !source.keys.is_empty() {
            return Ok(KeyLocation::Given(source.keys.clone()));
        }
        match (&self.keys, &source.keys_url) {
            (Some(KeyRule::Request(rule)), url) => {
                let url = url.as_ref().unwrap_or(&rule.url);
                let request = rule.request(url, source.values)?;
                Ok(KeyLocation::Request(Arc::new(request)))
            }
            (_, Some(url)) | (Some(KeyRule::Url(url)), None) => Ok(KeyLocation::Url(url.clone())),
            (None, None) => Ok(KeyLocation::Shared(source.secrets.clone())),
        }
    }
}

impl SourceRules<'_> {
    /// Refuses an empty list in place of a value that the provider demands: it would accept every
    /// value.
    fn check(&self, needs: &[Need]) -> Result<(), SetupError> {
        let values = |need: &Need| match need {
            Need::Audience => &self.audiences,
            Need::Email => &self.emails,
            Need::Issuer => &self.issuers,
        };
        match needs.iter().find(|need| values(need).is_empty()) {
            Some(need) => Err(SetupError::NoKeys { what: need.name() }),
            None => Ok(()),
        }
    }
}

impl KeyRequestRule {
    fn request(&self, url: &str, values: SettingValues<'_>) -> Result<KeyRequest, SetupError> {
        let value = |text: &Option<SettingText>| match text {
            Some(text) => text
                .fill(values)
                .map(|text| KeyRequestValue::Text(text.into())),
            None => Ok(KeyRequestValue::Id),
        };
        let members = self
            .members
            .iter()
            .map(|(name, text)| Ok((name.clone(), value(text)?)));

        Ok(KeyRequest {
            url: url.to_owned(),
            members: members.collect::<Result<_, SetupError>>()?,
            key: self.key.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::jwt::bearer;

    #[test]
    fn empty_list_is_no_answer_to_a_need() {
        let rules = Rules {
            from: bearer(),
            algorithms: vec!["RS256".to_owned()],
            issuers: Vec::new(),
            keys: Some(KeyRule::Url("https://keys.example/".to_owned())),
            needs: Need::ALL.to_vec(),
            claims: Vec::new(),
            leeway: Duration::ZERO,
            max_age: None,
            body_sha256: None,
            query_hash: None,
        };
        let settings = BTreeMap::new();
        let lists = |given: [bool; 3]| {
            let list = |given| Vec::from_iter(Some("x".to_owned()).filter(|_| given));
            let [audiences, emails, issuers] = given.map(list);
            rules.settings(SourceRules {
                issuers,
                audiences,
                emails,
                keys_url: None,
                keys: Vec::new(),
                secrets: Vec::new(),
                values: SettingValues {
                    settings: &settings,
                    secret: None,
                },
            })
        };

        assert!(lists([true; 3]).is_ok());
        for (given, lack) in [
            ([false, true, true], "audience"),
            ([true, false, true], "email"),
            ([true, true, false], "issuer"),
        ] {
            let error = lists(given).expect_err(lack);
            assert_eq!(error, SetupError::NoKeys { what: lack });
        }
    }
}
