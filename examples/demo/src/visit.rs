//! `--keep-running`: the host keeps running, and a person can try it.

use anyhow::{Context, Result};
use hookyard_testkit::host;
use hookyard_testkit::log::Line;
use hookyard_testkit::samples;
use hookyard_testkit::senders::path_of;
use tokio::signal::unix::{SignalKind, signal};

use crate::paper::{Paper, cut, quiet};
use crate::stage::{Stage, shown};

pub(crate) async fn show(stage: Stage, paper: &mut Paper) -> Result<()> {
    paper.section("Yours now");
    let (config, address) = (shown(stage.site.config()), stage.host.address());
    let log = stage
        .site
        .write("hookyard.log", stage.host.log().tail(usize::MAX))?;
    paper.table(&[
        vec![
            quiet("host"),
            quiet(format!("http://{address}, process {}", stage.host.pid())),
        ],
        vec![
            quiet("plugins"),
            quiet(format!(
                "{}: replace one, remove one, add one",
                shown(stage.site.path("plugins"))
            )),
        ],
        vec![
            quiet("configuration"),
            quiet(format!("{config}: taken up when it changes")),
        ],
        vec![quiet("log so far"), quiet(shown(log))],
    ]);
    paper.gap();
    paper.say("The events, and what became of them:");
    let (binary, secret) = (
        shown(host::binary()?.to_owned()),
        stage.senders.topi.secret(),
    );
    paper.say(&format!(
        "  TOPI_SECRET={secret} {binary} events list --config {config}"
    ));
    paper.say("An order of topi, signed just now, good for five minutes:");
    paper.say(&format!("  {}", curl(&stage)?));
    paper.say("The same without a signature:");
    paper.say(&format!(
        "  curl -i http://{address}{} -d '{{}}'",
        path_of("topi")
    ));
    paper.gap();
    paper.say("What the host writes from here on. Ctrl-C ends it.");
    let mut seen = stage.host.log().mark();
    let mut terminate =
        signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    loop {
        let log = stage.host.log().clone();
        tokio::select! {
            // The host is in the same process group, so the terminal has sent it the same signal.
            _ = tokio::signal::ctrl_c() => return stage.host.wait().await.map(drop),
            _ = terminate.recv() => return stage.end(paper).await,
            () = log.grown_past(seen) => {}
        }
        for line in log.since(seen) {
            paper.aside(&cut(&text_of(&line), 150));
            seen += 1;
        }
    }
}

fn curl(stage: &Stage) -> Result<String> {
    let sample = samples::one("topi", "order-created")?;
    let webhook = stage.senders.topi.sign("msg_by_hand", sample.body);
    let headers: String = webhook
        .headers
        .iter()
        .map(|(name, value)| format!("-H '{name}: {value}' "))
        .collect();
    let url = format!("http://{}{}", stage.host.address(), path_of("topi"));
    Ok(format!(
        "curl -i {url} {headers}--data-binary @wit/providers/topi/samples/order-created.json"
    ))
}

fn text_of(line: &Line) -> String {
    let fields = [
        "tenant", "source", "plugin", "type", "outcome", "status", "reason", "revision",
    ];
    let given = fields
        .iter()
        .map(|name| line.text_of(name))
        .filter(|text| !text.is_empty());
    format!(
        "{:<5} {}  {}",
        line.level(),
        line.message(),
        given.collect::<Vec<_>>().join("  ")
    )
}
