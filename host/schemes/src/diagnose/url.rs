//! Mistakes with the URL that a sender signs: another scheme, port, slash or host than `public_url`
//! has.

use super::{Mistake, Question};
use crate::Scheme;
use crate::recipe::PublicUrl;

/// Recognizes a signature over another URL.
pub(super) fn other(question: &Question<'_>) -> Option<Mistake> {
    let Scheme::Recipe(settings) = question.scheme else {
        return None;
    };
    let configured = settings.source.public_url.as_ref()?;
    let url = candidates(question, configured).into_iter().find(|url| {
        let mut other = settings.clone();
        other.source.public_url = PublicUrl::parse(url).ok();
        other.source.public_url.is_some()
            && question.fits(&Scheme::Recipe(other), &question.request)
    })?;
    Some(Mistake {
        name: "public-url",
        text: format!(
            "the sender signs the URL `{url}`: write it as `public_url` of the source, or register \
             `{}` at the sender",
            configured.with_query(None)
        ),
    })
}

/// Returns URLs that differ from the configured one as proxies and forms make them differ.
fn candidates(question: &Question<'_>, configured: &PublicUrl) -> Vec<String> {
    let authority = configured.authority();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
        _ => (authority.as_str(), None),
    };
    let asked = question.request.optional_header("host").ok().flatten();
    let asked = asked.and_then(|host| std::str::from_utf8(host).ok());

    let path = configured.path();
    let other_slash = match path.strip_suffix('/') {
        Some(without) => without.to_owned(),
        None => format!("{path}/"),
    };
    let mut urls = Vec::new();
    for scheme in [configured.scheme(), "https", "http"] {
        let default_port = if scheme == "https" { "443" } else { "80" };
        let configured = port.map(|port| format!("{host}:{port}"));
        let hosts = [
            Some(host.to_owned()),
            configured,
            Some(format!("{host}:{default_port}")),
            asked.map(str::to_owned),
        ];
        for host in hosts.into_iter().flatten() {
            for path in [path, &other_slash, question.request.path] {
                urls.push(format!("{scheme}://{host}{path}"));
            }
        }
    }
    urls
}
