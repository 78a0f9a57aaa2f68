//! Which requests an allow list lets through.

use http::{Method, Uri};

use super::{AllowList, Denial, Rule, is_path_prefix};
use crate::target::Scheme;

fn rule(host: &str, methods: &[Method], paths: &[&str]) -> Rule {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    Rule {
        methods: methods.to_vec(),
        paths,
        ..Rule::parse(host, Scheme::Https).expect("a host")
    }
}

/// Returns the index of the rule that allows the request, or the kind of denial.
fn find(rules: &[Rule], method: &Method, url: &str) -> String {
    let list = AllowList {
        rules: rules.to_vec(),
    };
    let uri: Uri = match url.parse() {
        Ok(uri) => uri,
        Err(_) => return "unparsable".to_owned(),
    };

    match list.find(method, &uri) {
        Ok(index) => index.to_string(),
        Err(Denial::Url(_)) => "url".to_owned(),
        Err(Denial::Host(_)) => "host".to_owned(),
        Err(Denial::Method { .. }) => "method".to_owned(),
        Err(Denial::Path(_)) => "path".to_owned(),
        Err(Denial::AmbiguousPath(_)) => "ambiguous".to_owned(),
    }
}

#[test]
fn rule_must_match_host_port_and_scheme() {
    let rules = [
        rule("api.example.com", &[], &[]),
        rule("api.example.com:8443", &[], &[]),
        rule("[2606::1]", &[], &[]),
    ];
    let cases = [
        ("https://api.example.com/any/../thing?x", "0"),
        ("https://API.Example.COM./", "0"),
        ("https://api.example.com:443/", "0"),
        ("https://api.example.com:8443/", "1"),
        ("https://[2606:0:0::1]/", "2"),
        ("http://api.example.com/", "host"),
        ("http://api.example.com:443/", "host"),
        ("https://api.example.com:444/", "host"),
        ("https://example.com/", "host"),
        ("https://x.api.example.com/", "host"),
        ("https://api.example.com.evil.example/", "host"),
        ("https://evil.example/api.example.com/", "host"),
        ("https://api.example.com@evil.example/", "url"),
        ("https://evil.example\\.api.example.com/", "unparsable"),
        ("/only/a/path", "url"),
    ];

    for (url, expected) in cases {
        assert_eq!(find(&rules, &Method::GET, url), expected, "{url}");
    }

    assert_eq!(find(&[], &Method::GET, "https://example.com/"), "host");
}

#[test]
fn methods_are_case_sensitive() {
    let rules = [
        rule("a.example", &[Method::GET], &["/read/"]),
        rule("a.example", &[Method::POST], &["/write/"]),
    ];
    let get = Method::from_bytes(b"get").expect("a method");
    let cases = [
        (Method::GET, "/read/x", "0"),
        (Method::POST, "/write/x", "1"),
        (Method::POST, "/read/x", "path"),
        (Method::DELETE, "/read/x", "method"),
        (get, "/read/x", "method"),
    ];

    for (method, path, expected) in cases {
        assert_eq!(
            find(&rules, &method, &format!("https://a.example{path}")),
            expected,
            "{method} {path}"
        );
    }
}

