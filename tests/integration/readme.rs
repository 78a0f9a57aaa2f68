//! Runs the README's tutorial in order, and then backwards.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use hookyard_testkit::http::{Client, Webhook};
use hookyard_testkit::{eventually, guests, host, workspace};
use tempfile::TempDir;
use tokio::process::{Child, Command};

const PLUGIN: &str = "acme/decide";

/// The blocks of the tutorial and the place where they run.
struct Tutorial {
    blocks: Vec<String>,
    yard: PathBuf,
    binary: PathBuf,
    address: Ipv4Addr,
    running: Vec<Child>,
    _folder: TempDir,
}

impl Tutorial {
    fn read() -> Result<Self> {
        // Builds what the tutorial builds, and installs the WebAssembly target.
        let binary = host::binary()?.to_owned();
        guests::reference("topi-saas")?;
        let folder = tempfile::tempdir()?;
        let yard = folder.path().join("yard");
        // The plugin of the tutorial is built once and kept for the next run.
        let target = workspace::target_folder()?.join("guests/tutorial");
        fs::create_dir_all(&target)?;
        fs::create_dir_all(yard.join("decide"))?;
        symlink(target, yard.join("decide/target"))?;
        // An address of this machine that no other process uses, because the tutorial's ports may
        // be taken.
        let address = Ipv4Addr::from_bits(fastrand::u32(0x7f40_0000..0x7fff_ffff));
        let mut tutorial = Self {
            blocks: Vec::new(),
            yard,
            binary,
            address,
            running: Vec::new(),
            _folder: folder,
        };

        let readme = fs::read_to_string(workspace::root().join("README.md"))?;
        let section = readme
            .split("\n## ")
            .find(|section| section.starts_with("Write a plugin"));
        let section = section.context("the README has no tutorial")?;
        let blocks = section
            .split("\n```sh\n")
            .skip(1)
            .filter_map(|rest| Some(rest.split_once("\n```")?.0));
        tutorial.blocks = blocks.map(|block| tutorial.here(block)).collect();
        Ok(tutorial)
    }

    /// Returns a block with the paths of this run, without what `Self::read` has done.
    fn here(&self, block: &str) -> String {
        let (yard, address) = (self.yard.to_string_lossy(), self.address.to_string());
        let listen = format!(
            "<<'END'\n[ingress]\nlisten = \"{address}:8080\"\n[admin]\nlisten = \"{address}:9090\"\n"
        );
        let is_done =
            |line: &&str| !line.starts_with("cargo build --bin") && !line.starts_with("rustup ");
        let block: Vec<_> = block.lines().filter(is_done).collect();
        block
            .join("\n")
            .replace("<<'END'\n", &listen)
            .replace("127.0.0.1", &address)
            .replace("../yard", &yard)
            .replace("target/debug/hookyard", &self.binary.to_string_lossy())
    }

    fn command(block: &str) -> Command {
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", block])
            .current_dir(workspace::root())
            .kill_on_drop(true);
        command
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("RUST_LOG")
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs a block. A block that does not end runs in its own terminal.
    async fn run(&mut self, block: &str) -> Result<()> {
        if is_endless(block) {
            let output = File::create(self.yard.join(format!("terminal-{}", self.running.len())))?;
            let command = &mut Self::command(&format!("exec {block}"));
            self.running
                .push(command.stdout(output.try_clone()?).stderr(output).spawn()?);
            let client = Client::http1();
            let port = if block.contains("9000") { 9000 } else { 8080 };
            let to = (self.address, port).into();
            let answers = || async { Ok(client.post(to, "/", &Webhook::json("{}")).await.ok()) };
            return eventually("the started commands to answer", answers)
                .await
                .map(drop);
        }
        self.run_once(block).await
    }

    async fn run_once(&self, block: &str) -> Result<()> {
        let done = Self::command(block).output().await?;
        let said = [done.stdout, done.stderr]
            .map(|said| String::from_utf8_lossy(&said).into_owned())
            .join("\n");
        ensure!(done.status.success(), "{}: {block}\n{said}", done.status);
        ensure!(!said.contains("refused"), "{block}\n{said}");
        Ok(())
    }

    /// Waits until the plugin is active and nothing is refused.
    async fn plugin_is_right(&self) -> Result<()> {
        let list = format!(
            "'{}' plugins list --config '{}/hookyard.toml'",
            self.binary.display(),
            self.yard.display()
        );
        let is_right = || async {
            let said = String::from_utf8(Self::command(&list).output().await?.stdout)?;
            let is_active = said
                .lines()
                .any(|line| line.contains(PLUGIN) && line.contains("active"));
            Ok((is_active && !said.contains("refused")).then_some(()))
        };
        eventually("the plugin to serve without a refusal", is_right).await
    }

    fn received(&self, terminal: &str) -> Result<usize> {
        Ok(fs::read_to_string(self.yard.join(terminal))?
            .matches(r#""type":"topi_saas.offer."#)
            .count())
    }
}

/// Returns whether a block runs until it is ended.
fn is_endless(block: &str) -> bool {
    block.contains(" serve --config") || block.contains("serve_forever()")
}

#[tokio::test(flavor = "multi_thread")]
async fn readme_tutorial_runs_in_any_order() -> Result<()> {
    let mut tutorial = tokio::task::spawn_blocking(Tutorial::read).await??;
    let blocks = tutorial.blocks.clone();
    ensure!(
        blocks.len() >= 10,
        "only {} blocks were found",
        blocks.len()
    );

    for block in &blocks {
        tutorial.run(block).await?;
        if block.contains("destinations = ") && !block.contains("hookyard.toml")
            || block.contains("decide.new")
        {
            tutorial.plugin_is_right().await?;
        }
    }
    // The second block without an end is the receiver.
    let answers = || async { Ok((tutorial.received("terminal-1")? == 2).then_some(())) };
    eventually("both events to be answered", answers).await?;

    for block in blocks.iter().rev().filter(|block| !is_endless(block)) {
        tutorial.run(block).await?;
    }
    tutorial.plugin_is_right().await?;
    let event = blocks
        .iter()
        .find(|block| block.contains("| curl") || block.contains("|\n    curl"));
    let event = event
        .context("no block changes an event's id")?
        .replace("b2c3d4e5", "c3d4e5f6");
    // The host may not have loaded the new secret yet.
    eventually("a new event to be accepted", || async {
        Ok(tutorial.run_once(&event).await.ok())
    })
    .await?;
    let answers = || async { Ok((tutorial.received("terminal-1")? == 3).then_some(())) };
    eventually("one more event to be answered", answers).await
}
