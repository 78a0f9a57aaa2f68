//! The facade: the sink that receives spans, and the rules of this process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use arc_swap::ArcSwap;

use crate::{Rules, Span};

/// Receives spans that have ended. Must not wait.
pub trait Sink: Send + Sync + 'static {
    /// Takes a span, or drops it if there is no room.
    fn take(&self, span: Span);
}

static SINK: OnceLock<Box<dyn Sink>> = OnceLock::new();
static RULES: LazyLock<ArcSwap<Rules>> = LazyLock::new(ArcSwap::default);
static IS_ON: AtomicBool = AtomicBool::new(false);

/// Installs the sink of this process. Later calls change nothing and return `false`.
///
/// Nothing is recorded before [`sample_by`] gives rules.
pub fn start(sink: Box<dyn Sink>) -> bool {
    SINK.set(sink).is_ok()
}

/// Replaces the sampling rules.
pub fn sample_by(rules: Rules) {
    let is_on = !rules.is_off() && SINK.get().is_some();
    RULES.store(Arc::new(rules));
    IS_ON.store(is_on, Ordering::Relaxed);
}

/// Returns whether any event is sampled. Costs nothing.
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Records a span of a sampled trace.
pub fn record(span: Span) {
    if let Some(sink) = SINK.get() {
        sink.take(span);
    }
}

pub(crate) fn rules() -> Arc<Rules> {
    RULES.load_full()
}
