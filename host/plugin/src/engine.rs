//! The engine.

use std::path::PathBuf;
use std::sync::Arc;

use hookyard_model::{Clock, PluginRef};

use crate::{Contracts, Error, Limits, LoadError, Loaded};

/// How an engine is to be.
#[derive(Clone)]
pub struct Config {
    /// Where compiled code is kept between runs; `None` compiles anew each time. The folder is made if need be, and
    /// must be writable by nobody but the host: what is in it is run.
    pub cache_folder: Option<PathBuf>,
    /// How many attempts may run at once, of all plugins together.
    pub instances_max: usize,
    /// What guests are told when they ask for the time of day.
    pub clock: Arc<dyn Clock>,
}

impl Config {
    /// Without a cache, with room for 64 attempts at once.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { cache_folder: None, instances_max: 64, clock }
    }
}

/// Compiles and runs plugins.
pub struct Engine {}

impl Engine {
    /// Starts an engine.
    pub fn new(_config: Config) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {}))
    }

    /// Checks a component and makes it ready. Blocks while it compiles, up to tens of seconds for a large one: call it
    /// where blocking is allowed.
    pub fn load(
        self: &Arc<Self>,
        _plugin: PluginRef,
        _bytes: &[u8],
        _contracts: &Contracts,
        _limits: Limits,
    ) -> Result<Loaded, LoadError> {
        unreachable!("follows in the next commit")
    }
}
