//! The engine that compiles and runs plugins, as the configuration asks for it.

#[cfg(feature = "develop")]
use std::path::PathBuf;
use std::sync::Arc;

use hookyard_config::Settings;
use hookyard_config::settings::Compile;
use hookyard_plugin::{CompilerMode, CompilerProcess, Config, Engine, Error};

use crate::clock::SystemClock;

/// The maximum number of attempts at the same time of a command for authors.
#[cfg(feature = "develop")]
const AUTHOR_INSTANCES_MAX: usize = 4;

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

/// The engine of a command for authors of plugins.
///
/// Compiled code is kept in the user's cache folder, so that a test starts at once. If that folder is
/// missing or cannot be used, the engine compiles each time.
///
/// # Errors
///
/// Fails if the machine cannot run compiled WebAssembly.
#[cfg(feature = "develop")]
pub(crate) fn author_engine() -> Result<Arc<Engine>, Error> {
    let config = Config {
        cache_folder: author_cache(),
        instances_max: AUTHOR_INSTANCES_MAX,
        ..Config::new(Arc::new(SystemClock), compiler(&Compile::default()))
    };

    match Engine::new(config.clone()) {
        Err(Error::CacheFolder { .. }) => Engine::new(Config {
            cache_folder: None,
            ..config
        }),
        result => result,
    }
}

/// Returns the user's folder for compiled code.
#[cfg(feature = "develop")]
pub(crate) fn author_cache() -> Option<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
    };
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(caches.join("hookyard").join("compiled"))
}

fn config(settings: &Settings) -> Config {
    Config {
        cache_folder: Some(settings.plugins.cache.clone()),
        cache_limits: settings.plugins.compile.cache,
        instances_max: settings.dispatch.concurrency_max,
        ..Config::new(Arc::new(SystemClock), compiler(&settings.plugins.compile))
    }
}

fn compiler(compile: &Compile) -> CompilerMode {
    CompilerMode::Subprocess(CompilerProcess {
        // This very program, even if its file is replaced while the host runs.
        program: "/proc/self/exe".into(),
        arguments: vec!["compile-component".into()],
        limits: compile.limits,
        concurrency: compile.concurrency,
    })
}
