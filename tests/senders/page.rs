//! The pages in `docs/senders`: what an operator writes into `hookyard.toml`.

use std::fs;

use anyhow::{Context, Result, ensure};
use hookyard_testkit::workspace;

/// The page of a sender.
pub(crate) struct Page {
    /// The blocks of configuration, the recommended one first.
    pub(crate) snippets: Vec<String>,
}

impl Page {
    /// The headings that every page has, in this order.
    const HEADINGS: [&str; 7] = [
        "At the sender",
        "In hookyard.toml",
        "What is signed",
        "Handshake",
        "Retries and time-outs",
        "Events",
        "Sources",
    ];

    /// Reads the page of a sender.
    pub(crate) fn of(sender: &str) -> Result<Self> {
        let path = workspace::root().join(format!("docs/senders/{sender}.md"));
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read", path.display()))?;

        let headings: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        ensure!(headings == Self::HEADINGS, "{sender}: {headings:?}");
        let blocks = text.split("\n```toml\n").skip(1);
        let snippets: Vec<_> = blocks
            .filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned()))
            .collect();
        ensure!(!snippets.is_empty(), "{sender}: the page has no snippet");
        Ok(Self { snippets })
    }

    /// Returns the environment variables that the snippets name, in their order.
    pub(crate) fn variables(&self) -> Vec<String> {
        let named = |snippet: &String| {
            let rest = snippet.split("{ env = \"").skip(1);
            rest.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
                .collect::<Vec<_>>()
        };
        self.snippets.iter().flat_map(named).collect()
    }
}
