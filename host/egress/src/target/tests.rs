//! Which URLs have an unambiguous target.

use http::Uri;

use super::{Host, Target, path_and_query};
use crate::error::Error;

fn target(url: &str) -> Result<String, Error> {
    let uri: Uri = url.parse().map_err(|_| Error::InvalidUrl)?;
    let Target { scheme, host, port } = Target::of(&uri)?;
    Ok(format!("{} {host} {port}", scheme.name()))
}

#[test]
fn url_target_has_one_spelling() {
    let cases = [
        ("https://example.com/x?y", "https example.com 443"),
        ("http://EXAMPLE.com", "http example.com 80"),
        ("https://example.com./", "https example.com 443"),
        ("https://example.com:8443/", "https example.com 8443"),
        (
            "https://xn--mnchen-3ya.example/",
            "https xn--mnchen-3ya.example 443",
        ),
        ("https://a_b.example-1.com/", "https a_b.example-1.com 443"),
        ("http://127.0.0.1/", "http 127.0.0.1 80"),
        ("http://[::1]:8080/", "http [::1] 8080"),
        (
            "http://[0:0:0:0:0:FFFF:7f00:1]/",
            "http [::ffff:127.0.0.1] 80",
        ),
        ("http://7f.example/", "http 7f.example 80"),
        ("http://0x7f.example/", "http 0x7f.example 80"),
    ];

    for (url, expected) in cases {
        assert_eq!(target(url).expect(url), expected, "{url}");
    }
}

#[test]
fn ambiguous_hosts_are_refused() {
    let urls = [
        // Numbers that some readers take for 127.0.0.1 or 10.0.0.1, and others for names.
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0X7F.0.0.1/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://127.0.0.1.1/",
        "http://127.0.0.01/",
        "http://127.0.0.256/",
        "http://1.2.3.4.5/",
        "http://example.0x/",
        "http://0/",
        // The same with a trailing dot.
        "http://2130706433./",
        "http://127.1./",
        // Users, passwords, and text before the host that looks like a host.
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com@evil.example/",
        "https://example.com:443@evil.example/",
        "https://evil.example@evil.example/",
        "https://@example.com/",
        // Names that are not plain.
        "https:///path",
        "https://./",
        "https://example..com/",
        "https://.example.com/",
        "https://example.com../",
        "https://exa%6dple.com/",
        "https://example.com%2f.evil.example/",
        "https://exam ple.com/",
        "https://münchen.example/",
        "https://ⓔxample.com/",
        "https://example.com\\@evil.example/",
        "https://[::1%25lo]/",
        "https://[fe80::1%lo]/",
        "https://[127.0.0.1]/",
        "https://[::1]evil.example/",
        "https://::1/",
        // Ports that are not valid.
        "https://example.com:/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:80:80/",
        "https://example.com:http/",
    ];

    for url in urls {
        let got = target(url);
        assert!(matches!(got, Err(Error::InvalidUrl)), "{url}: {got:?}");
    }
}

#[test]
fn other_schemes_are_refused() {
    for url in [
        "ftp://example.com/",
        "ws://example.com/",
        "gopher://example.com/",
        "httpx://example.com/",
    ] {
        assert!(matches!(target(url), Err(Error::Scheme { .. })), "{url}");
    }
}

#[test]
fn host_length_is_limited() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!(longest.len(), 253);
    assert!(Host::parse(&longest).is_some());
    assert!(Host::parse(&format!("{longest}a")).is_none());
    assert!(Host::parse(&format!("{label}a.example")).is_none());
}

#[test]
fn request_path_begins_with_a_slash() {
    for (url, expected) in [
        ("https://example.com", "/"),
        ("https://example.com?a=b", "/?a=b"),
        ("https://example.com/x/?a=b#c", "/x/?a=b"),
    ] {
        assert_eq!(
            path_and_query(&url.parse().expect("a URL")).as_str(),
            expected,
            "{url}"
        );
    }
}
