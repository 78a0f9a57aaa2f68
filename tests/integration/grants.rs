//! The host loads a plugin only if its imports are granted, and prints the line that grants them.

use anyhow::Result;
use hookyard_testkit::guests;
use hookyard_testkit::host::run;
use hookyard_testkit::log::Line;
use hookyard_testkit::mirror::Mirror;
use hookyard_testkit::site::Site;

use crate::rig::{Rig, fresh_payment, quick};

const PLUGIN: &str = "acme/it";

fn is_refused(line: &Line) -> bool {
    line.message() == "plugin refused" && line.text_of("plugin") == PLUGIN
}

/// Returns the lines of `hookyard check` about the plugin.
async fn checked(site: &Site) -> Result<Vec<String>> {
    let config = site.path("hookyard.toml").display().to_string();
    let finished = run(&["check", "--config", &config]).await?;
    let lines = finished
        .stdout
        .lines()
        .skip_while(|line| !line.contains("plugin acme/it"));
    Ok(lines.map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_plugin_gets_grant_line() -> Result<()> {
    let fetcher = guests::test("fetcher")?;
    let rig = Rig::start(quick(), &[]).await?;
    rig.site.install(PLUGIN, &fetcher)?;
    // `check` does not share the environment of the host, so it has its own site.
    let site = Site::temporary()?;
    site.configure(&quick())?;
    site.install(PLUGIN, &fetcher)?;
    let line = rig.host.wait_for_log("the refusal", is_refused).await?;
    let grant = "grants = { http = { 'api.example.com' = {} } }";
    let reason = |site: &Site| {
        let settings = site.path("plugins/acme/it.toml").display().to_string();
        format!(
            "imports wasi:http/outgoing-handler@0.2.12, which it is not granted; add this as the first \
             line of {settings}, with the host that the plugin sends requests to in place of \
             api.example.com:"
        )
    };
    assert_eq!(
        line.text_of("reason"),
        format!("{} {grant}", reason(&rig.site)),
        "one line in the log"
    );
    let report = checked(&site).await?;
    assert_eq!(
        report,
        [
            format!("BAD   plugin acme/it: {}", reason(&site)),
            format!("      {grant}")
        ]
    );

    // The printed line admits the plugin.
    rig.site.write("plugins/acme/it.toml", grant)?;
    rig.host
        .wait_for_revision(PLUGIN, &fetcher.revision())
        .await?;
    // Without its grants, the loaded plugin stays as it is, and no new revision is loaded.
    let mark = rig.host.log().mark();
    rig.site.write("plugins/acme/it.toml", "")?;
    let line = rig
        .host
        .wait_for_log_since(mark, "the refusal", is_refused)
        .await?;
    assert_eq!(line.text_of("serving"), fetcher.revision()[..12]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn default_grants_can_be_revoked() -> Result<()> {
    let counter = guests::test("counter-by-hand")?;
    for (section, lines, beside, is_granted) in [
        ("plugins.grants", "keyvalue = false", "", false),
        (
            "plugins.grants",
            "keyvalue = false",
            "grants = { keyvalue = true }",
            true,
        ),
        ("tenants.acme.grants", "keyvalue = false", "", false),
        ("tenants.umbrella.grants", "keyvalue = false", "", true),
        (
            "tenants.acme.grants",
            "keyvalue = true",
            "grants = { keyvalue = false }",
            false,
        ),
    ] {
        let site = Site::temporary()?;
        site.configure(&quick().section(section, lines))?;
        site.install(PLUGIN, &counter)?;
        site.write("plugins/acme/it.toml", beside)?;
        let report = checked(&site).await?;
        let what = format!("{section} {lines}, {beside}: {report:#?}");
        assert_eq!(report[0].starts_with("BAD   "), !is_granted, "{what}");
        assert_eq!(
            report
                .iter()
                .any(|line| line == "      grants = { keyvalue = true }"),
            !is_granted,
            "{what}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_grant_faults_are_reported_at_once() -> Result<()> {
    let site = Site::temporary()?;
    let destination = "url = \"https://example.com/\"\nsecrets = [{ file = \"partner.secret\" }]";
    site.write("partner.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
    site.configure(&quick().section("tenants.acme.destinations.partner", destination))?;
    site.install(PLUGIN, &guests::test("version-a")?)?;
    site.write("plugins/acme/short", "short\n")?;
    let settings = "[grants]\nkeyvalue = 1\ndestinations = [\"partner\", \"partnr\"]\n\
        [grants.http.\"api.example.com\"]\nmethod = [\"GET\"]\nmethods = [\"get\"]\npaths = [\"v1\"]\nscheme = \"ftp\"\n\
        addresses = [\"10.0.0.1/8\"]\nauthorization = \"Bearer x\"\nhost = { env = \"PATH\" }\nx-short = { file = \"short\" }\n\
        x-gone = { file = \"gone\" }\nx-unset = { env = \"NOT_SET_ANYWHERE\" }\n\
        proxy-authorization = { env = \"PATH\" }\n\
        [grants.http.\"a b\"]\nmethods = []\n\
        [config]\nlimit = 5\n";
    site.write("plugins/acme/it.toml", settings)?;
    let report = checked(&site).await?;
    let settings = site.path("plugins/acme/it.toml").display().to_string();
    for (line, expected) in [
        (2, "grants.keyvalue: must be true or false, not a number"),
        (
            3,
            "grants.destinations[1]: unknown destination of this tenant `partnr`; did you mean `partner`?",
        ),
        (
            5,
            "grants.http.\"api.example.com\".method: unknown key `method`; did you mean `methods`?",
        ),
        (
            6,
            "methods[0]: must be an HTTP method in capital letters, such as \"GET\" or \"POST\"",
        ),
        (7, "paths[0]: must be a path that begins with /"),
        (8, "scheme: must be \"https\" or \"http\""),
        (9, "addresses[0]: has host bits set; write \"10.0.0.0/8\""),
        (
            10,
            "authorization: must not be written in this file, because it is a secret or a key",
        ),
        (
            11,
            "host: is not a header that the host can add to a plugin's requests",
        ),
        (
            12,
            "has 5 bytes; a secret of fewer than 8 bytes is easy to guess; use a longer one",
        ),
        (13, "x-gone: "),
        (
            14,
            "x-unset: the environment variable NOT_SET_ANYWHERE is not set",
        ),
        (
            15,
            "proxy-authorization: is not a header that the host can add to a plugin's requests",
        ),
        (
            16,
            "grants.http.\"a b\": must be a host name or an IP address",
        ),
        (17, "methods: is empty; remove it to allow all"),
        (19, "config.limit: must be a string in quotes, not a number"),
    ] {
        let at = format!("{settings}:{line}: ");
        let is_reported = report
            .iter()
            .any(|part| part.contains(&at) && part.contains(expected));
        assert!(
            is_reported,
            "nothing of line {line} that says {expected}: {report:#?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_credential_file_applies() -> Result<()> {
    let mirror = Mirror::start().await?;
    let fetcher = guests::test("fetcher")?;
    let settings = format!(
        "[grants.http.\"{}\"]\nscheme = \"http\"\naddresses = [\"127.0.0.1\"]\nauthorization = {{ file = \"token\" }}\n",
        mirror.authority()
    );
    let prepare = |site: &mut Site| {
        site.write("plugins/acme/token", "the first token\n")?;
        site.write("plugins/acme/it.toml", settings).map(drop)
    };
    let rig = Rig::prepared(
        quick().plugins("rescan = \"100ms\""),
        &[(PLUGIN, &fetcher)],
        prepare,
    )
    .await?;
    let body = || {
        fresh_payment().1.replacen(
            '{',
            &format!("{{\"fetch\":\"GET {}/v1/plain\",", mirror.url()),
            1,
        )
    };
    rig.deliver("topper", &body()).await?;
    rig.all_done(1).await?;
    let mark = rig.host.log().mark();
    rig.site.write("plugins/acme/token", "the second token\n")?;
    let is_active =
        |line: &Line| line.message() == "plugin active" && line.text_of("plugin") == PLUGIN;
    rig.host
        .wait_for_log_since(mark, "the plugin to be loaded anew", is_active)
        .await?;
    rig.deliver("topper", &body()).await?;
    rig.all_done(2).await?;
    let given: Vec<_> = mirror
        .asked()
        .into_iter()
        .map(|asked| asked.authorization)
        .collect();
    assert_eq!(given, ["the first token", "the second token"]);
    Ok(())
}

/// Returns the line to paste from `check`, which must be the last line about the plugin.
async fn pasted(site: &Site) -> Result<String> {
    let report = checked(site).await?;
    assert!(
        report[0].starts_with("BAD   ") && report[0].ends_with(':'),
        "{report:#?}"
    );
    Ok(report[1].trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn pasted_grant_line_admits_the_plugin() -> Result<()> {
    let destination = "url = \"https://example.com/\"\nsecrets = [{ file = \"partner.secret\" }]";
    let config = quick()
        .section(
            "plugins.grants",
            "keyvalue = false\nlogging = false\nconfig = false",
        )
        .section(
            "tenants.acme.destinations.answers",
            &format!("{destination}\nprovider = \"topi-saas\""),
        )
        .section("tenants.acme.destinations.raw", destination);
    let limits = "[limits]\nmemory_max = \"32MiB\"\n";
    // Guest, its settings, and the settings that remain after the line is pasted.
    for (guest, settings, left) in [
        ("topi-saas-sender", "", ""),
        ("ledger", limits, limits),
        ("ledger", "[grants]\nlogging = true\n", ""),
        ("settings-and-log", limits, limits),
        ("settings-and-log", "grants = { keyvalue = true }\n", ""),
        ("fetcher", limits, limits),
    ] {
        let site = Site::temporary()?;
        site.write("partner.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
        site.configure(&config)?;
        site.install(PLUGIN, &guests::test(guest)?)?;
        site.write("plugins/acme/it.toml", settings)?;
        let line = pasted(&site).await?;
        site.write("plugins/acme/it.toml", format!("{line}\n{left}"))?;
        let report = checked(&site).await?;
        assert!(
            report[0].starts_with("ok    plugin acme/it"),
            "{guest}, {line}: {report:#?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_grant_without_line_is_explained() -> Result<()> {
    let site = Site::temporary()?;
    site.configure(&quick())?;
    site.install(PLUGIN, &guests::test("topi-saas-sender")?)?;
    let report = checked(&site).await?;
    let words = "tenant acme has no destination with provider = \"topi-saas\"; configure one under \
                 [tenants.acme.destinations] in hookyard.toml and grant it to the plugin";
    assert!(
        report.len() == 1 && report[0].ends_with(words),
        "{report:#?}"
    );
    Ok(())
}
