//! A second build replaces the first one while events arrive.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::Case;
use crate::bench::{Bench, offer};

pub(crate) const CASES: &[Case] = &[Case::of_all("second build under load", replaced)];

/// The plugin of this module.
const PLUGIN: &str = "behaviours";

fn replaced(bench: &Bench) -> Result<Option<String>> {
    let folder = &bench.yard()?.plugin(PLUGIN)?.folder;
    folder.edit("unknown behaviour", "an unknown behaviour")?;
    let build = folder.build()?;

    bench.run(async |yard| {
        let mark = yard.host.log().mark();
        let mut events = vec![yard.send(PLUGIN, &offer("lines").to_string()).await?];
        yard.site.install(&format!("acme/{PLUGIN}"), &build.guest)?;
        let active = yard.active(PLUGIN, &build.guest);
        tokio::pin!(active);
        let active = loop {
            tokio::select! {
                active = &mut active => break active?,
                () = tokio::time::sleep(Duration::from_millis(50)) => {
                    events.push(yard.send(PLUGIN, &offer("lines").to_string()).await?);
                }
            }
        };
        events.push(yard.send(PLUGIN, &offer("lines").to_string()).await?);

        for event in &events {
            let attempt = yard.attempt_of(PLUGIN, event, mark).await?;
            attempt.must_be("done")?;
        }
        let last = yard.attempt(PLUGIN, &offer("nothing").to_string()).await?;
        last.must_be("rejected")?;
        ensure!(
            last.detail().contains("an unknown behaviour nothing"),
            "the second build is not active: {}; {}",
            last.end.text,
            active.text
        );
        Ok(Some(format!("{} events", events.len())))
    })
}
