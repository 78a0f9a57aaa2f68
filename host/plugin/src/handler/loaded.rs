//! A plugin that is checked, compiled and ready to be called.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard_model::{Effects, Event, LogLine, Outcome, Payload, PluginRef, Revision};
use hookyard_store::ClaimedJob;
use wasmtime::component::InstancePre;

use super::typed::{event_text, no_case};
use super::untyped::Untyped;
use super::{ArgumentPlan, Exports, Handler, HandlerKind};
use crate::call::calls::Calls;
use crate::call::host_fault::HostFault;
use crate::call::services::HostServices;
use crate::call::slots::IdleInstances;
use crate::call::state::State;
use crate::call::{Arguments, CallResult, Callee, Invocation};
use crate::plan::DecodeError;
use crate::terms::Terms;
use crate::{Engine, Fault, Grants, Limits, LoadError};

/// The beginning of the name of the interface for responses to requests.
const RESPONDER: &str = "hookyard:plugin/responder@";

/// A loaded revision of a plugin, ready for any number of calls.
pub struct LoadedPlugin {
    pub(crate) engine: Arc<Engine>,
    pub(crate) terms: Arc<Terms>,
    pub(crate) revision: Revision,
    pub(crate) instances: InstancePre<State>,
    /// The instances that wait for the next event.
    pub(crate) idle: IdleInstances,
    pub(crate) handlers: Handlers,
    /// See [`notes`](Self::notes).
    pub(crate) notes: Vec<String>,
}

/// The handlers, and how they are described to users of this crate.
pub(crate) struct Handlers {
    handlers: Vec<Handler>,
    kinds: Vec<HandlerKind>,
    unknown: Option<String>,
}

impl From<Exports> for Handlers {
    fn from(Exports { handlers, unknown }: Exports) -> Self {
        Self {
            kinds: handlers
                .iter()
                .map(|handler| handler.kind.clone())
                .collect(),
            handlers,
            unknown,
        }
    }
}

/// The result of a rehearsed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RehearsalResult {
    /// The outcome of the attempt.
    pub outcome: Outcome,
    /// The lines that the guest wrote.
    pub log: Vec<LogLine>,
    /// The effects that the attempt would have committed. Empty unless the outcome is `Done`.
    pub effects: Effects,
}

impl LoadedPlugin {
    /// Returns the plugin's name.
    pub fn plugin(&self) -> &PluginRef {
        &self.terms.plugin
    }

    /// Returns the revision.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Returns the limits of an attempt.
    pub fn limits(&self) -> &Limits {
        &self.terms.limits
    }

    /// Returns the plugin's grants.
    pub fn grants(&self) -> &Arc<Grants> {
        &self.terms.grants
    }

    /// Returns the settings that `wasi:config` returns.
    pub fn config(&self) -> &BTreeMap<String, String> {
        &self.terms.config
    }

    /// Whether both have the same limits, grants, settings, recording and reuse.
    pub fn has_terms_of(&self, other: &Self) -> bool {
        self.terms.are_same_as(&other.terms)
    }

    /// Returns the handlers that the host can call.
    pub fn handlers(&self) -> &[HandlerKind] {
        &self.handlers.kinds
    }

    /// Returns exported interfaces that look like handlers but are never called, because their
    /// packages do not belong to a provider of this host.
    pub fn unknown_handlers(&self) -> Option<&str> {
        self.handlers.unknown.as_deref()
    }

    /// Returns remarks on events that the plugin will fail on because of the tools that made it, each
    /// in one line. A recalled revision has none.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether the plugin imports the interface for responses to requests.
    pub fn can_respond(&self) -> bool {
        let component = self.instances.component();
        let ty = component.component_type();
        let mut imports = ty.imports(component.engine());
        imports.any(|(name, _)| name.starts_with(RESPONDER))
    }

    /// Whether the plugin has a handler for events of this provider, typed or untyped.
    pub fn takes(&self, provider: &str) -> bool {
        self.handlers.kinds.iter().any(|kind| match kind {
            HandlerKind::Typed {
                provider: typed, ..
            } => typed == provider,
            HandlerKind::Untyped => true,
        })
    }

    /// Instantiates the plugin once, within its limits. Blocks.
    ///
    /// A plugin that cannot be instantiated could not handle any event. What the plugin asks for
    /// meanwhile has no effect: there are no stored values, requests are refused, and messages are
    /// never sent.
    ///
    /// # Errors
    ///
    /// Fails if the instantiation does not succeed, or if the host fails.
    pub fn start(self: &Arc<Self>) -> Result<(), LoadError> {
        let plugin = Arc::clone(self);
        let started = self.engine.background.block_on(Box::pin(async move {
            plugin.callee(None).start(&HostServices::none()).await
        }));

        let fault = match started {
            Some(Ok(result)) if result.outcome == Outcome::Done => return Ok(()),
            Some(Ok(result)) => Fault::Start {
                reason: result.outcome.to_string(),
            },
            Some(Err(fault)) => Fault::Host(fault),
            None => Fault::Start {
                reason: "the host panicked".into(),
            },
        };
        Err(LoadError {
            plugin: self.terms.plugin.clone(),
            fault,
        })
    }

