//! A disk that is full, fails, loses synced data, or was changed by another program.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use anyhow::{Result, ensure};
use hookyard_testkit::disk::{Condition, Disk};
use hookyard_testkit::events::Event;
use hookyard_testkit::host::{Host, Start, binary};
use hookyard_testkit::http::Webhook;
use hookyard_testkit::log::Line;
use hookyard_testkit::site::Site;
use hookyard_testkit::{eventually, guests};

use crate::rig::{Rig, fresh_payment, quick, quick_with_audit};

/// Starts a host on a working disk, with this plugin.
async fn start(guest: &str) -> Result<(Rig, Disk)> {
    let mut disk = None;
    let guest = guests::test(guest)?;
    let prepare = |site: &mut Site| {
        let made = Disk::of(site)?;
        for (name, value) in made.variables() {
            site.set_variable(&name, &value);
        }
        disk = Some(made);
        Ok(())
    };
    let rig = Rig::prepared(quick_with_audit(), &[("acme/it", &guest)], prepare).await?;
    Ok((rig, disk.expect("made just above")))
}

/// Sends this many events, which must all be accepted, and returns their keys.
async fn deliver(rig: &Rig, count: usize) -> Result<BTreeSet<String>> {
    let mut keys = BTreeSet::new();
    for _ in 0..count {
        let (key, body) = fresh_payment();
        rig.deliver("topper", &body).await?;
        keys.insert(key);
    }
    Ok(keys)
}

/// Sends an event that the disk cannot store: the answer is 503 with `Retry-After`.
async fn refused(rig: &Rig) -> Result<(String, Webhook)> {
    let (key, body) = fresh_payment();
    let webhook = rig.senders.sign("topper", &body)?;
    let answer = rig.post("topper", &webhook).await?;
    ensure!(
        answer.status == 503,
        "answered {} {}",
        answer.status,
        answer.text()
    );
    ensure!(
        answer.headers.contains_key("retry-after"),
        "{:?}",
        answer.headers
    );
    Ok((key, webhook))
}

async fn all_done(rig: &Rig, keys: &BTreeSet<String>) -> Result<Vec<Event>> {
    let is_done = |events: &[Event]| {
        let found: BTreeSet<_> = events.iter().map(|event| event.key.clone()).collect();
        found == *keys
            && events.len() == keys.len()
            && events.iter().all(|event| event.is_done_by("it"))
    };
    rig.host
        .wait_for_events(
            "all acknowledged events, and no others, to be handled",
            is_done,
        )
        .await
}

/// Checks that the host answers 503 while the disk is in this condition, continues by itself
/// afterwards, and loses nothing acknowledged in a power cut.
async fn check(condition: Condition) -> Result<()> {
    let (rig, disk) = start("ledger").await?;
    let mut keys = deliver(&rig, 5).await?;
    all_done(&rig, &keys).await?;

    disk.be(condition)?;
    let mark = rig.host.log().mark();
    let mut put_off = Vec::new();
    for _ in 0..3 {
        put_off.push(refused(&rig).await?);
    }
    let is_loud = |line: &Line| line.level() == "ERROR" && line.message().contains("store");
    rig.host
        .wait_for_log_since(mark, "the log to say that the store fails", is_loud)
        .await?;

    disk.be(Condition::Well)?;
    for (key, webhook) in put_off {
        let answer = eventually("the host to recover by itself", || async {
            let answer = rig.post("topper", &webhook).await?;
            Ok(answer.is_accepted().then_some(answer))
        });
        ensure!(
            answer.await?.says("status") == "stored",
            "a deferred event was never stored, so its repetition is not a duplicate"
        );
        keys.insert(key);
    }
    keys.extend(deliver(&rig, 5).await?);
    all_done(&rig, &keys).await?;

    // No wait here: an acknowledged event is on the disk.
    keys.extend(deliver(&rig, 3).await?);
    cut_the_power(rig, disk, keys).await
}

