//! The configured sources, by the path that they are served at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::SourceRef;
use hookyard_verify::{JsonPointer, Provider, Verifier};

/// More segments than these of a path are not looked at for a near miss.
const SEGMENTS_MAX: usize = 8;

/// One configured source, ready to receive.
#[derive(Debug)]
pub struct Source {
    /// Whose it is and what it's called: served at `/{tenant}/{source}`.
    pub source: SourceRef,
    /// The provider that sends to it.
    pub provider: Arc<Provider>,
    /// How its requests are verified.
    pub verifier: Arc<Verifier>,
    /// The most bytes of a body; `Config::body_max` when it says nothing.
    pub body_max: Option<usize>,
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
            Some(tail) if tail.is_empty() || tail.contains('/') || !source.verifier.takes_tail() => return None,
            tail => tail,
        };
        Some(Route { source: Arc::clone(source), tail })
    }

    /// The source that was probably meant by `path`, which leads to none: its names stand there in another case, behind
    /// other segments, before others, or with empty segments between.
    pub(crate) fn nearest(&self, path: &str) -> Option<SourceRef> {
        let segments = path.split('/').filter(|segment| !segment.is_empty()).take(SEGMENTS_MAX);
        let names: Vec<_> = segments.map(str::to_ascii_lowercase).collect();

        let source = names.windows(2).find_map(|pair| self.by_tenant.get(&pair[0])?.get(&pair[1]))?;
        Some(source.source.clone())
    }
}

impl FromIterator<Source> for Sources {
    /// Of two sources with the same name, the later one counts.
    fn from_iter<I: IntoIterator<Item = Source>>(sources: I) -> Self {
        let mut by_tenant: BTreeMap<String, BTreeMap<String, Arc<Source>>> = BTreeMap::new();
        for source in sources {
            let SourceRef { tenant, source: name } = &source.source;
            let (tenant, name) = (tenant.to_string(), name.to_string());
            by_tenant.entry(tenant).or_default().insert(name, Arc::new(source));
        }
        Self { by_tenant }
    }
}
