//! A plugin that is checked, compiled and ready to be called.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use hookyard_model::{Event, Outcome, Payload, PluginRef, Revision};
use hookyard_store::ClaimedJob;
use wasmtime::component::InstancePre;

use crate::call::{self, Arguments, Ended, State};
use crate::effects::Buffer;
use crate::handler::{Call, Found, Handler};
use crate::host_fault::HostFault;
use crate::load::Terms;
use crate::plan::Undecodable;
use crate::typed::{event_text, no_case};
use crate::untyped::Untyped;
use crate::{Engine, Fault, Grants, Limits, LoadError, Parts};

/// One revision of a plugin, ready for any number of calls.
pub struct Loaded {
    pub(crate) engine: Arc<Engine>,
    pub(crate) terms: Arc<Terms>,
    pub(crate) revision: Revision,
    pub(crate) instances: InstancePre<State>,
    pub(crate) handlers: Handlers,
}

/// The handlers, and what they are called to the outside.
pub(crate) struct Handlers {
    all: Vec<Handler>,
    kinds: Vec<HandlerKind>,
    strange: Option<String>,
}

impl From<Found> for Handlers {
    fn from(
        Found {
            handlers: all,
            strange,
        }: Found,
    ) -> Self {
        Self {
            kinds: all.iter().map(|handler| handler.kind.clone()).collect(),
            all,
            strange,
        }
    }
}

/// A handler that a plugin exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandlerKind {
    /// Takes the typed events of one provider.
    Typed {
        /// The provider's name, as it stands in an event.
        provider: String,
        /// The provider's package without a version, such as `topper:webhooks`.
        package: String,
        /// The interface's name, such as `handler`.
        interface: String,
        /// The version that the plugin was built against, where its name says one.
        version: Option<String>,
    },
    /// Takes any event as bytes.
    Untyped,
}

impl fmt::Display for HandlerKind {
    /// As it stands in a component's exports.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed {
                package,
                interface,
                version: Some(version),
                ..
            } => {
                write!(f, "{package}/{interface}@{version}")
            }
            Self::Typed {
                package,
                interface,
                version: None,
                ..
            } => write!(f, "{package}/{interface}"),
            Self::Untyped => f.write_str("hookyard:plugin/handler"),
        }
    }
}

impl Loaded {
    /// Which plugin this is.
    pub fn plugin(&self) -> &PluginRef {
        &self.terms.plugin
    }

    /// Which of its revisions.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// What an attempt may use.
    pub fn limits(&self) -> &Limits {
        &self.terms.limits
    }

    /// Whether it has the limits, grants and settings of another, and is recorded like it.
    pub fn is_on_terms_of(&self, other: &Self) -> bool {
        let (mine, its) = (&self.terms, &other.terms);
        mine.limits == its.limits
            && mine.grants == its.grants
            && mine.config == its.config
            && mine.record_bytes_max == its.record_bytes_max
    }

    /// What it may import.
    pub fn grants(&self) -> &Arc<Grants> {
        &self.terms.grants
    }

    /// What it can be given.
    pub fn handlers(&self) -> &[HandlerKind] {
        &self.handlers.kinds
    }

    /// What it exports as handlers that nothing on this host can ever call, as no provider has their package.
    pub fn strange_handlers(&self) -> Option<&str> {
        self.handlers.strange.as_deref()
    }

    /// Whether it takes events of this provider at all, by a typed handler or by the untyped one.
    pub fn takes(&self, provider: &str) -> bool {
        self.handlers.kinds.iter().any(|kind| match kind {
            HandlerKind::Typed {
                provider: typed, ..
            } => typed == provider,
            HandlerKind::Untyped => true,
        })
    }