/// Checks that everything acknowledged is stored and handled.
async fn cut_the_power(rig: Rig, disk: Disk, mut keys: BTreeSet<String>) -> Result<()> {
    disk.be(Condition::Cut(1))?;
    let Rig {
        senders,
        mut host,
        site,
        client,
    } = rig;
    let (key, body) = fresh_payment();
    let webhook = senders.sign("topper", &body)?;
    let last = client
        .post(host.address(), "/acme/payments", &webhook)
        .await;
    ensure!(
        last.is_err(),
        "the power was cut before an answer could be given: {last:?}"
    );
    host.ended().await?;
    disk.be(Condition::Well)?;
    let rig = Rig::restarted(site, senders).await?;
    // The event may be stored, but its sender does not know and sends it again.
    ensure!(rig.post("topper", &webhook).await?.is_accepted());
    keys.insert(key);
    all_done(&rig, &keys).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn full_disk_loses_nothing() -> Result<()> {
    check(Condition::Full).await
}

#[tokio::test(flavor = "multi_thread")]
async fn short_writes_lose_nothing() -> Result<()> {
    check(Condition::Short).await
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_syncs_lose_nothing() -> Result<()> {
    check(Condition::Unsyncable).await
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_disk_loses_nothing() -> Result<()> {
    check(Condition::Broken).await
}

/// Linux reports a failed sync once and then treats the unwritten data as clean, so no later sync
/// writes it. The lost data can be a lease, which was committed earlier without a sync.
#[tokio::test(flavor = "multi_thread")]
async fn failed_sync_loses_no_later_commit() -> Result<()> {
    let (rig, disk) = start("slow").await?;
    let mut keys = deliver(&rig, 1).await?;
    let is_leased = |events: &[Event]| events[0].job("it").is_some_and(|job| job.state == "leased");
    rig.host
        .wait_for_events("the event to be attempted", is_leased)
        .await?;
    disk.be(Condition::Unsyncable)?;
    let is_fault =
        |line: &Line| line.level() == "ERROR" && line.message() == "the store could not commit";
    rig.host
        .wait_for_log("its settlement to fail", is_fault)
        .await?;
    disk.be(Condition::Well)?;
    all_done(&rig, &keys).await?;
    keys.extend(deliver(&rig, 5).await?);
    cut_the_power(rig, disk, keys).await
}

/// Kills a host whose events are only in the write-ahead log. Returns the log file and the keys in
/// order.
async fn killed_with_a_log(count: usize) -> Result<(Rig, PathBuf, Vec<String>)> {
    let mut rig = Rig::start(quick(), &[]).await?;
    let mut keys = Vec::new();
    for _ in 0..count {
        let (key, body) = fresh_payment();
        rig.deliver("topper", &body).await?;
        keys.push(key);
    }
    rig.host.kill_now()?;
    rig.host.ended().await?;
    let log = rig.site.path("data/hookyard.db-wal");
    ensure!(
        fs::metadata(&log)?.len() > 0,
        "the write-ahead log is empty"
    );
    Ok((rig, log, keys))
}

#[tokio::test(flavor = "multi_thread")]
async fn torn_wal_end_loses_no_commit() -> Result<()> {
    let (Rig { senders, site, .. }, log, keys) = killed_with_a_log(10).await?;
    let whole = fs::read(&log)?;
    // The torn beginning of one more frame, as an uncommitted transaction leaves it.
    let torn = [&whole[..], &whole[32..32 + 24 + 1000]].concat();
    fs::write(&log, torn)?;
    let rig = Rig::restarted(site, senders).await?;
    let found: Vec<_> = rig
        .host
        .events()
        .await?
        .into_iter()
        .map(|event| event.key)
        .collect();
    assert_eq!(found, keys);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_wal_keeps_earlier_commits() -> Result<()> {
    let (Rig { senders, site, .. }, log, keys) = killed_with_a_log(10).await?;
    let length = fs::metadata(&log)?.len();
    fs::File::options()
        .write(true)
        .open(&log)?
        .set_len(length * 3 / 4 + 100)?;
    let rig = Rig::restarted(site, senders).await?;
    let found: Vec<_> = rig
        .host
        .events()
        .await?
        .into_iter()
        .map(|event| event.key)
        .collect();
    assert_eq!(
        found[..],
        keys[..found.len()],
        "the first ones, without a gap"
    );
    assert!(
        !found.is_empty() && found.len() < keys.len(),
        "{} of {} were left",
        found.len(),
        keys.len()
    );
    let body = hookyard_testkit::samples::one("topper", "crypto-onramp-completed")?
        .with("/id", keys[9].clone());
    let webhook = rig.senders.sign("topper", &body)?;
    assert_eq!(
        rig.post("topper", &webhook).await?.says("status"),
        "stored",
        "a lost event is stored again, not treated as a duplicate"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_page_stops_the_start() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    deliver(&rig, 20).await?;
    let Rig { host, site, .. } = rig;
    host.terminate().await?;
    let database = site.path("data/hookyard.db");
    let mut file = fs::File::options().write(true).open(&database)?;
    // The second half of a page in the middle, so that its cells are inconsistent.
    let pages = fs::metadata(&database)?.len() / 4096;
    file.seek(SeekFrom::Start(pages / 2 * 4096))?;
    file.write_all(&[0xa5; 4096])?;
    drop(file);
    let before = fs::read(&database)?;
    let Start::Ended(status, log) = Host::start_with(&site, binary()?, &[]).await? else {
        anyhow::bail!("the host serves from a damaged store");
    };
    let said = log.tail(30);
    assert!(!status.success(), "{status}");
    let database = database.to_string_lossy();
    assert!(
        said.contains(&*database) && said.contains("is damaged") && said.contains("backup"),
        "{said}"
    );
    assert_eq!(
        fs::read(&*database)?,
        before,
        "the damaged database is unchanged, so it can be repaired"
    );
    Ok(())
}
