//! The files of the inbox: what happens when they go away, who else may open them, and who may read them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use anyhow::Result;
use hookyard_testkit::eventually;
use hookyard_testkit::site::Site;

use crate::rig::{Rig, fresh_payment, hookyard, quick};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_without_the_database() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    let (data, away) = (rig.site.path("data"), rig.site.path("away"));

    fs::rename(&data, &away)?;
    let webhook = rig.senders.sign("topper", &fresh_payment().1)?;
    assert_eq!(rig.post("topper", &webhook).await?.status, 503);
    let is_loud =
        |line: &hookyard_testkit::log::Line| line.level() == "ERROR" && line.text.contains("not in their place");
    rig.host.wait_for_log("an error about the files", is_loud).await?;

    fs::rename(&away, &data)?;
    eventually("the host to accept events again", || async {
        Ok(rig.post("topper", &webhook).await?.is_accepted().then_some(()))
    })
    .await?;
    assert_eq!(rig.host.events().await?.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn second_host_is_refused_by_any_name() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let database = rig.site.path("data/hookyard.db");
    fs::remove_file(rig.site.path("data/hookyard.db.lock"))?;

    let second = Site::temporary()?;
    second.configure(&hookyard_testkit::site::Config::new())?;
    fs::create_dir_all(second.path("data"))?;
    fs::create_dir_all(second.path("plugins"))?;
    let name = second.path("data/hookyard.db");

    symlink(&database, &name)?;
    assert_eq!(hookyard(&second, &["serve"]).await?.code, Some(1), "by a symbolic link");

    fs::remove_file(&name)?;
    fs::hard_link(&database, &name)?;
    assert_eq!(hookyard(&second, &["serve"]).await?.code, Some(1), "by a hard link");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn database_files_are_their_owners_alone() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    rig.deliver("topper", &fresh_payment().1).await?;

    for name in ["hookyard.db", "hookyard.db-wal", "hookyard.db-shm"] {
        let mode = fs::metadata(rig.site.path("data").join(name))?.permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    Ok(())
}
