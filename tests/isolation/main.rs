//! `cargo isolation [--rounds 5] [--events 1500]`: what noisy neighbours cost a third tenant, side by side in one run.
//!
//! Each round serves the same load twice, by a fresh host each time: once with the measured tenant alone, once beside a
//! tenant whose plugin loops for ever and one whose plugin eats all memory that it gets, both given events all the time.
//! Printed are the medians over the rounds.

mod round;

use anyhow::{Context, Result, bail};
use round::{Figures, Neighbours};

#[tokio::main]
async fn main() -> Result<()> {
    let (rounds, events) = arguments(std::env::args().skip(1))?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    println!("{rounds} rounds of {events} events");
    println!("{:>7}  {}", "", Figures::HEAD);
    for _ in 0..rounds {
        for (neighbours, all) in [(Neighbours::None, &mut alone), (Neighbours::Noisy, &mut beside)] {
            let figures = round::run(neighbours, events).await?;
            println!("{:>7}  {figures}", neighbours.name());
            all.push(figures);
        }
    }
    println!("medians");
    for (neighbours, all) in [(Neighbours::None, &alone), (Neighbours::Noisy, &beside)] {
        println!("{:>7}  {}", neighbours.name(), Figures::median(all));
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
