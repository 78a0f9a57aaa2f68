//! The URLs that an SNS message may make the host fetch.
//!
//! A rule always fixes the scheme and the host. It is matched against the text of the URL as it is:
//! without normalization, no URL can have a second meaning that the rule did not see.

use regex::Regex;

use crate::SetupError;

const URL_BYTES_MAX: usize = 2048;
const AMAZON_CERTIFICATE: &str =
    r"https://sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?/SimpleNotificationService-[0-9a-f]+\.pem";
const AMAZON_CONFIRMATION: &str = r"https://sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?/\?";
/// The rest of a certificate URL after its prefix: a path without `..`.
const CERTIFICATE_REST: &str = r"([A-Za-z0-9_-]|[A-Za-z0-9_-]\.|/)*";
/// The rest of a confirmation URL after its beginning: a path and a query.
const CONFIRMATION_REST: &str = r"[A-Za-z0-9._~:/?&=%+-]*";
const PREFIX: &str = r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?/[A-Za-z0-9._~/-]*";

/// A rule for the URLs that may be fetched because a message names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlRule {
    /// The URLs of Amazon: `https://sns.<region>.amazonaws.com[.cn]/...`.
    Amazon,
    /// URLs that begin with one of these prefixes. Each prefix has a scheme, an authority and at
    /// least the `/` of the path, such as `http://127.0.0.1:4566/`.
    Prefixes(Vec<String>),
    /// URLs that match a regular expression, which describes the whole URL of a certificate or the
    /// beginning of a confirmation URL.
    Pattern(String),
}

/// A compiled rule for certificate URLs.
#[derive(Debug)]
pub(in crate::verify) struct CertificateUrls(Regex);

/// A compiled rule for confirmation URLs.
#[derive(Debug)]
pub(super) struct ConfirmationUrls(Regex);

impl CertificateUrls {
    pub(in crate::verify) fn new(rule: &UrlRule) -> Result<Self, SetupError> {
        let pattern = match rule {
            UrlRule::Amazon => AMAZON_CERTIFICATE.to_owned(),
            UrlRule::Prefixes(prefixes) => any_prefix(prefixes)? + CERTIFICATE_REST,
            UrlRule::Pattern(pattern) => pattern.clone(),
        };
        whole(&pattern).map(Self)
    }

    pub(in crate::verify) fn allow(&self, url: &str) -> bool {
        is_plain(url) && self.0.is_match(url)
    }
}

impl ConfirmationUrls {
    pub(super) fn new(rule: &UrlRule) -> Result<Self, SetupError> {
        let start = match rule {
            UrlRule::Amazon => AMAZON_CONFIRMATION.to_owned(),
            UrlRule::Prefixes(prefixes) => any_prefix(prefixes)?,
            UrlRule::Pattern(pattern) => format!("(?:{pattern})"),
        };
        whole(&format!("{start}{CONFIRMATION_REST}")).map(Self)
    }

    /// Returns whether the URL may be fetched. Every rule checks the action: the URL must confirm a
    /// subscription and do nothing else.
    pub(super) fn allow(&self, url: &str) -> bool {
        is_plain(url) && self.0.is_match(url) && confirms(url)
    }
}

fn confirms(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let name = |pair: &str| {
        pair.split('=')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };

    let actions: Vec<_> = query
        .split('&')
        .filter(|pair| name(pair) == "action")
        .collect();
    actions == ["Action=ConfirmSubscription"]
}

/// Returns whether a URL is printable ASCII without the characters that URL parsers read
/// differently.
fn is_plain(url: &str) -> bool {
    let is_odd = |byte: u8| !byte.is_ascii_graphic() || b"\\\"<>^`{|}@#".contains(&byte);
    url.len() <= URL_BYTES_MAX && !url.bytes().any(is_odd)
}

fn any_prefix(prefixes: &[String]) -> Result<String, SetupError> {
    if prefixes.is_empty() {
        return Err(SetupError::NoKeys { what: "URL prefix" });
    }

    let shape = whole(PREFIX)?;
    if let Some(prefix) = prefixes
        .iter()
        .find(|prefix| !shape.is_match(prefix) || prefix.contains(".."))
    {
        let why = "write a scheme, a host and at least a `/` after it, such as \
                   `http://127.0.0.1:4566/`";
        return Err(SetupError::UrlRule {
            given: prefix.clone(),
            why: why.to_owned(),
        });
    }

    let escaped: Vec<_> = prefixes
        .iter()
        .map(|prefix| regex::escape(prefix))
        .collect();
    Ok(format!("(?:{})", escaped.join("|")))
}

