//! Signed cases through the real ingress: the cases in `cases`, and the cases in the folder that
//! `HOOKYARD_VECTORS` names.
//!
//! Each case is a separate test, `vectors::<file>::<case>`. The configuration of a file has a source
//! for each case, with the built-in provider of the case's scheme, and the request arrives over
//! HTTP. An answer of 2xx accepts a request, and the log has the reason of a refusal. This code
//! knows no case: the settings of a source come only from the keys in the case. The source of each
//! file's first case also receives hostile requests.

mod case;
mod reasons;
mod provider;
mod source;
mod short;
mod folder;
mod host;
mod request;
mod answer;
mod verdict;
mod hostile;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::{env, fs};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

use case::{Case, File, unknown_key};
use folder::Folder;
use hostile::{ATTACKS, Attack};
use provider::Provider;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = folder(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/cases")),
        "vectors",
    );
    if let Some(extra) = env::var_os("HOOKYARD_VECTORS") {
        trials.extend(folder(Path::new(&extra), "vectors::extra"));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Returns every case of every file in a folder. A file that cannot be read becomes a failing test,
/// so that no case is left out silently.
fn folder(folder: &Path, prefix: &str) -> Vec<Trial> {
    let name = format!("{prefix}::{}", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return vec![failing(name, error.to_string())],
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();

    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    files.sort();
    let trials: Vec<_> = files.iter().flat_map(|path| file(path, prefix)).collect();
    if trials.is_empty() {
        return vec![failing(name, "the folder has no cases".to_owned())];
    }
    trials
}

fn file(path: &Path, prefix: &str) -> Vec<Trial> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let prefix = format!("{prefix}::{stem}");
    let read = fs::read(path).map_err(|error| error.to_string());
    let file = read.and_then(|bytes| {
        serde_json::from_slice::<File>(&bytes).map_err(|error| error.to_string())
    });
    let file = match file {
        Ok(file) => file,
        Err(error) => return vec![failing(prefix, error)],
    };

    let mut trials = Vec::new();
    let mut cases = Vec::new();
    for case in file.cases {
        match read_case(case, &file.scheme) {
            Ok(case) => cases.push(case),
            Err((name, why)) => trials.push(failing(format!("{prefix}::{name}"), why)),
        }
    }
    let folder = Arc::new(Folder::new(cases));
    trials.extend((0..folder.cases().len()).map(|index| {
        let folder = Arc::clone(&folder);
        let name = format!("{prefix}::{}", folder.cases()[index].0.name);
        Trial::test(name, move || {
            verdict::check(&folder, index).map_err(Failed::from)
        })
    }));
    trials.extend(attacks(&prefix, &folder));
    trials
}

/// Returns the hostile requests to the source of a file's first case that the host accepts.
fn attacks(prefix: &str, folder: &Arc<Folder>) -> Vec<Trial> {
    let mut cases = folder.cases().iter();
    let Some(index) = cases.position(|(case, _)| case.expect == "accept") else {
        return Vec::new();
    };
    let trial = |attack: &'static Attack| {
        let folder = Arc::clone(folder);
        let name = format!("{prefix}::hostile::{}", attack.name);
        Trial::test(name, move || {
            hostile::check(&folder, index, attack).map_err(Failed::from)
        })
    };
    ATTACKS.iter().map(trial).collect()
}

/// Returns a case with its provider, or the name of the case and the reason for which it cannot run.
fn read_case(case: Value, scheme: &str) -> Result<(Case, Provider), (String, String)> {
    let name = case["name"].as_str().unwrap_or("unnamed").to_owned();
    let read = || {
        if let Some(key) = unknown_key(&case) {
            return Err(format!("the runner does not know the key `{key}`"));
        }
        let case = serde_json::from_value::<Case>(case).map_err(|error| error.to_string())?;
        let provider = Provider::of(&case, &case.scheme_name(scheme))?;
        Ok((case, provider))
    };
    read().map_err(|why| (name, why))
}

fn failing(name: String, why: String) -> Trial {
    Trial::test(name, move || Err(Failed::from(why)))
}
