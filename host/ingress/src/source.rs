//! The configured sources, by the path that they are served at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::SourceRef;
use hookyard_schemes::{JsonPointer, Provider, Verifier};

/// More segments than these of a path are not looked at for a near miss.
const SEGMENTS_MAX: usize = 8;
/// Letters that may be wrong, missing, too many or exchanged in the name of a source that was probably meant.
const SLIPS_MAX: usize = 2;

/// One configured source, ready to receive.
#[derive(Debug)]
pub struct Source {
    /// Whose it is and what it's called: served at `/{tenant}/{source}`.
    pub source: SourceRef,
    /// The provider that sends to it.
    pub provider: Arc<Provider>,
    /// How its requests are verified.
    pub verifier: Arc<Verifier>,
    /// The maximum size of a request's body, in bytes.
    pub body_max: usize,
    /// Whether its handshakes may fetch over plain `http:`: only where the operator named a local stand-in in words.
    pub allow_http: bool,
    /// Where in an event the text stands that orders it: events with the same one are handled in their order.
    pub ordering: Option<JsonPointer>,
    /// For how long a repeat of an event is told from a new one.
    pub dedupe_window: Duration,
}

/// All sources of the host. Replaced as a whole, never changed.
#[derive(Debug, Default)]
pub struct Sources {
    by_tenant: BTreeMap<String, BTreeMap<String, Arc<Source>>>,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) struct Route<'a> {
    pub(crate) source: Arc<Source>,
    /// The segment after tenant and source, which a secret-path source takes as its credential.
    pub(crate) tail: Option<&'a str>,
}

impl Sources {
    /// The source at `path`: `/{tenant}/{source}`, or with one more segment for a source that takes a secret there.
    ///
    /// A slash at the end of `/{tenant}/{source}/` makes no difference, because forms of senders and proxies like to add
    /// one. Where a secret is taken, every byte behind the source is compared with the secret, so the slash counts.
    ///
    /// Names are plain ASCII (see `hookyard_model::name`), so that no path needs decoding to be compared.
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

    /// The source that was probably meant by `path`, which leads to none, and how the path differs.
    ///
    /// The names of the source stand in the path in another case or encoding, behind or before other segments, with empty
    /// segments between, or with up to two slips in the name of the source.
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
            return Some((
                source.source.clone(),
                difference(path, &decoded, names.len()),
            ));
        }
        let [tenant, name] = names.get(..2)? else {
            return None;
        };
        let near = |known: &&String| strsim::osa_distance(known, name) <= SLIPS_MAX;
        let (_, source) = self
            .by_tenant
            .get(tenant)?
            .iter()
            .find(|(known, _)| near(known))?;
        Some((source.source.clone(), "spelling"))
    }
}

/// How a path with the names of a source differs from the path of the source.
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

/// The path with its percent-encoded ASCII characters as these characters.
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
    /// Of two sources with the same name, the later one counts.
    fn from_iter<I: IntoIterator<Item = Source>>(sources: I) -> Self {
        let mut by_tenant: BTreeMap<String, BTreeMap<String, Arc<Source>>> = BTreeMap::new();
        for source in sources {
            let SourceRef { tenant, name } = &source.source;
            let (tenant, name) = (tenant.to_string(), name.to_string());
            by_tenant
                .entry(tenant)
                .or_default()
                .insert(name, Arc::new(source));
        }
        Self { by_tenant }
    }
}
