//! `cargo isolation [--rounds 5] [--events 1500]`: what noisy neighbours cost a third tenant, side by side in one run.
//!
//! Each round serves the same load several times, by a fresh host each time: with the measured tenant alone, beside a
//! tenant whose plugin loops for ever, beside one whose plugin eats all memory that it gets, and beside both; these are
//! given events all the time. Printed are the medians over the rounds.

mod round;

use anyhow::{Context, Result, bail};
use round::{Figures, Neighbours};

#[tokio::main]
async fn main() -> Result<()> {
    let (rounds, events) = arguments(std::env::args().skip(1))?;
    let mut all: Vec<(Neighbours, Vec<Figures>)> = Neighbours::ALL.map(|neighbours| (neighbours, Vec::new())).into();
    println!("{rounds} rounds of {events} events");
    println!("{:<25}  {}", "", Figures::HEAD);
    for _ in 0..rounds {
        for (neighbours, figures) in &mut all {
            figures.push(round::run(*neighbours, events).await?);
        }
    }
    for (neighbours, figures) in &all {
        println!("{:<25}  {}", neighbours.name(), Figures::median(figures));
    }
    Ok(())
}

fn arguments(mut arguments: impl Iterator<Item = String>) -> Result<(usize, usize)> {
    let (mut rounds, mut events) = (5, 1500);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{argument} wants a number"))?;
        let number: usize = value.parse().with_context(|| format!("{argument} {value}: not a number"))?;
        match argument.as_str() {
            "--rounds" => rounds = number.max(1),
            "--events" => events = number.max(1),
            _ => bail!("{argument} is not known; there are --rounds and --events"),
        }
    }
    Ok((rounds, events))
}
