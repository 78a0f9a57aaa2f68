//! The files of the store: when they disappear, and who may open or read them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use hookyard_testkit::host::{Host, Start, binary};
use hookyard_testkit::http::Client;
use hookyard_testkit::senders::{Senders, path_of};
use hookyard_testkit::site::{Config, Site};
use hookyard_testkit::{eventually, guests};
use tokio::process::Command;

use crate::rig::{Rig, fresh_payment, hookyard, quick, stdout_of};

#[tokio::test(flavor = "multi_thread")]
async fn missing_database_acknowledges_nothing() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    let (data, away) = (rig.site.path("data"), rig.site.path("away"));

    fs::rename(&data, &away)?;
    let webhook = rig.senders.sign("topper", &fresh_payment().1)?;
    assert_eq!(rig.post("topper", &webhook).await?.status, 503);
    let is_loud = |line: &hookyard_testkit::log::Line| {
        line.level() == "ERROR" && line.text.contains("not where the host opened them")
    };
    rig.host
        .wait_for_log("an error about the files", is_loud)
        .await?;

    fs::rename(&away, &data)?;
    eventually("the host to accept events again", || async {
        Ok(rig
            .post("topper", &webhook)
            .await?
            .is_accepted()
            .then_some(()))
    })
    .await?;
    assert_eq!(rig.host.events().await?.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn second_host_is_refused_by_any_path() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let database = rig.site.path("data/hookyard.db");
    fs::remove_file(rig.site.path("data/hookyard.db.lock"))?;

    let second = Site::temporary()?;
    second.configure(&hookyard_testkit::site::Config::new())?;
    fs::create_dir_all(second.path("data"))?;
    fs::create_dir_all(second.path("plugins"))?;
    let name = second.path("data/hookyard.db");

    symlink(&database, &name)?;
    refused(&second, "another hookyard host has the store").await?;

    fs::remove_file(&name)?;
    fs::hard_link(&database, &name)?;
    refused(&second, "has 2 names").await?;
    Ok(())
}

/// Asserts that no host can serve this site, and that the error contains these words.
async fn refused(site: &Site, words: &str) -> Result<()> {
    let ended = hookyard(site, &["serve"]).await?;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains(words),
        "no {words:?} in {}",
        ended.stderr
    );
    Ok(())
}

/// Starts the host from a shell with a permissive umask.
fn unmasked(site: &Site, binary: &Path) -> Result<PathBuf> {
    let script = site.write(
        "unmasked",
        format!("#!/bin/sh\numask 0\nexec '{}' \"$@\"\n", binary.display()),
    )?;
    fs::set_permissions(&script, Permissions::from_mode(0o700))?;
    Ok(script)
}

/// Returns everything in a folder, with its mode.
fn modes(folder: &Path) -> Result<Vec<(PathBuf, bool, u32)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let metadata = fs::symlink_metadata(&path)?;
        found.push((
            path.clone(),
            metadata.is_dir(),
            metadata.permissions().mode() & 0o7777,
        ));
        if metadata.is_dir() {
            found.extend(modes(&path)?);
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn data_files_are_private_under_any_umask() -> Result<()> {
    let mut site = Site::temporary()?;
    let senders = Senders::new().await?;
    let config = senders.introduce(&mut site, quick())?;
    site.configure(&config)?;
    let books = guests::reference("topper")?;
    site.install("acme/books", &books)?;
    let binary = unmasked(&site, tokio::task::spawn_blocking(binary).await??)?;
    let Start::Listening(host) = Host::start_with(&site, &binary, &[]).await? else {
        bail!("the host ended")
    };
    host.wait_for_revision("acme/books", &books.revision())
        .await?;
    for provider in ["topper", "tipser"] {
        let webhook = senders.sign(provider, &fresh_payment().1)?;
        let answer = Client::http1()
            .post(host.address(), &path_of(provider), &webhook)
            .await?;
        assert!(answer.is_accepted(), "{}", answer.text());
    }
    let certificates = site.path("data/certificates.json");
    eventually("certificates to be kept", || async {
        Ok(certificates.exists().then_some(()))
    })
    .await?;
    let copy = site.path("data/copy.db");
    let mut backup = Command::new(&binary);
    backup
        .arg("backup")
        .arg(&copy)
        .arg("--config")
        .arg(site.config())
        .envs(site.environment().iter().cloned());
    let made = backup.output().await?;
    assert!(made.status.success(), "{made:?}");

    let found = modes(&site.path("data"))?;
    for (path, is_folder, mode) in &found {
        let expected = if *is_folder { 0o700 } else { 0o600 };
        assert_eq!(*mode, expected, "{} has mode {mode:o}", path.display());
    }
    assert_eq!(
        fs::metadata(site.path("data"))?.permissions().mode() & 0o7777,
        0o700
    );
    for part in [
        "hookyard.db-wal",
        "hookyard.db-shm",
        ".lock",
        "compiled/",
        "revisions/acme/books/",
        "copy.db",
    ] {
        let is_there = found
            .iter()
            .any(|(path, ..)| path.to_string_lossy().contains(part));
        assert!(is_there, "no {part} among {found:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_writable_by_others_are_refused() -> Result<()> {
    let site = Site::temporary()?;
    site.configure(&Config::new())?;
    for folder in ["data/compiled", "data/revisions", "data"] {
        let path = site.path(folder);
        fs::create_dir_all(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o777))?;
        refused(
            &site,
            if folder == "data" {
                "every user may write to"
            } else {
                "others may write to it (mode 777)"
            },
        )
        .await?;
        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
    }

    // Only root may change the owner of a file.
    if rustix::process::geteuid().is_root() {
        for folder in ["data/compiled", "data/revisions"] {
            chown(site.path(folder), Some(12_345), None)?;
            refused(&site, "it belongs to user 12345").await?;
            chown(site.path(folder), Some(0), None)?;
        }
    }
    let host = Host::start(&site).await?;
    assert_eq!(
        host.terminate().await?.0.code(),
        Some(0),
        "once they are mended"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_follows_no_symlink() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let (victim, copy) = (
        rig.site.write("victim", "precious")?,
        rig.site.path("copy.db"),
    );
    symlink(&victim, rig.site.path("copy.db.partial"))?;
    stdout_of(&rig.site, &["backup", &copy.to_string_lossy()]).await?;
    assert_eq!(fs::read_to_string(&victim)?, "precious");
    assert_eq!(
        fs::symlink_metadata(&copy)?.permissions().mode() & 0o7777,
        0o600
    );
    Ok(())
}