#[test]
fn prefix_covers_paths_below_it() {
    let rules = [rule("a.example", &[], &["/v1/", "/exact"])];
    let cases = [
        ("/v1/", "0"),
        ("/v1/orders", "0"),
        ("/v1/orders/7?next=/../x", "0"),
        ("/v1/a%20b/%C3%BC/caf%c3%a9", "0"),
        ("/v1/a.b/..c/...", "0"),
        ("/v1/orders;version=1", "0"),
        ("/exact", "0"),
        ("/exact/below", "0"),
        ("/exact?x", "0"),
        ("/v1", "path"),
        ("/", "path"),
        ("", "path"),
        ("/v2/", "path"),
        ("/V1/", "path"),
        ("/exactly", "path"),
        ("/%761/", "path"),
        ("/v1/../admin", "ambiguous"),
        ("/v1/./x", "ambiguous"),
        ("/v1/x/..", "ambiguous"),
        ("/v1/.", "ambiguous"),
        ("/v1/%2e%2e/admin", "ambiguous"),
        ("/v1/.%2E/admin", "ambiguous"),
        ("/v1/%2e%2e%2fadmin", "ambiguous"),
        ("/v1/..%2fadmin", "ambiguous"),
        ("/v1/..%5cadmin", "ambiguous"),
        ("/v1/..%00/admin", "ambiguous"),
        ("/v1/%252e%252e/admin", "ambiguous"),
        ("/v1/%c0%ae%c0%ae/admin", "ambiguous"),
        ("/v1/..;/admin", "ambiguous"),
        ("/v1/..;x=y/admin", "ambiguous"),
        ("/v1/.;/x", "ambiguous"),
        ("/v1/;/x", "ambiguous"),
        ("/v1/x%3b/../y", "ambiguous"),
        ("/v1/..%3b/admin", "ambiguous"),
        ("/v1//admin", "ambiguous"),
        ("//v1/", "ambiguous"),
        ("/v1/%2fadmin", "ambiguous"),
        ("/v1/%zz", "ambiguous"),
        ("/v1/%2", "ambiguous"),
        ("/v1/%0d%0a", "ambiguous"),
    ];

    for (path, expected) in cases {
        assert_eq!(
            find(&rules, &Method::GET, &format!("https://a.example{path}")),
            expected,
            "{path}"
        );
    }

    for path in ["/v1/..\\admin", "/v1\\..\\admin"] {
        let got = find(&rules, &Method::GET, &format!("https://a.example{path}"));
        assert!(got == "ambiguous" || got == "unparsable", "{path}: {got}");
    }
}

#[test]
fn root_prefix_covers_all_paths() {
    let rules = [rule("a.example", &[], &["/"])];
    for path in ["", "/", "//", "/../x", "/%2e%2e/"] {
        assert_eq!(
            find(&rules, &Method::GET, &format!("https://a.example{path}")),
            "0",
            "{path}"
        );
    }
}

#[test]
fn malformed_rules_are_refused() {
    let read = |host: &str| Rule::parse(host, Scheme::Https).map(|rule| rule.target.authority());

    for (host, expected) in [
        ("API.example.com", "api.example.com"),
        ("api.example.com:8443", "api.example.com:8443"),
        ("api.example.com:443", "api.example.com"),
        ("127.0.0.1:9000", "127.0.0.1:9000"),
        ("[::1]", "[::1]"),
        ("[::1]:9000", "[::1]:9000"),
    ] {
        assert_eq!(read(host).as_deref(), Some(expected), "{host}");
    }

    for host in [
        "",
        ":80",
        "a:",
        "a:0",
        "a:b",
        "a:65536",
        "*.example.com",
        "a/b",
        "a b",
        "::1",
        "https://a",
        "u@a",
    ] {
        assert_eq!(read(host), None, "{host}");
    }

    assert!(
        is_path_prefix("/")
            && is_path_prefix("/v1")
            && is_path_prefix("/v1/")
            && is_path_prefix("/a%20b/")
    );

    for text in [
        "", "v1", "/a/../b", "//", "/a//b", "/a b", "/a?b", "/a#b", "/%2e", "/ü", "/a\\b",
    ] {
        assert!(!is_path_prefix(text), "{text}");
    }
}

#[test]
fn denial_names_host_without_path() {
    let list = AllowList {
        rules: vec![rule("a.example", &[Method::GET], &["/v1/"])],
    };

    for (method, url) in [
        (Method::GET, "https://b.example:8443/s3cret?s3cret"),
        (Method::PUT, "https://a.example/s3cret?s3cret"),
        (Method::GET, "https://a.example/s3cret?s3cret"),
        (Method::GET, "https://a.example/v1/../s3cret"),
    ] {
        let denial = list
            .find(&method, &url.parse().expect("a URL"))
            .expect_err(url)
            .to_string();
        assert!(
            denial.contains(".example") && !denial.contains("s3cret"),
            "{denial}"
        );
    }
}
