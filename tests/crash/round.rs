//! One round: a host under load that is killed, and then a host that runs until everything is
//! handled.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use hookyard_crash::VARIABLE;
use hookyard_testkit::disk::{Condition, Disk};
use hookyard_testkit::guests;
use hookyard_testkit::host::{Host, Start, crashing_binary};
use hookyard_testkit::site::{Config, Site};

use crate::books::Books;
use crate::mailbox::Mailbox;
use crate::senders::{Pace, Party};
use crate::{Death, Ledger};

/// More events than the plugin can handle, so that a backlog grows.
const FAST: Pace = Pace {
    clients: 8,
    pause: Duration::ZERO,
};
/// Fewer events than the plugin can handle, so that they are handed over.
const SLOW: Pace = Pace {
    clients: 2,
    pause: Duration::from_millis(50),
};
const PLUGIN: &str = "acme/ledger";
/// The settings of the plugin.
const GRANTS: &str = "[grants]\ndestinations = [\"audit\"]\n";

/// The site, the senders and the checks, which outlive every host.
pub(crate) struct Yard {
    site: Site,
    party: Party,
    mailbox: Mailbox,
    books: Books,
    ledger: Ledger,
    binary: &'static Path,
    revision: String,
}

impl Yard {
    pub(crate) async fn new() -> Result<Self> {
        let build = || anyhow::Ok((guests::test("ledger")?, crashing_binary()?));
        let (guest, binary) = tokio::task::spawn_blocking(build).await??;
        let mut site = Site::temporary()?;
        let party = Party::new().await?;
        let mailbox = Mailbox::new(1).await?;
        let config = party.keys.introduce(&mut site, config())?;
        let config = mailbox.introduce(&site, config)?;
        site.configure(&config)?;
        site.write(&format!("plugins/{PLUGIN}.toml"), GRANTS)?;
        site.install(PLUGIN, &guest)?;
        let books = Books::new(&site.path("data/hookyard.db"), PLUGIN);
        let ledger = Ledger::default();
        let yard = Self {
            site,
            party,
            mailbox,
            books,
            ledger,
            binary,
            revision: guest.revision(),
        };
        // The first start creates the store and compiles the plugin, as every later host finds
        // them.
        let host = yard.start().await?;
        host.wait_for_revision(PLUGIN, &yard.revision).await?;
        host.terminate().await?;
        Ok(yard)
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Starts a host and kills it in the given way.
    pub(crate) async fn die(&mut self, death: &Death) -> Result<()> {
        let place = match *death {
            Death::Under(after) => {
                self.die_under_load(FAST, &[], async |host| {
                    end_after(after, || host.kill_now()).await
                })
                .await?;
                "kill -9 under load".to_owned()
            }
            Death::PowerCut(after) => {
                let disk = Disk::of(&self.site)?;
                let seed = after.as_nanos() as u64;
                let variables = disk.variables();
                let cut =
                    async |_: &mut Host| end_after(after, || disk.be(Condition::Cut(seed))).await;
                self.die_under_load(FAST, &variables, cut).await?;
                disk.be(Condition::Well)?;
                "power cut under load".to_owned()
            }
            Death::At(point, times) => {
                let variables = [(VARIABLE.to_owned(), format!("{point}:{times}"))];
                // Both paces occur where the point allows both.
                let has_backlog = point.needs_backlog().unwrap_or(times % 2 == 0);
                let pace = if has_backlog { FAST } else { SLOW };
                self.die_under_load(pace, &variables, async |_| Ok(()))
                    .await?;
                format!("at {point}")
            }
            Death::Starting(after) => {
                let was_killed = Host::start_and_kill(&self.site, self.binary, after).await?;
                ensure!(was_killed, "the host did not start");
                "kill -9 at the start".to_owned()
            }
        };
        *self.ledger.deaths.entry(place).or_default() += 1;
        Ok(())
    }

    /// Puts a host under load at this pace, triggers its end, and waits for the end.
    async fn die_under_load(
        &self,
        pace: Pace,
        variables: &[(String, String)],
        end: impl AsyncFnOnce(&mut Host) -> Result<()>,
    ) -> Result<()> {
        let mut host = match Host::start_with(&self.site, self.binary, variables).await? {
            Start::Listening(host) => *host,
            // The crash point is in the start.
            Start::Ended(status, log) => return is_killed(status, &log.tail(30)),
        };
        let load = self.party.load(host.address(), pace);
        end(&mut host).await?;
        let status = host.ended().await?;
        is_killed(status, &host.log().tail(30))?;
        load.stop().await
    }

    /// Starts a host that is not killed, waits until it has received, handled and sent everything,
    /// and returns the sums.
    pub(crate) async fn balance(&mut self) -> Result<()> {
        let host = self.start().await?;
        self.party.catch_up(host.address()).await?;
        self.books
            .read(&mut self.ledger, &self.party, &mut self.mailbox)
            .await?;
        host.kill().await?;
        ensure!(
            self.ledger.is_balanced(),
            "the sums differ:\n{}",
            self.ledger
        );
        Ok(())
    }

    /// Checks everything once more, from the first event.
    pub(crate) async fn close(mut self) -> Result<Ledger> {
        self.books.reopen();
        self.balance().await?;
        Ok(self.ledger)
    }

    async fn start(&self) -> Result<Host> {
        match Host::start_with(&self.site, self.binary, &[]).await? {
            Start::Listening(host) => Ok(*host),
            Start::Ended(status, log) => bail!(
                "the host did not start ({status}); it wrote\n{}",
                log.tail(30)
            ),
        }
    }
}

async fn end_after(after: Duration, end: impl FnOnce() -> Result<()>) -> Result<()> {
    tokio::time::sleep(after).await;
    end()
}

fn is_killed(status: ExitStatus, log: &str) -> Result<()> {
    ensure!(
        status.signal() == Some(9),
        "the host did not die as planned ({status}); it wrote\n{log}"
    );
    Ok(())
}

/// Lost attempts count, and the host is killed often, so the configuration gives up no job and has
/// short waits.
fn config() -> Config {
    Config::new()
        .plugins("settle = \"50ms\"")
        .section(
            "plugins.limits",
            "kv_keys_max = 10_000_000\nkv_bytes_max = \"1GiB\"",
        )
        .section(
            "retry",
            "attempts_max = 1000\ndelay_first = \"5ms\"\ndelay_max = \"20ms\"",
        )
}
