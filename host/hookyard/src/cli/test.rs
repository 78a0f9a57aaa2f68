//! `hookyard test`: runs the fixtures of a plugin, without a host, a tenant or a configuration.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use hookyard_develop::test::{self, Component, Options, Report};
use hookyard_develop::workbench::{self, Providers};
use hookyard_release::rehearsal::Fixtures;

use crate::cli::Failure;
use crate::cli::shared::author::{self, Target};
use crate::output;

/// The arguments of `hookyard test`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of the plugin, or a component; default: this folder
    ///
    /// The fixtures of a component are in the folder with its name and the extension `fixtures`, or
    /// in the component itself.
    #[arg(value_name = "FOLDER|COMPONENT", default_value = ".")]
    path: PathBuf,
    /// Test the component in build/ as it is
    #[arg(long)]
    no_build: bool,
    /// Run only the fixtures whose names contain this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Accept the results: write them into `expect` of the fixtures that fail or have none
    #[arg(long)]
    update: bool,
    /// Write the results to this file in the format of JUnit
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Runs the fixtures and prints the results. A fixture that is not as expected is a failure.
pub(crate) async fn run(config_path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let target = Target::of(&arguments.path)?;
    let workbench = author::workbench(config_path)?;
    if let Target::Folder { folder, .. } = &target
        && !arguments.no_build
    {
        author::build(folder, config_path, &mut |line| output::error(line))?;
    }

    let component = component(&target, &workbench.providers)?;
    let options = Options {
        filter: arguments.filter.clone(),
        update: arguments.update,
    };
    let place = target.component().display().to_string();
    let (report, _) = test::run(&workbench, component, &options)
        .await
        .map_err(|reason| anyhow!("{place} {reason}"))?;

    print(&report, &arguments)?;
    if report.is_good() {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}

fn print(report: &Report, arguments: &Arguments) -> Result<(), Failure> {
    if let Some(file) = &arguments.junit {
        std::fs::write(file, report.junit())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if arguments.json {
        output::line(report.json())
    } else {
        output::text(report.text())
    }
}

fn component(target: &Target, providers: &Providers) -> Result<Component, Failure> {
    let code = target.code()?;
    let fixtures = match target {
        Target::Folder { .. } => Fixtures::in_folder(&target.fixtures()),
        Target::Component { .. } => Fixtures::read(&code, &target.fixtures()),
    };

    let settings = target.settings()?;
    let settings = workbench::settings(&settings.path, &settings.text, providers);
    Ok(Component {
        name: target.name().to_owned(),
        code,
        fixtures,
        settings: settings.map_err(|faults| anyhow!(faults))?,
    })
}
