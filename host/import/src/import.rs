//! The import of one description: from texts to the texts of a provider folder.

mod bodies;
mod keeping;
mod limits;
mod sampling;

use crate::dialect::{Description, Selection, describe};
use crate::diff::{self, Change};
use crate::document::{Document, digest};
use crate::error::{Error, Fault, short};
use crate::events::{self, Mapped};
use crate::fields::{self, FieldRule};
use crate::lock::{IMPORTER, Lock};
use crate::map::Mapper;
use crate::names::kebab;
use crate::package::{Event, Package};
use crate::provider_file;
use crate::required::{self, Required};
use crate::rules::{self, Candidate, TypeRule};
use crate::samples::{Body, Decoder};
use crate::types::Types;
use crate::wit;

use sampling::Sampling;

/// The version of a package that is imported for the first time.
const PACKAGE: &str = "1.0.0";

/// What is imported, and with which options.
#[derive(Debug)]
pub struct Request {
    /// The name of the provider and its folder.
    pub name: String,
    /// The description.
    pub source: Source,
    /// The options.
    pub options: Options,
    /// Bodies that the operator gives.
    pub bodies: Vec<Body>,
    /// The bodies that are in the folder already, by the names of their cases.
    pub kept: Vec<Body>,
    /// The last import into the same folder.
    pub previous: Option<Lock>,
    /// What the operator gives up of the last import.
    pub keep: diff::Options,
}

/// A description of events.
#[derive(Debug)]
pub enum Source {
    /// An OpenAPI or AsyncAPI document or a JSON Schema.
    Document(Box<Document>),
    /// Bodies, a file each.
    Bodies(Vec<Body>),
}

/// The options of an import, which `import.toml` keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The name of the provider. Empty if it is the name of the folder.
    pub name: String,
    /// Patterns for the events; none for all.
    pub events: Vec<String>,
    /// Which fields the package has.
    pub fields: Vec<FieldRule>,
    /// Whose word counts for required fields.
    pub required: Required,
    /// What of a document is an event.
    pub selection: Selection,
    /// The pointer to the type of bodies in a folder.
    pub group_by: Option<String>,
}

/// The texts of a provider folder.
#[derive(Debug)]
pub struct Imported {
    /// The name of the provider.
    pub name: String,
    /// `<name>.wit`.
    pub wit: String,
    /// `provider.toml`.
    pub provider: String,
    /// The lines of `[events]`.
    pub event_lines: Vec<String>,
    /// The files below `samples/`.
    pub samples: Vec<SampleFile>,
    /// `import.lock`.
    pub lock: Lock,
    /// The events in the order of their types.
    pub events: Vec<ImportedEvent>,
    /// The types of the events, in the same order.
    pub decoder: Decoder,
    /// The number of named types.
    pub types: usize,
    /// The parts of all events together, as a host counts them.
    pub parts: u64,
    /// Events that the document has without a JSON body.
    pub skipped: Vec<String>,
    /// What changed since the last import.
    pub changes: Vec<Change>,
    /// The types as the description has them, before options, bodies and the last import.
    pub described: Lock,
    /// What a reader should know about.
    pub notes: Vec<String>,
}

/// A file below `samples/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleFile {
    /// The path below the provider's folder.
    pub path: String,
    /// The body.
    pub text: String,
}

/// An event of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedEvent {
    /// The case in WIT.
    pub case: String,
    /// The sender's type.
    pub event_type: String,
    /// The parts of its type.
    pub parts: u64,
    /// The number of webhooks in the document that are this event.
    pub webhooks: usize,
}

/// Makes the texts of a provider folder.
///
/// # Errors
///
/// Fails if the description or the bodies are at fault, or if no host would load the types.
pub fn import(request: &Request) -> Result<Imported, Error> {
    if request.name.is_empty() || kebab(&request.name) != request.name {
        return Err(Error::general(Fault::Name(short(&request.name))));
    }
    match &request.source {
        Source::Document(document) => {
            let description = describe(document, &request.options.selection)?;
            let roots = description.webhooks.iter().map(|webhook| &webhook.schema);
            let mut mapper = Mapper::new(document, roots);
            let chosen = events::chosen(&description.webhooks, &request.options.events)?;
            let mapped = mapped(&description, &chosen, &mut mapper)?;
            let work = Work {
                request,
                file: &document.file,
                digest: document.digest.clone(),
                description,
                types: mapper.types,
                mapped,
                chosen,
                notes: mapper.warnings,
                group_by: None,
            };
            work.finish()
        }
        Source::Bodies(bodies) => bodies::import(request, bodies),
    }
}

/// Maps every webhook, the chosen ones first. The others are only compared with these, so what is
/// wrong with them does not matter.
fn mapped<'a>(
    description: &Description<'a>,
    chosen: &[usize],
    mapper: &mut Mapper<'a>,
) -> Result<Vec<Mapped>, Error> {
    let mut mapped = Vec::new();
    for &webhook in chosen {
        let ty = mapper.event(&description.webhooks[webhook].schema)?;
        mapped.push(Mapped { webhook, ty });
    }

    let warnings = mapper.warnings.len();
    let others =
        (0..description.webhooks.len()).filter(|webhook| chosen.binary_search(webhook).is_err());
    for webhook in others {
        if let Ok(ty) = mapper.event(&description.webhooks[webhook].schema) {
            mapped.push(Mapped { webhook, ty });
        }
    }
    mapper.warnings.truncate(warnings);
    mapped.sort_by_key(|mapped| mapped.webhook);
    Ok(mapped)
}

