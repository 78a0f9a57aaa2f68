//! The one log line of each request: precise for the operator, and without secrets or bodies.

use hookyard_log_capture::Capture;

use crate::support::{BODY, PATH_SECRET, TOKEN, config, post, send, start};

#[tokio::test]
async fn each_request_leaves_one_log_line() {
    let lines = Capture::start();
    let host = start(config()).await;
    let good = format!("authorization: Bearer {TOKEN}\r\n");
    let cases = [
        (
            post("/acme/token", &good, BODY),
            "INFO",
            vec![
                "accepted",
                "repeat=false",
                "key=\"evt-1\"",
                "type=\"thing.made\"",
            ],
        ),
        (
            post("/acme/token", &good, BODY),
            "INFO",
            vec!["accepted", "repeat=true", "bytes=34", "provider=\"plain\""],
        ),
        (
            post(
                "/acme/token",
                &good,
                r#"{"id":"evt-1","type":"thing.sold"}"#,
            ),
            "WARN",
            vec!["repeat-differs", "key=\"evt-1\"", "with another body"],
        ),
        (
            post(
                "/acme/token",
                "authorization: Bearer s3cret-guess\r\n",
                BODY,
            ),
            "WARN",
            vec!["wrong-credential", "status=401"],
        ),
        (
            post("/acme/hidden/s3cret-guess", "", BODY),
            "WARN",
            vec!["source=\"hidden\"", "tenant=\"acme\""],
        ),
        (
            post("/acme/token", &good, "{\"id\":\"b\\nWARN forged\"}"),
            "INFO",
            vec!["accepted", "key=\"sha256:"],
        ),
        (
            post("/acme/token", &good, "{}"),
            "WARN",
            vec![
                "status=400",
                "missing-key",
                "the request was verified, but its event cannot be stored",
                "the field `/id` of the body is missing",
            ],
        ),
        (
            post("/acme/open", "", "private words"),
            "INFO",
            vec!["accepted", "type=\"\""],
        ),
    ];
    for (request, level, wanted) in cases {
        send(host.address, &request).await;
        let said = lines.take();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains(level) && wanted.iter().all(|part| said.contains(part)),
            "{wanted:?} in {said}"
        );
        for never in [TOKEN, PATH_SECRET, "s3cret-guess", "private words"] {
            assert!(!said.contains(never), "{never} in {said}");
        }
    }
    host.fail(|| hookyard_store::Error::Store("disk on fire".into()));
    send(host.address, &post("/acme/open", "", BODY)).await;
    let said = lines.take();
    assert!(
        said.contains("inbox-failed") && said.contains("disk on fire"),
        "{said}"
    );

    send(host.address, &post("/nobody/here/s3cret", "", BODY)).await;
    assert_eq!(
        lines.take(),
        "",
        "unknown routes stay below the default level"
    );
}