    /// Instantiates it once, within its limits: what can't be instantiated could handle no event. Blocks. Nothing that it
    /// asks for meanwhile is done: it has no values, its requests are refused, its messages are dropped.
    pub fn start(self: &Arc<Self>) -> Result<(), LoadError> {
        let loaded = Arc::clone(self);
        let started = self.engine.background.wait_for(Box::pin(async move {
            let effects = Buffer::new(
                Parts::nothing(),
                loaded.terms.plugin.clone(),
                &loaded.terms.limits,
            );
            call::start(&loaded, effects).await
        }));
        let fault = match started {
            Some(Ok(Ended {
                outcome: Outcome::Done,
                ..
            })) => return Ok(()),
            Some(Ok(Ended { outcome, .. })) => Fault::Start {
                reason: outcome.to_string(),
            },
            Some(Err(fault)) => Fault::Host(fault),
            None => Fault::Start {
                reason: "the host failed at it".into(),
            },
        };
        Err(LoadError {
            plugin: self.terms.plugin.clone(),
            fault,
        })
    }

    /// Attempts one job: exactly one outcome, whatever the guest does (invariant 5), unless the host fails.
    pub(crate) async fn attempt(
        &self,
        job: &ClaimedJob,
        parts: &Parts,
    ) -> Result<Ended, HostFault> {
        let began = Instant::now();
        let content;
        let arguments = match self.choose(&job.event) {
            None => Err(Undecodable {
                path: "$".into(),
                message: no_case(job.event.event_type.as_deref()),
            }),
            Some(handler) => match &handler.call {
                Call::Typed { delivery, events } => events
                    .value(&job.event, self.terms.limits.values_max())
                    .map(|event| (handler, Arguments::Values([delivery.value(job), event]))),
                Call::Untyped(how) => match event_bytes(&job.event) {
                    Ok(bytes) => {
                        content = bytes;
                        untyped(how, job, &content, &self.terms.limits)
                            .map(|arguments| (handler, arguments))
                    }
                    Err(undecodable) => Err(undecodable),
                },
            },
        };
        let decode = began.elapsed();
        let mut ended = match arguments {
            Ok((handler, arguments)) => {
                let effects =
                    Buffer::new(parts.clone(), self.terms.plugin.clone(), &self.terms.limits);
                call::call(self, &handler.function, arguments, effects).await?
            }
            Err(undecodable) => Ended::unrun(undecodable.into()),
        };
        ended.measures.decode = decode;
        Ok(ended)
    }

    /// The typed handler of the event's provider where it has a case for the event, else the untyped one.
    fn choose(&self, event: &Event) -> Option<&Handler> {
        let is_typed_for = |handler: &&Handler| match (&handler.kind, &handler.call) {
            (HandlerKind::Typed { provider, .. }, Call::Typed { events, .. }) => {
                *provider == event.provider && events.takes(event.event_type.as_deref())
            }
            _ => false,
        };
        let handlers = &self.handlers.all;
        handlers
            .iter()
            .find(is_typed_for)
            .or_else(|| handlers.iter().find(|it| it.kind == HandlerKind::Untyped))
    }
}

fn untyped<'a>(
    how: &Untyped,
    job: &'a ClaimedJob,
    content: &'a [u8],
    limits: &Limits,
) -> Result<Arguments<'a>, Undecodable> {
    match how {
        Untyped::Direct => Ok(Arguments::Direct { job, content }),
        Untyped::Reflected { delivery, message } => {
            let message = message.value(job, content, limits.values_max())?;
            Ok(Arguments::Values([delivery.value(job), message]))
        }
    }
}

/// The event as bytes, out of its envelope where it came in one. Bytes need not be text.
fn event_bytes(event: &Event) -> Result<Cow<'_, [u8]>, Undecodable> {
    match event.payload {
        Payload::Body => Ok(Cow::Borrowed(&event.body)),
        Payload::TextAt(_) => Ok(Cow::Owned(event_text(event)?.into_owned().into_bytes())),
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("plugin", &self.terms.plugin)
            .field("revision", &self.revision)
            .field("handlers", &self.handlers.kinds)
            .finish_non_exhaustive()
    }
}
