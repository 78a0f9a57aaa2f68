//! What plugins get from the host besides effects: requests, configuration values, a log and
//! timers; and what they do not get.

use anyhow::Result;
use hookyard_testkit::guests;
use hookyard_testkit::log::Line;
use hookyard_testkit::mirror::{Asked, Mirror};
use hookyard_testkit::site::Site;

use crate::rig::{Rig, fresh_payment, quick};

/// The host's credential for the API, which no plugin may see.
const CREDENTIAL: &str = "Bearer tok/en+\"1\"-0123456789";

/// Starts a host with the guest as `acme/it` and these settings.
async fn start(guest: &str, settings: &str) -> Result<Rig> {
    let guest = guests::test(guest)?;
    let prepare = |site: &mut Site| {
        site.set_variable("API_TOKEN", CREDENTIAL);
        site.write("plugins/acme/it.toml", settings).map(drop)
    };
    Rig::prepared(quick(), &[("acme/it", &guest)], prepare).await
}

/// Returns a grant for the paths of a mirror below `/v1/`, with more lines.
fn granted(mirror: &Mirror, lines: &str) -> String {
    format!(
        "[grants.http.\"{}\"]\nscheme = \"http\"\naddresses = [\"127.0.0.1\"]\npaths = [\"/v1/\"]\n{lines}\n",
        mirror.authority()
    )
}

/// Returns the guest's log about the requests that an event asks for.
async fn fetched(rig: &Rig, asked: &[String]) -> Result<Vec<String>> {
    // The end of the credential, without characters that the guest's JSON reader does not support.
    fetched_seeking(rig, asked, "-0123456789").await
}