fn whole(pattern: &str) -> Result<Regex, SetupError> {
    Regex::new(&format!(r"\A(?:{pattern})\z")).map_err(|error| SetupError::UrlRule {
        given: pattern.to_owned(),
        why: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIRM: &str =
        "?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-west-1:1:t&Token=abc";

    fn certificate(rule: &UrlRule, url: &str) -> bool {
        CertificateUrls::new(rule).expect("a rule").allow(url)
    }

    fn confirmation(rule: &UrlRule, url: &str) -> bool {
        ConfirmationUrls::new(rule).expect("a rule").allow(url)
    }

    #[test]
    fn amazon_rule_allows_only_amazon() {
        let file = "SimpleNotificationService-0a1b.pem";

        for host in [
            "sns.eu-west-1.amazonaws.com",
            "sns.cn-north-1.amazonaws.com.cn",
        ] {
            assert!(
                certificate(&UrlRule::Amazon, &format!("https://{host}/{file}")),
                "{host}"
            );
            assert!(
                confirmation(&UrlRule::Amazon, &format!("https://{host}/{CONFIRM}")),
                "{host}"
            );
        }
        for host in [
            "sns.eu-west-1.amazonaws.com.evil.example",
            "evil.example/sns.eu-west-1.amazonaws.com",
            "sns.eu-west-1.amazonaws.com:8443",
            "sns.amazonaws.com",
            "s3.eu-west-1.amazonaws.com",
            "sns.a.b.amazonaws.com",
            "user@sns.eu-west-1.amazonaws.com",
            "sns.eu-west-1.amazonaws.org",
        ] {
            assert!(
                !certificate(&UrlRule::Amazon, &format!("https://{host}/{file}")),
                "{host}"
            );
            assert!(
                !confirmation(&UrlRule::Amazon, &format!("https://{host}/{CONFIRM}")),
                "{host}"
            );
        }
        assert!(!certificate(
            &UrlRule::Amazon,
            &format!("https://sns.eu-west-1.amazonaws.com/{file}\n")
        ));
        assert!(!certificate(
            &UrlRule::Amazon,
            &format!("http://sns.eu-west-1.amazonaws.com/{file}")
        ));
    }

    #[test]
    fn prefix_fixes_host_and_folder() {
        let rule = UrlRule::Prefixes(vec!["http://127.0.0.1:4566/certs/".into()]);

        assert!(certificate(&rule, "http://127.0.0.1:4566/certs/a-1.pem"));
        for other in [
            "certs/../a.pem",
            "certs/..",
            "certs/./a.pem",
            "other/a.pem",
            "certs/a.pem?x=1",
            "certs/%2e%2e/a",
        ] {
            assert!(
                !certificate(&rule, &format!("http://127.0.0.1:4566/{other}")),
                "{other}"
            );
        }
        assert!(!certificate(&rule, "http://127.0.0.1:45661/certs/a.pem"));
        for bad in [
            "http://127.0.0.1:4566",
            "127.0.0.1/",
            "ftp://a/",
            "http://u@a/",
            "http:///",
            "http://a/../",
        ] {
            assert!(
                CertificateUrls::new(&UrlRule::Prefixes(vec![bad.into()])).is_err(),
                "{bad}"
            );
        }
        assert!(CertificateUrls::new(&UrlRule::Prefixes(Vec::new())).is_err());
    }

    #[test]
    fn confirmation_url_only_confirms() {
        let rule = UrlRule::Prefixes(vec!["http://127.0.0.1:4566/".into()]);
        let base = "http://127.0.0.1:4566/";

        assert!(confirmation(&rule, &format!("{base}{CONFIRM}")));
        for other in [
            "",
            "?Action=Unsubscribe&Token=a",
            "?Action=ConfirmSubscription&Action=Unsubscribe",
            "?action=Unsubscribe&Action=ConfirmSubscription",
            "?Action=ConfirmSubscription#x",
            "?Token=a",
        ] {
            assert!(!confirmation(&rule, &format!("{base}{other}")), "{other}");
        }
    }

    #[test]
    fn pattern_matches_from_the_start() {
        let rule =
            UrlRule::Pattern(r"^http://127\.0\.0\.1:4566/\?Action=ConfirmSubscription&".into());

        assert!(confirmation(
            &rule,
            &format!("http://127.0.0.1:4566/{CONFIRM}")
        ));
        assert!(!confirmation(
            &rule,
            &format!("http://evil.example/http://127.0.0.1:4566/{CONFIRM}")
        ));
        let rule = UrlRule::Pattern(r"^http://127\.0\.0\.1/[a-z]+\.pem$".into());
        assert!(certificate(&rule, "http://127.0.0.1/a.pem"));
        assert!(!certificate(&rule, "http://127.0.0.1/a.pem.evil"));
        assert!(CertificateUrls::new(&UrlRule::Pattern("(".into())).is_err());
    }
}