/// An import whose schemas have been mapped.
struct Work<'r, 'a> {
    request: &'r Request,
    /// The name of the document or folder, for messages.
    file: &'r str,
    digest: String,
    description: Description<'a>,
    types: Types,
    /// The types of all webhooks that could be mapped.
    mapped: Vec<Mapped>,
    /// The places of the chosen webhooks, in order.
    chosen: Vec<usize>,
    notes: Vec<String>,
    /// The pointer to the type, if the operator named it.
    group_by: Option<&'r str>,
}

/// The events with the types that are written.
struct Settled {
    events: Vec<Event>,
    sampling: Sampling,
    changes: Vec<Change>,
    described: Option<Lock>,
}

impl Work<'_, '_> {
    fn finish(mut self) -> Result<Imported, Error> {
        let (type_rule, key) = self.rules();
        let Settled {
            events,
            sampling,
            changes,
            described,
        } = self.settle(&type_rule)?;
        let parts = limits::check_parts(&self.types, &events)?;
        self.types.check().map_err(Error::general)?;

        let package = Package::new(&self.types, &events);
        let decoder = Decoder::new(&package)?;
        let required = self.request.options.required;
        let samples = sampling.files(&package, &decoder, required, &mut self.notes)?;
        let mut lock = self.lock(&package, &type_rule, &changes);
        let wit = wit::write(&package, &self.head(&lock.package));
        lock.wit = digest(wit.as_bytes());
        let provider = self.provider(&events, &key, &type_rule.rule);
        let types = package.names.len();
        Ok(Imported {
            name: self.request.name.clone(),
            wit,
            provider,
            event_lines: provider_file::event_lines(&events),
            samples,
            events: parts.events,
            changes,
            described: described.unwrap_or_else(|| lock.clone()),
            lock,
            decoder,
            types,
            parts: parts.all,
            skipped: self.description.skipped,
            notes: [self.notes, type_rule.warnings].concat(),
        })
    }

    fn lock(&self, package: &Package<'_>, rule: &TypeRule, changes: &[Change]) -> Lock {
        let has_types = !matches!(rule.rule, rules::Rule::Unknown(_));
        let mut lock = Lock {
            importer: IMPORTER,
            document: self.digest.clone(),
            version: self.description.version.clone().unwrap_or_default(),
            events: package.locked(has_types),
            ..Lock::default()
        };
        lock.package = self.package_version(&lock, changes);
        lock
    }

    fn provider(&self, events: &[Event], key: &rules::Rule, event_type: &rules::Rule) -> String {
        provider_file::write(&provider_file::Content {
            name: &self.request.name,
            title: self.title(),
            key,
            event_type,
            envelope: provider_file::envelope(&self.types, events),
            events,
        })
    }

    /// Settles the types of the events: by the options, the bodies, and the last import.
    fn settle(&mut self, rule: &TypeRule) -> Result<Settled, Error> {
        let options = &self.request.options;
        let mut events = self.events(rule);
        let described = self.described(&events, rule);
        events.extend(self.kept_events(&events, rule));
        events.sort_by(|one, another| one.event_type.cmp(&another.event_type));
        fields::apply(&mut self.types, &mut events, &options.fields)?;
        limits::check_parts(&self.types, &events)?;

        let sampling = Sampling::read(self, &events, &rule.pointers)?;
        if options.required == Required::Samples {
            sampling.correct(self, &mut events);
        }
        if options.required == Required::None {
            required::none(&mut self.types, &mut events, &rule.pointers);
        }
        let changes = self.keep(&mut events, rule, described.as_ref());
        limits::limit_depth(&mut self.types, &mut events);
        Ok(Settled {
            events,
            sampling,
            changes,
            described,
        })
    }

    fn title(&self) -> &str {
        self.description
            .title
            .as_deref()
            .unwrap_or(&self.request.name)
    }

    fn head<'h>(&'h self, package: &'h str) -> wit::Head<'h> {
        wit::Head {
            name: &self.request.name,
            package,
            title: self.title(),
            version: self.description.version.as_deref(),
        }
    }

    /// Finds the rules over all webhooks. Where none tells all of them apart, a rule for the
    /// chosen webhooks counts.
    fn rules(&self) -> (TypeRule, rules::Rule) {
        let count = self.description.webhooks.len();
        let all = self.candidates(&|_| true);
        let key = rules::key(&self.types, &all);
        if let Some(pointer) = self.group_by {
            let names = self
                .description
                .webhooks
                .iter()
                .map(|it| Some(it.name.clone()));
            return (TypeRule::given(pointer, names.collect()), key);
        }
        let rule = rules::event_type(&self.types, &all, count);
        if !matches!(rule.rule, rules::Rule::Unknown(_)) || self.chosen.len() == count {
            return (rule, key);
        }
        let chosen = self.candidates(&|webhook| self.chosen.binary_search(&webhook).is_ok());
        (rules::event_type(&self.types, &chosen, count), key)
    }

    fn candidates(&self, is_wanted: &dyn Fn(usize) -> bool) -> Vec<Candidate<'_, '_>> {
        let wanted = self
            .mapped
            .iter()
            .filter(|mapped| is_wanted(mapped.webhook));
        wanted
            .map(|mapped| {
                let webhook = &self.description.webhooks[mapped.webhook];
                Candidate {
                    bodies: webhook.examples.iter().map(|it| it.node).collect(),
                    webhook,
                    mapped,
                }
            })
            .collect()
    }

    fn events(&mut self, rule: &TypeRule) -> Vec<Event> {
        let webhooks = &self.description.webhooks;
        let chosen = self
            .mapped
            .iter()
            .filter(|it| self.chosen.binary_search(&it.webhook).is_ok());
        let chosen: Vec<_> = chosen.cloned().collect();
        let type_of = |webhook| rule.type_of(webhooks, webhook);
        events::merged(
            &mut self.types,
            webhooks,
            &chosen,
            type_of,
            &self.request.name,
        )
    }
}
