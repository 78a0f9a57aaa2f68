//! The other tenants' plugins, and what they do while the measured tenant is served.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use hookyard_hostile::{compile_bomb, running_named};
use hookyard_testkit::events::{is_attempt, is_rejection};
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::host::Host;
use hookyard_testkit::http::{Client, Webhook};
use hookyard_testkit::load::fresh_payment;
use hookyard_testkit::site::{Config, Site};
use tokio::task::JoinSet;

/// The interval of a neighbour's events, whether or not it has handled the last one.
const BEAT: Duration = Duration::from_millis(100);
/// The number of tenants that write keys.
const WRITERS: usize = 10;
/// The number of compile bombs in the plugin folder.
const BOMBS: usize = 18;
/// The tenant with the compile bombs.
const BOMBER: &str = "mallory";

/// The other tenants on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Neighbours {
    None,
    Loop,
    Eater,
    Both,
    Bombs,
    Writers,
    Filler,
}

impl Neighbours {
    pub(crate) const ALL: [Self; 7] = [
        Self::None,
        Self::Loop,
        Self::Eater,
        Self::Both,
        Self::Bombs,
        Self::Writers,
        Self::Filler,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "alone",
            Self::Loop => "beside a loop",
            Self::Eater => "beside an eater of memory",
            Self::Both => "beside both",
            Self::Bombs => "beside 18 compile bombs",
            Self::Writers => "beside 10 key-value writers",
            Self::Filler => "beside an outbox filler",
        }
    }

    /// Returns their plugins, as tenant/name, each with its guest.
    pub(crate) fn plugins(self) -> Result<Vec<(String, Guest)>> {
        let hostile = |tenant: &str, guest: &str| {
            (
                format!("{tenant}/{guest}"),
                Guest::from(running_named(guest).component),
            )
        };
        Ok(match self {
            Self::None | Self::Bombs => Vec::new(),
            Self::Loop => vec![hostile("looper", "loop")],
            Self::Eater => vec![hostile("eater", "memory-bomb")],
            Self::Both => vec![hostile("looper", "loop"), hostile("eater", "memory-bomb")],
            Self::Writers => {
                let writer = guests::test("kv-writer")?;
                (0..WRITERS)
                    .map(|number| (format!("writer{number}/kv-writer"), writer.clone()))
                    .collect()
            }
            Self::Filler => vec![(
                "filler/outbox-filler".into(),
                guests::test("outbox-filler")?,
            )],
        })
    }

    /// Starts a host with a source for each of them. The receiver of the outbox filler does not
    /// exist.
    pub(crate) fn configure(self, config: Config, plugins: &[(String, Guest)]) -> Config {
        let config = plugins.iter().fold(config, |config, (plugin, _)| {
            config.source(
                &format!("{}/in", tenant_of(plugin)),
                crate::round::UNVERIFIED,
            )
        });
        if self != Self::Filler {
            return config;
        }
        let shop = "url = \"https://127.0.0.1:9/\"\naddresses = [\"127.0.0.1\"]\nsecrets = [{ file = \"shop.secret\" }]";
        config
            .section("tenants.filler.destinations.shop", shop)
            .section("tenants.filler.grants", "destinations = [\"shop\"]")
    }

    /// Starts them and waits until they are busy.
    pub(crate) async fn begin(
        self,
        host: &Host,
        site: &Site,
        plugins: &[(String, Guest)],
        noise: &mut JoinSet<()>,
    ) -> Result<()> {
        for (plugin, _) in plugins {
            let (tenant, name) = plugin.split_once('/').context("tenant/plugin")?;
            noise.spawn(feed(host.address(), format!("/{tenant}/in")));
            let begun = |line: &_| is_attempt(line) && is_of(line, tenant, name);
            host.wait_for_log(plugin, begun).await?;
        }
        if self == Self::Bombs {
            drop_bombs(site)?;
            host.wait_for_log("a bomb to be compiled", |line| {
                line.message().starts_with("compiling")
            })
            .await?;
        }
        Ok(())
    }
}

/// Drops all compile bombs at once. Each has different content, so that the host knows none of
/// them.
pub(crate) fn drop_bombs(site: &Site) -> Result<()> {
    let bomb = Guest::from(compile_bomb(1, 49_000, 1_000));
    (0..BOMBS).try_for_each(|number| {
        site.install(&bomb_of(number), &bomb.tagged(&number.to_string()))
            .map(drop)
    })
}

/// Waits until the host has refused each bomb.
pub(crate) async fn all_refused(host: &Host) -> Result<()> {
    for number in 0..BOMBS {
        let plugin = bomb_of(number);
        host.wait_for_log(&plugin, |line| is_rejection(line, &plugin))
            .await?;
    }
    Ok(())
}

fn bomb_of(number: usize) -> String {
    format!("{BOMBER}/bomb{number}")
}

fn is_of(line: &hookyard_testkit::log::Line, tenant: &str, plugin: &str) -> bool {
    line.text_of("tenant") == tenant && line.text_of("plugin") == plugin
}

fn tenant_of(plugin: &str) -> &str {
    plugin.split_once('/').map_or(plugin, |(tenant, _)| tenant)
}

async fn feed(to: SocketAddr, path: String) {
    let client = Client::http1();
    let mut beat = tokio::time::interval(BEAT);
    loop {
        beat.tick().await;
        let _taken_or_not = client
            .post(to, &path, &Webhook::json(fresh_payment().1))
            .await;
    }
}