    /// Attempts a job as in service, with services of the caller's choice, and commits nothing.
    ///
    /// # Errors
    ///
    /// Fails only if the host itself fails.
    pub async fn rehearse(
        self: &Arc<Self>,
        job: ClaimedJob,
        services: HostServices,
    ) -> Result<RehearsalResult, HostFault> {
        let plugin = Arc::clone(self);
        let attempt = async move { plugin.attempt(&job, &services, None).await };
        let result = self.engine.background.run(Box::pin(attempt)).await?;

        Ok(RehearsalResult {
            outcome: result.outcome,
            log: result.log,
            effects: result.effects,
        })
    }

    /// Attempts one job in service: in an instance that handled an earlier event, if the operator
    /// allows that. A replay always has a fresh instance.
    ///
    /// # Errors
    ///
    /// Fails only if the host itself fails.
    pub(crate) async fn serve(
        &self,
        job: &ClaimedJob,
        services: &HostServices,
    ) -> Result<CallResult, HostFault> {
        let is_replay = job.revision.is_some() || job.lease.replays > 0;
        let may_reuse = self.terms.reuse.is_some() && !is_replay;
        let idle = may_reuse.then_some(&self.idle);
        self.attempt(job, services, idle).await
    }

    /// Attempts one job: exactly one outcome, whatever the guest does (invariant 5).
    ///
    /// # Errors
    ///
    /// Fails only if the host itself fails.
    async fn attempt(
        &self,
        job: &ClaimedJob,
        services: &HostServices,
        idle: Option<&IdleInstances>,
    ) -> Result<CallResult, HostFault> {
        let began = Instant::now();
        let Some(handler) = self.choose(&job.event) else {
            let error = DecodeError {
                path: "$".into(),
                message: no_case(job.event.event_type.as_deref()),
            };
            return Ok(undecodable(error, began.elapsed()));
        };

        // The content must live as long as the arguments that borrow it.
        let content;
        let arguments = match &handler.arguments {
            ArgumentPlan::Typed { context, events } => events
                .value(&job.event, self.terms.limits.values_max())
                .map(|event| Arguments::Values([context.value(job), event])),
            ArgumentPlan::Untyped(untyped) => match event_bytes(&job.event) {
                Ok(bytes) => {
                    content = bytes;
                    untyped_arguments(untyped, job, &content, &self.terms.limits)
                }
                Err(error) => Err(error),
            },
        };
        let decode = began.elapsed();
        let arguments = match arguments {
            Ok(arguments) => arguments,
            Err(error) => return Ok(undecodable(error, decode)),
        };

        let invocation = Invocation {
            function: &handler.function,
            arguments,
            may_respond: (services.asks_response)(&job.event.source, &job.lease.plugin.name),
            calls: Calls::of(job),
        };
        let mut result = self.callee(idle).call(invocation, services).await?;
        result.measures.decode = decode;
        Ok(result)
    }

    /// Returns the typed handler of the event's provider if it has a case for the event, otherwise
    /// the untyped handler.
    fn choose(&self, event: &Event) -> Option<&Handler> {
        let handlers = &self.handlers.handlers;
        let is_typed_for = |handler: &&Handler| match (&handler.kind, &handler.arguments) {
            (HandlerKind::Typed { provider, .. }, ArgumentPlan::Typed { events, .. }) => {
                *provider == event.provider && events.takes(event.event_type.as_deref())
            }
            _ => false,
        };

        handlers.iter().find(is_typed_for).or_else(|| {
            handlers
                .iter()
                .find(|handler| handler.kind == HandlerKind::Untyped)
        })
    }

    fn callee<'a>(&'a self, idle: Option<&'a IdleInstances>) -> Callee<'a> {
        Callee {
            engine: &self.engine,
            terms: &self.terms,
            instances: &self.instances,
            idle,
        }
    }
}

fn untyped_arguments<'a>(
    untyped: &Untyped,
    job: &'a ClaimedJob,
    content: &'a [u8],
    limits: &Limits,
) -> Result<Arguments<'a>, DecodeError> {
    match untyped {
        Untyped::Direct => Ok(Arguments::Direct { job, content }),
        Untyped::Reflected { context, message } => {
            let message = message.value(job, content, limits.values_max())?;
            Ok(Arguments::Values([context.value(job), message]))
        }
    }
}

/// Returns the result of an attempt whose event could not be decoded, so that nothing was called.
fn undecodable(DecodeError { path, message }: DecodeError, decode: Duration) -> CallResult {
    let mut result = CallResult::without_call(Outcome::Undecodable { path, message });
    result.measures.decode = decode;
    result
}

/// Returns the event as bytes, taken out of its envelope if it has one. The bytes need not be text.
fn event_bytes(event: &Event) -> Result<Cow<'_, [u8]>, DecodeError> {
    match event.payload {
        Payload::Body => Ok(Cow::Borrowed(&event.body)),
        Payload::TextAt(_) | Payload::Covered(_) => {
            Ok(Cow::Owned(event_text(event)?.into_owned().into_bytes()))
        }
    }
}

impl fmt::Debug for LoadedPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedPlugin")
            .field("plugin", &self.terms.plugin)
            .field("revision", &self.revision)
            .field("handlers", &self.handlers.kinds)
            .finish_non_exhaustive()
    }
}
