//! Runs signed cases against the verifiers: the cases in this folder, and the cases in the folder
//! that `HOOKYARD_VECTORS` names.
//!
//! Each case is a separate test, `vectors::<file>::<case>`. A case of a scheme without a verifier
//! is reported as ignored. This code knows no case: settings come only from the keys in the case.

mod case;
mod reasons;
mod http_signatures;
mod paypal;
mod recipes;
mod schemes;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use libtest_mimic::{Arguments, Failed, Trial};

use case::{Case, File, unknown_key};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = folder(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors")),
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
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            return vec![failing(
                format!("{prefix}::{}", folder.display()),
                error.to_string(),
            )];
        }
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
        return vec![failing(
            format!("{prefix}::{}", folder.display()),
            "the folder has no cases".to_owned(),
        )];
    }
    trials
}

fn file(path: &Path, prefix: &str) -> Vec<Trial> {
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let read = fs::read(path).map_err(|error| error.to_string());
    let file = read.and_then(|bytes| {
        serde_json::from_slice::<File>(&bytes).map_err(|error| error.to_string())
    });
    let file = match file {
        Ok(file) => file,
        Err(error) => return vec![failing(format!("{prefix}::{stem}"), error)],
    };
    let trials = file
        .cases
        .into_iter()
        .map(|case| trial(format!("{prefix}::{stem}"), &file.scheme, case));
    let trials: Vec<_> = trials.collect();
    let ignored = trials
        .iter()
        .filter(|trial| trial.has_ignored_flag())
        .count();

    if ignored > 0 {
        eprintln!(
            "{}: no verifier for {ignored} of {} cases",
            path.display(),
            trials.len()
        );
    }
    trials
}

fn trial(prefix: String, file_scheme: &str, case: serde_json::Value) -> Trial {
    if let Some(key) = unknown_key(&case) {
        let name = case["name"].as_str().unwrap_or("unnamed");
        let why = format!("the runner does not know the key `{key}`");
        return failing(format!("{prefix}::{name}"), why);
    }
    let case = match serde_json::from_value::<Case>(case) {
        Ok(case) => case,
        Err(error) => return failing(format!("{prefix}::unreadable"), error.to_string()),
    };
    let name = format!("{prefix}::{}", case.name);
    let scheme = case.scheme_name(file_scheme);
    let is_known = schemes::is_known(&scheme);
    if case.has_variant() && !is_known {
        return failing(name, format!("there is no scheme `{scheme}`"));
    }
    let is_known = is_known && case.is_about_verification();

    Trial::test(name, move || case.run(&scheme).map_err(Failed::from)).with_ignored_flag(!is_known)
}

fn failing(name: String, why: String) -> Trial {
    Trial::test(name, move || Err(Failed::from(why)))
}
