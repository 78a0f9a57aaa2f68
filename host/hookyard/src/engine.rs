//! The engine that compiles and runs plugins, as the configuration asks for it.

use std::sync::Arc;

use hookyard_config::Settings;
use hookyard_plugin::{CompilerMode, CompilerProcess, Config, Engine, Error};

use crate::clock::SystemClock;

/// The engine of the host.
///
/// # Errors
///
/// Fails if the folder for compiled code cannot be used.
pub(crate) fn host_engine(settings: &Settings) -> Result<Arc<Engine>, Error> {
    Engine::new(config(settings))
}

/// The engine of a command that serves nothing.
///
/// Such a command uses the code that the host has compiled, but creates no folder for compiled
/// code. If the folder is missing or cannot be used, the engine works without it.
pub(crate) fn command_engine(settings: &Settings) -> Result<Arc<Engine>, Error> {
    let mut config = config(settings);
    config.cache_folder = config.cache_folder.filter(|folder| folder.is_dir());

    match Engine::new(config.clone()) {
        Err(Error::CacheFolder { .. }) => Engine::new(Config {
            cache_folder: None,
            ..config
        }),
        result => result,
    }
}

fn config(settings: &Settings) -> Config {
    let compile = &settings.plugins.compile;
    let compiling = CompilerMode::Subprocess(CompilerProcess {
        // This very program, even if its file is replaced while the host runs.
        program: "/proc/self/exe".into(),
        arguments: vec!["compile-component".into()],
        limits: compile.limits,
        concurrency: compile.concurrency,
    });

    Config {
        cache_folder: Some(settings.plugins.cache.clone()),
        instances_max: settings.dispatch.concurrency_max,
        ..Config::new(Arc::new(SystemClock), compiling)
    }
}
