//! `cargo crash-test [--kills 200] [--seed 1]`: the long form of the crash test. Prints the ledger.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use crash_test::Plan;

#[tokio::main]
async fn main() -> Result<()> {
    let plan = plan(std::env::args().skip(1))?;
    println!("{} kills, seed {}", plan.kills, plan.seed);
    let began = Instant::now();
    let ledger = crash_test::run(plan, |number, death, ledger| {
        println!(
            "{number:>4}  {death:<40}  {} events, all balanced",
            ledger.sent
        );
    })
    .await?;
    println!("\n{ledger}\ntook {} s", began.elapsed().as_secs());
    Ok(())
}

fn plan(mut arguments: impl Iterator<Item = String>) -> Result<Plan> {
    let mut plan = Plan {
        kills: 200,
        seed: 1,
        passes_max: 60,
        load_max: Duration::from_millis(800),
    };
    while let Some(argument) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{argument} wants a number"))?;
        let number: u64 = value
            .parse()
            .with_context(|| format!("{argument} {value}: not a number"))?;
        match argument.as_str() {
            "--kills" => {
                plan.kills = number
                    .try_into()
                    .context("the number of kills is out of range")?
            }
            "--seed" => plan.seed = number,
            _ => bail!("{argument} is not known; there are --kills and --seed"),
        }
    }
    Ok(plan)
}
