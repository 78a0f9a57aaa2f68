//! The configured sources, by their path.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::SourceRef;
use hookyard_schemes::handshake::SourceHandshakes;
use hookyard_schemes::{AnswerParts, JsonPointer, Provider, Verifier};
use hookyard_store::RefusedBounds;

use crate::wait::WaitRule;

/// The number of path segments that are searched for a near miss.
const SEGMENTS_MAX: usize = 8;
/// The number of wrong, missing, extra or swapped letters with which a misspelled name still counts
/// as a near miss.
const SLIPS_MAX: usize = 2;

/// A configured source, ready to receive.
#[derive(Debug)]
pub struct Source {
    /// The tenant and name of the source, which is served at `/{tenant}/{source}`.
    pub name: SourceRef,
    /// The provider that sends to the source.
    pub provider: Arc<Provider>,
    /// The verifier of the source's requests.
    pub verifier: Arc<Verifier>,
    /// The handshakes of the provider, with the secrets of the source.
    pub handshakes: Arc<SourceHandshakes>,
    /// The maximum size of a request's body, in bytes.
    pub body_max: usize,
    /// Whether handshakes may fetch over plain `http:`. Only an operator who configures a local
    /// substitute for the sender enables this.
    pub allow_http: bool,
    /// The location of the ordering key. Events with the same key are handled in order.
    pub ordering: Option<JsonPointer>,
    /// How long a repeat of an event is recognized.
    pub dedupe_window: Duration,
    /// The answer to a stored event, in place of the host's own.
    pub answer: Option<Arc<AnswerParts>>,
    /// The bounds on the refused requests that are kept; `None` to keep none.
    pub refused_kept: Option<RefusedBounds>,
    /// What a request waits for after its event is stored; `None` to answer at once.
    pub wait: Option<WaitRule>,
}

/// All sources of the host. They are replaced as a whole and never changed.
#[derive(Debug, Default)]
pub struct Sources {
    by_tenant: BTreeMap<String, BTreeMap<String, Arc<Source>>>,
}

/// The source that a path leads to.
#[derive(Debug)]
pub(crate) struct Route<'a> {
    pub(crate) source: Arc<Source>,
    /// The segment after tenant and source, which is the credential of a source with a secret path.
    pub(crate) tail: Option<&'a str>,
}

impl Sources {
    /// Returns the source at `path`: `/{tenant}/{source}`, with one more segment if the source has
    /// a secret path.
    ///
    /// A slash at the end of `/{tenant}/{source}/` is ignored, because the forms of some senders
    /// and proxies add it. If the source has a secret path, every byte after the source is compared
    /// with the secret, so that the slash counts.
    ///
    /// Names are plain ASCII (see [`hookyard_model::name`]), so that paths are compared without
    /// decoding.
    pub(crate) fn find<'a>(&self, path: &'a str) -> Option<Route<'a>> {
        let mut segments = path.strip_prefix('/')?.splitn(3, '/');
        let (tenant, name) = (segments.next()?, segments.next()?);
        let tail = segments.next();

        let source = self.by_tenant.get(tenant)?.get(name)?;
        let tail = match tail {
            Some("") if !source.verifier.takes_tail() => None,
            Some(tail)
                if tail.is_empty() || tail.contains('/') || !source.verifier.takes_tail() =>
            {
                return None;
            }
            tail => tail,
        };

        Some(Route {
            source: Arc::clone(source),
            tail,
        })
    }

    /// Returns the source that was probably meant by `path`, which leads to no source, and how the
    /// path differs.
    ///
    /// The path has the names of the source in another letter case or encoding, with other or empty
    /// segments around them, or with a few slips in the name of the source.
    pub(crate) fn nearest(&self, path: &str) -> Option<(SourceRef, &'static str)> {
        let decoded = percent_decoded(path);
        let segments = decoded
            .split('/')
            .filter(|segment| !matches!(*segment, "" | "."));
        let names: Vec<_> = segments
            .take(SEGMENTS_MAX)
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();

        let exact = names
            .windows(2)
            .find_map(|pair| self.by_tenant.get(&pair[0])?.get(&pair[1]));
        if let Some(source) = exact {
            return Some((source.name.clone(), difference(path, &decoded, names.len())));
        }

        let [tenant, name] = names.get(..2)? else {
            return None;
        };
        let is_near = |known: &String| strsim::osa_distance(known, name) <= SLIPS_MAX;
        let (_, source) = self
            .by_tenant
            .get(tenant)?
            .iter()
            .find(|(known, _)| is_near(known))?;
        Some((source.name.clone(), "spelling"))
    }
}

/// Returns how a path that contains the names of a source differs from the path of the source.
fn difference(path: &str, decoded: &str, segments: usize) -> &'static str {
    if path != decoded {
        "percent encoding"
    } else if segments > 2 {
        "further segments"
    } else if path.matches('/').count() > 2 {
        "empty segments"
    } else {
        "letter case"
    }
}

/// Decodes the percent-encoded ASCII characters of a path.
fn percent_decoded(path: &str) -> String {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);

        let code = rest
            .get(at + 1..at + 3)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (c, length) = code
            .filter(u8::is_ascii)
            .map_or(('%', 1), |code| (char::from(code), 3));
        decoded.push(c);
        rest = &rest[at + length..];
    }
    decoded + rest
}

impl FromIterator<Source> for Sources {
    /// Collects sources. If two sources have the same name, the later one counts.
    fn from_iter<I: IntoIterator<Item = Source>>(sources: I) -> Self {
        let mut by_tenant: BTreeMap<String, BTreeMap<String, Arc<Source>>> = BTreeMap::new();

        for source in sources {
            let SourceRef { tenant, name } = &source.name;
            let (tenant, name) = (tenant.to_string(), name.to_string());
            by_tenant
                .entry(tenant)
                .or_default()
                .insert(name, Arc::new(source));
        }
        Self { by_tenant }
    }
}