/// Returns the guest's log, in which the guest also reports whether each answer contains this text.
async fn fetched_seeking(rig: &Rig, asked: &[String], sought: &str) -> Result<Vec<String>> {
    let backwards: String = sought.chars().rev().collect();
    let more = format!(
        "{{\"fetch\":\"{}\",\"backwards\":\"{backwards}\",",
        asked.join("|")
    );
    rig.deliver("topper", &fresh_payment().1.replacen('{', &more, 1))
        .await?;
    let done = |events: &[hookyard_testkit::events::Event]| {
        events.last().is_some_and(|event| {
            event
                .plugins
                .iter()
                .all(|job| matches!(job.state.as_str(), "done" | "dead"))
        })
    };
    let events = rig
        .host
        .wait_for_events("the event to be dealt with", done)
        .await?;
    let lines = rig
        .guest_lines(events.last().expect("there is an event"))
        .await?;
    Ok(lines.iter().map(Line::guest_text).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn request_credential_is_added_and_redacted() -> Result<()> {
    let mirror = Mirror::start().await?;
    let settings = granted(
        &mirror,
        "methods = [\"GET\", \"POST\"]\nauthorization = { env = \"API_TOKEN\" }",
    );
    let rig = start("fetcher", &settings).await?;
    let url = mirror.url();
    let asked = [
        format!("GET {url}/v1/echo"),
        format!("POST {url}/v1/plain *5000"),
        format!("GET {url}/v1/packed"),
    ];
    let lines = fetched(&rig, &asked).await?;
    let echo = "200 x-given=[redacted] plain [redacted]; token [redacted]; base64 [redacted]; json {\"token\":\"[redacted]\"}";
    assert_eq!(
        lines,
        [
            format!("{}: {echo}", asked[0]),
            format!("{}: 200 5000 bytes", asked[1]),
            format!(
                "{}: no answer: ErrorCode::HttpResponseContentCoding(Some(\"gzip\"))",
                asked[2]
            ),
        ]
    );
    let came = |line: &str, body_bytes| Asked {
        line: line.into(),
        authorization: CREDENTIAL.into(),
        body_bytes,
    };
    assert_eq!(
        mirror.asked(),
        [
            came("GET /v1/echo", 0),
            came("POST /v1/plain", 5000),
            came("GET /v1/packed", 0)
        ]
    );

    let found = fetched_seeking(&rig, &asked[1..2], "5000 b").await?;
    assert_eq!(
        found,
        [format!("{}: 200 5000 bytes AND THE CREDENTIAL", asked[1])],
        "the guest does look"
    );

    let Rig { host, site, .. } = rig;
    let (_, log) = host.terminate().await?;
    let mut held = std::fs::read(site.path("data/hookyard.db"))?;
    held.extend(std::fs::read(site.path("data/hookyard.db-wal")).unwrap_or_default());
    held.extend(
        log.lines()
            .iter()
            .flat_map(|line| line.text.bytes().collect::<Vec<_>>()),
    );
    let token = b"tok/en+";
    assert!(
        !held.windows(token.len()).any(|at| at == token),
        "the credential is in the store or in the log"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ungranted_request_is_refused_with_remedy() -> Result<()> {
    let (mirror, other) = (Mirror::start().await?, Mirror::start().await?);
    let rig = start("fetcher", &granted(&mirror, "methods = [\"GET\"]")).await?;
    let (url, elsewhere) = (mirror.url(), other.url());
    let asked = [
        format!("GET {url}/v1/plain"),
        format!("POST {url}/v1/plain"),
        format!("GET {url}/v2/plain"),
        format!("GET {url}/v1/../v2/plain"),
        format!("GET {elsewhere}/v1/plain"),
        format!("GET https://{}/v1/plain", mirror.authority()),
        "GET http://169.254.169.254/latest/meta-data".to_owned(),
    ];
    let lines = fetched(&rig, &asked).await?;
    let answers: Vec<_> = lines
        .iter()
        .filter(|line| !line.starts_with("hookyard: "))
        .collect();
    assert_eq!(*answers[0], format!("{}: 200 0 bytes", asked[0]));
    for (line, asked) in answers.iter().zip(&asked).skip(1) {
        assert_eq!(
            **line,
            format!("{asked}: no answer: ErrorCode::HttpRequestDenied")
        );
    }
    let notes: Vec<_> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("hookyard: "))
        .collect();
    let (authority, elsewhere) = (mirror.authority(), other.authority());
    let table = |authority: &str| format!("[grants.http.\"{authority}\"]");
    let expected = [
        format!(
            "POST http://{authority}: the method POST is not granted for http://{authority}; say in {}:",
            table(&authority)
        ),
        "methods = [\"GET\", \"POST\"]".to_owned(),
        format!(
            "GET http://{authority}: the path is not granted for http://{authority}; add it to `paths` in {}",
            table(&authority)
        ),
        format!(
            "GET http://{authority}: the path of the request to http://{authority} has dots, empty segments or encoded slashes, so it cannot be matched with the granted paths"
        ),
        format!("GET http://{elsewhere}: http://{elsewhere} is not granted; add to acme/it.toml:"),
        table(&elsewhere),
        "methods = [\"GET\"]".to_owned(),
        "scheme = \"http\"".to_owned(),
        "addresses = [\"127.0.0.1\"]".to_owned(),
        format!(
            "GET https://{authority}: https://{authority} is not granted; add to acme/it.toml:"
        ),
    ];
    assert_eq!(notes[..expected.len()], expected);
    assert!(
        notes
            .iter()
            .any(|note| note
                .starts_with("GET http://169.254.169.254: http://169.254.169.254 is not"))
    );
    assert_eq!((mirror.asked().len(), other.asked().len()), (1, 0));

    // The lines of one refusal are everything that the request needs.
    let settings = format!(
        "{}{}\n",
        granted(&mirror, "methods = [\"GET\"]"),
        expected[5..9].join("\n")
    );
    let mark = rig.host.log().mark();
    rig.site.write("plugins/acme/it.toml", settings)?;
    rig.host
        .wait_for_log_since(mark, "the plugin to be loaded again", |line| {
            line.message() == "plugin active"
        })
        .await?;
    let lines = fetched(&rig, &asked[4..5]).await?;
    assert_eq!(lines, [format!("{}: 200 0 bytes", asked[4])]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn private_address_needs_its_own_grant() -> Result<()> {
    let mirror = Mirror::start().await?;
    let settings = granted(&mirror, "").replace("addresses = [\"127.0.0.1\"]\n", "");
    let rig = start("fetcher", &settings).await?;
    let asked = [format!("GET {}/v1/plain", mirror.url())];
    let lines = fetched(&rig, &asked).await?;
    assert!(
        lines[0].contains("127.0.0.1 is at 127.0.0.1, which is"),
        "{lines:#?}"
    );
    assert_eq!(
        lines[1],
        format!(
            "{}: no answer: ErrorCode::DestinationIpProhibited",
            asked[0]
        )
    );
    assert!(mirror.asked().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_bounded_and_redirects_returned() -> Result<()> {
    let mirror = Mirror::start().await?;
    let limits = "[limits]\nhttp_requests_max = 4\nhttp_body_max = \"64KiB\"\n";
    let rig = start("fetcher", &format!("{limits}{}", granted(&mirror, ""))).await?;
    let url = mirror.url();
    let asked = [
        format!("GET {url}/v1/large"),
        format!("POST {url}/v1/plain *70000"),
        format!("POST {url}/v1/plain *65536"),
        format!("GET {url}/v1/moved"),
    ];
    let lines = fetched(&rig, &asked).await?;
    assert!(
        lines[0].ends_with("the response from 127.0.0.1 is larger than 65536 bytes"),
        "{lines:#?}"
    );
    let lines: Vec<_> = lines
        .iter()
        .filter(|line| !line.starts_with("hookyard: "))
        .collect();
    assert_eq!(
        *lines[0],
        format!(
            "{}: no answer: ErrorCode::HttpResponseBodySize(Some(65536))",
            asked[0]
        )
    );
    assert!(
        lines[1].starts_with(&format!("{}: no answer: ", asked[1])),
        "{lines:#?}"
    );
    assert_eq!(*lines[2], format!("{}: 200 65536 bytes", asked[2]));
    assert_eq!(
        *lines[3],
        format!("{}: 302 x-location=/elsewhere", asked[3])
    );
    assert_eq!(
        mirror.asked().len(),
        3,
        "a request that is too large is not sent: {:?}",
        mirror.asked()
    );

    let one_more: Vec<_> = (0..5).map(|_| format!("GET {url}/v1/plain")).collect();
    fetched(&rig, &one_more).await?;
    let events = rig.host.events().await?;
    let outcome = events
        .last()
        .and_then(|event| event.plugins[0].last_outcome.clone())
        .unwrap_or_default();
    assert!(outcome.contains("http_requests_max"), "{outcome}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_share_http_concurrency() -> Result<()> {
    let mirror = Mirror::start().await?;
    let limits = "[limits]\nhttp_concurrency = 2\nconcurrency = 8\n";
    let rig = start("fetcher", &format!("{limits}{}", granted(&mirror, ""))).await?;
    let more = format!("{{\"fetch\":\"GET {}/v1/slow\",", mirror.url());
    for _ in 0..8 {
        rig.deliver("topper", &fresh_payment().1.replacen('{', &more, 1))
            .await?;
    }
    rig.all_done(8).await?;
    assert_eq!((mirror.asked().len(), mirror.most_at_once()), (8, 2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plugin_receives_config_and_log_levels() -> Result<()> {
    let rig = start(
        "settings-and-log",
        "[config]\ncountries = \"DE,AT\"\nlimit = \"5\"\n",
    )
    .await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    let events = rig.all_done(1).await?;
    let lines = rig.guest_lines(&events[0]).await?;
    let lines: Vec<_> = lines.iter().map(Line::guest_text).collect();
    let all = "[(\"countries\", \"DE,AT\"), (\"limit\", \"5\")]";
    assert_eq!(
        lines,
        [
            all,
            "warn: countries: Some(\"DE,AT\")",
            "error: nothing: None"
        ]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_library_finds_no_files_or_sockets() -> Result<()> {
    let rig = start("prober", "").await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    let events = rig.all_done(1).await?;
    let lines = rig.guest_lines(&events[0]).await?;
    let lines: Vec<_> = lines.iter().map(Line::guest_text).collect();
    let refused = [
        "read a file",
        "read one here",
        "list a folder",
        "write a file",
        "make a folder",
        "connect",
        "connect by IPv6",
        "listen",
        "send a datagram",
        "resolve a name",
    ];
    let mut expected: Vec<_> = [
        "arguments 0",
        "variables 0",
        "PATH None",
        "standard input 0 bytes",
    ]
    .map(str::to_owned)
    .into();
    expected.extend(refused.map(|what| format!("{what}: refused")));
    assert_eq!(lines[..expected.len()], expected);
    let year: u32 = lines[expected.len()]
        .trim_start_matches("the year ")
        .parse()?;
    assert!(year >= 2026, "the clock is real: {year}");
    assert_eq!(
        lines[expected.len() + 1..],
        ["random true", "standard error"]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wasi_timers_and_polls_work() -> Result<()> {
    let rig = start("sleeper", "").await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    let events = rig.all_done(1).await?;
    let lines = rig.guest_lines(&events[0]).await?;
    let lines: Vec<_> = lines.iter().map(Line::guest_text).collect();
    assert_eq!(
        lines,
        ["first [1]", "in order true", "slept true", "both [0, 1]"]
    );
    Ok(())
}
