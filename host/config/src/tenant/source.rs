//! The `[tenants.<tenant>.sources.<source>]` tables: one endpoint each.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_model::SourceRef;
use hookyard_schemes::handshake::SourceHandshakes;
use hookyard_schemes::value::PlaceKind;
use hookyard_schemes::{
    JsonPointer, Provider, Scheme, SetupError, UnsignedValues, Verifier, is_replayable,
    unsigned_values,
};

use super::{Defaults, ack, handshake, scheme};
use crate::document::{Entry, Section, unknown};
use crate::providers::answer;
use crate::references::Resolver;
use crate::settings::Source;
use crate::tables;

/// All providers by name.
pub type Providers = BTreeMap<String, Arc<Provider>>;

/// Reads a source. Returns `None` if the source has a fault.
pub(crate) fn read(
    section: &Section<'_>,
    providers: &Providers,
    defaults: &Defaults,
    resolver: &Resolver<'_>,
) -> Option<Source> {
    let faults_before = section.fault_count();

    let provider = required_provider(section, providers);
    let body_max = section.size_or("body_max", defaults.body_max);
    let refused_kept = tables::refused_kept(section, defaults.refused.refused_kept);
    let retry = section.table("retry", |section| tables::retry(section, &defaults.retry));
    let ordering = ordering(section);
    let dedupe_window = section.get_or("dedupe_window", defaults.dedupe_window);
    let answer = section
        .entry("answer")
        .and_then(|entry| answer::read(&entry));
    let wait = ack::read(section);
    let keys = handshake::read(section, provider.as_deref(), resolver);
    let scheme = scheme::read(section, provider.as_deref(), resolver, keys.learning);

    let (provider, scheme) = (provider?, scheme?);
    if section.fault_count() > faults_before {
        // The verifier would report the faulty parts a second time.
        return None;
    }
    advise_about_signature(section, &provider, &scheme);
    advise_about_token(section, &provider, &scheme);
    let allow_http = scheme::allows_http(&scheme);
    let handshakes = handshake::join(section, keys, &provider, &scheme)?;
    let verifier = verifier(scheme.clone(), &handshakes)
        .map_err(|error| section.fault(error))
        .ok()?;

    Some(Source {
        answer: answer.or_else(|| provider.answer.clone()),
        provider,
        scheme,
        verifier: Arc::new(verifier),
        handshakes: Arc::new(handshakes),
        body_max,
        allow_http,
        retry,
        ordering,
        dedupe_window,
        refused_kept: defaults.refused.bounds(refused_kept),
        wait,
    })
}

impl Source {
    /// Returns the source as ingress serves it, under its name.
    pub fn served(&self, name: SourceRef) -> hookyard_ingress::Source {
        hookyard_ingress::Source {
            name,
            provider: Arc::clone(&self.provider),
            verifier: Arc::clone(&self.verifier),
            handshakes: Arc::clone(&self.handshakes),
            body_max: self.body_max,
            allow_http: self.allow_http,
            ordering: self.ordering.clone(),
            dedupe_window: self.dedupe_window,
            answer: self.answer.clone(),
            refused_kept: self.refused_kept,
            wait: self.wait.clone(),
        }
    }
}

/// Says what the signature of a request does not protect.
fn advise_about_signature(section: &Section<'_>, provider: &Provider, scheme: &Scheme) {
    let name = &provider.name;
    let UnsignedValues { key, event_type } = unsigned_values(scheme, provider);
    let is_replayable = is_replayable(scheme, &provider.key);
    if is_replayable {
        section.advise(format_args!(
            "is replayable: the signature of {name} has no date and does not cover the key of an \
             event, so that a copy of a request passes as another event if its key is changed; \
             neither `tolerance` nor `dedupe_window` prevents that, so let plugins do no harm if an \
             event comes twice"
        ));
    }
    if !key.is_empty() && !is_replayable {
        section.advise(format_args!(
            "the signature of {name} does not cover the key of an event ({}), so that a copy of a \
             request passes as another event until its date is too old; let plugins do no harm if \
             an event comes twice",
            key.join(", ")
        ));
    }
    if !event_type.is_empty() {
        section.advise(format_args!(
            "the signature of {name} does not cover the type of an event ({}), so that a copy of a \
             request can have another type; let plugins check the body where the type matters",
            event_type.join(", ")
        ));
    }
}

/// Says that stored events contain the token of their sender.
fn advise_about_token(section: &Section<'_>, provider: &Provider, scheme: &Scheme) {
    let name = &provider.name;
    if let Scheme::Token(settings) = scheme
        && let PlaceKind::Json(_) | PlaceKind::Form(_) = settings.from.kind
    {
        section.advise(format_args!(
            "the token of {name} is in the body, and the host stores the body as received. Everybody \
             who can read stored events can send events as {name}, and every plugin of the source \
             reads the token"
        ));
    }
}

/// Compiles the scheme. If a handshake signs texts for anybody, the verifier refuses these texts.
fn verifier(scheme: Scheme, handshakes: &SourceHandshakes) -> Result<Verifier, SetupError> {
    let verifier = Verifier::new(scheme)?;
    if handshakes.sign() {
        verifier.refusing_tokens()
    } else {
        Ok(verifier)
    }
}

fn ordering(section: &Section<'_>) -> Option<JsonPointer> {
    let entry = section.entry("ordering")?;
    let pointer = JsonPointer::parse(&entry.get::<String>()?)
        .map_err(|error| entry.fault(error))
        .ok()?;

    if pointer.is_root() {
        entry.fault(
            "refers to the whole event; name the field that identifies the object of the event, \
             such as \"/object_id\"",
        );
    }
    Some(pointer)
}

/// Where an operator finds the names of the providers, which are too many for a message.
const LIST: &str = "docs/senders.md lists the built-in ones";

fn required_provider(section: &Section<'_>, providers: &Providers) -> Option<Arc<Provider>> {
    let Some(entry) = section.entry("provider") else {
        let what_for = format_args!("the provider that sends to the source; {LIST}");
        section.missing("provider", what_for);
        return None;
    };
    provider(&entry, providers)
}

/// Returns the provider that `entry` names. Reports an unknown one.
pub(crate) fn provider(entry: &Entry<'_>, providers: &Providers) -> Option<Arc<Provider>> {
    let name = entry.get::<String>()?;
    let provider = providers.get(&name).cloned();
    if provider.is_none() {
        let known = providers.keys().map(String::as_str);
        let message = unknown("provider", &name, known);
        entry.fault(format_args!("{message} ({LIST})"));
    }
    provider
}
