//! `cargo isolation [--rounds 5] [--events 1500] [--rate 100]` measures the cost of noisy
//! neighbours for another tenant, side by side in one run. `cargo isolation memory` measures the
//! host's memory when a tenant drops 18 compile bombs.
//!
//! Each round serves the same load several times with a fresh host: with the measured tenant alone,
//! next to a tenant whose plugin loops, one whose plugin allocates all the memory it can, both, one
//! that drops components that need gigabytes to compile, ten whose plugins write as many keys as
//! allowed, and one whose plugin fills the outbox. The neighbours receive events all the time. With
//! a rate, the measured tenant receives that many events a second; without, as many as the host can
//! take. The output shows the medians over the rounds.

mod neighbours;
mod round;

use anyhow::{Context, Result, bail};
use neighbours::Neighbours;
use round::{Figures, Load};

#[tokio::main]
async fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("memory") {
        let [before, after] = round::memory_after_bombs().await?;
        println!("resident before: {before} KiB; after 18 bombs were refused: {after} KiB");
        return Ok(());
    }
    let (rounds, load) = arguments(std::env::args().skip(1))?;
    let mut all: Vec<(Neighbours, Vec<Figures>)> = Neighbours::ALL
        .map(|neighbours| (neighbours, Vec::new()))
        .into();
    let pace = load.rate.map_or_else(
        || "as fast as they are taken".to_owned(),
        |rate| format!("{rate} a second"),
    );
    println!("{rounds} rounds of {} events, {pace}", load.events);
    println!("{:<28}  {}", "", Figures::HEAD);
    for _ in 0..rounds {
        for (neighbours, figures) in &mut all {
            let round = round::run(*neighbours, load).await?;
            eprintln!("{:<28}  {round}", neighbours.name());
            figures.push(round);
        }
    }
    for (neighbours, figures) in &all {
        println!("{:<28}  {}", neighbours.name(), Figures::median(figures));
    }
    Ok(())
}

fn arguments(mut arguments: impl Iterator<Item = String>) -> Result<(usize, Load)> {
    let (mut rounds, mut load) = (
        5,
        Load {
            events: 1500,
            rate: None,
        },
    );
    while let Some(argument) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{argument} wants a number"))?;
        let number: usize = value
            .parse()
            .with_context(|| format!("{argument} {value}: not a number"))?;
        match argument.as_str() {
            "--rounds" => rounds = number.max(1),
            "--events" => load.events = number.max(1),
            "--rate" => load.rate = Some(number.max(1)),
            _ => bail!("{argument} is not known; there are --rounds, --events and --rate"),
        }
    }
    Ok((rounds, load))
}
