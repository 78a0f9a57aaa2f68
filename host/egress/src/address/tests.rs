//! Checks every form of address that attackers have used to reach internal networks.

use std::net::IpAddr;

use super::{AddressClass, Addresses, Range, RangeError, address_setting, check_address};

fn granted(ranges: &[&str]) -> Addresses {
    Addresses {
        granted: ranges
            .iter()
            .map(|range| range.parse().expect("a range"))
            .collect(),
    }
}

fn check(address: &str, ranges: &[&str]) -> Result<(), AddressClass> {
    check_address(
        address.parse::<IpAddr>().expect("an address"),
        &granted(ranges),
    )
}

#[test]
fn non_public_addresses_are_refused() {
    let cases: &[(AddressClass, &[&str])] = &[
        (
            AddressClass::Metadata,
            &[
                "169.254.169.254",
                "169.254.170.2",
                "100.100.100.200",
                "192.0.0.192",
                "168.63.129.16",
                "fd00:ec2::254",
                "fd00:ec2::23",
                "fd20:ce::254",
            ],
        ),
        (
            AddressClass::Unspecified,
            &["0.0.0.0", "0.1.2.3", "0.255.255.255", "::"],
        ),
        (
            AddressClass::Loopback,
            &["127.0.0.1", "127.255.255.255", "127.1.2.3", "::1"],
        ),
        (
            AddressClass::Private,
            &[
                "10.0.0.0",
                "10.255.255.255",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.0.1",
            ],
        ),
        (
            AddressClass::Private,
            &[
                "192.168.255.255",
                "fc00::1",
                "fd12:3456::1",
                "fdff:ffff::1",
                "fec0::1",
                "feff::1",
            ],
        ),
        (
            AddressClass::LinkLocal,
            &[
                "169.254.0.0",
                "169.254.1.1",
                "169.254.255.255",
                "fe80::1",
                "febf::1",
            ],
        ),
        (AddressClass::Shared, &["100.64.0.0", "100.127.255.255"]),
        (
            AddressClass::Multicast,
            &["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
        ),
        (
            AddressClass::Documentation,
            &[
                "192.0.2.1",
                "198.51.100.1",
                "203.0.113.1",
                "198.18.0.1",
                "198.19.255.255",
            ],
        ),
        (
            AddressClass::Documentation,
            &["2001:db8::1", "3fff::1", "3fff:fff::1"],
        ),
        (
            AddressClass::Reserved,
            &[
                "192.0.0.1",
                "192.88.99.1",
                "240.0.0.1",
                "254.1.1.1",
                "255.255.255.255",
            ],
        ),
        (
            AddressClass::Reserved,
            &[
                "100::1",
                "1::1",
                "5f00::1",
                "4000::1",
                "e000::1",
                "2001:2::1",
                "2001:10::1",
                "2001:1ff::1",
            ],
        ),
        (AddressClass::Reserved, &["64:ff9b:1::7f00:1"]),
        // Mapped, the same in hexadecimal, compatible, NAT64, 6to4 and Teredo, with loopback,
        // private and public addresses inside.
        (
            AddressClass::Embedded,
            &[
                "::ffff:127.0.0.1",
                "::ffff:7f00:1",
                "::ffff:10.0.0.1",
                "::ffff:8.8.8.8",
            ],
        ),
        (
            AddressClass::Embedded,
            &["::127.0.0.1", "::10.0.0.1", "::8.8.8.8", "::2"],
        ),
        (
            AddressClass::Embedded,
            &[
                "64:ff9b::127.0.0.1",
                "64:ff9b::a9fe:a9fe",
                "64:ff9b::8.8.8.8",
            ],
        ),
        (
            AddressClass::Embedded,
            &["2002:7f00:1::1", "2002:a00:1::1", "2002:808:808::1"],
        ),
        (
            AddressClass::Embedded,
            &["2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
        ),
    ];

    for (class, addresses) in cases {
        for address in *addresses {
            assert_eq!(check(address, &[]), Err(*class), "{address}");
        }
    }
}

#[test]
fn public_addresses_pass_at_range_edges() {
    let public = [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2000::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700::1111",
        "3ffe::1",
    ];

    for address in public {
        assert_eq!(check(address, &[]), Ok(()), "{address}");
    }
}

#[test]
fn grant_allows_its_range_only() {
    assert_eq!(check("10.1.2.3", &["10.0.0.0/8"]), Ok(()));
    assert_eq!(check("10.1.2.3", &["10.1.2.3"]), Ok(()));
    assert_eq!(check("10.1.2.4", &["10.1.2.3"]), Err(AddressClass::Private));
    assert_eq!(
        check("192.168.1.1", &["10.0.0.0/8"]),
        Err(AddressClass::Private)
    );
    assert_eq!(check("127.0.0.1", &["10.0.0.0/8", "127.0.0.0/8"]), Ok(()));
    assert_eq!(check("::1", &["127.0.0.0/8"]), Err(AddressClass::Loopback));
    assert_eq!(check("fd12::1", &["fd12::/16"]), Ok(()));
}

#[test]
fn metadata_needs_a_grant_of_its_address() {
    for wide in ["169.254.0.0/16", "169.254.169.254/31", "0.0.0.0/0"] {
        assert_eq!(
            check("169.254.169.254", &[wide]),
            Err(AddressClass::Metadata),
            "{wide}"
        );
    }

    assert_eq!(
        check("fd00:ec2::254", &["fd00::/8"]),
        Err(AddressClass::Metadata)
    );
    assert_eq!(check("169.254.169.254", &["169.254.169.254"]), Ok(()));
    assert_eq!(check("169.254.169.254", &["169.254.169.254/32"]), Ok(()));
    assert_eq!(check("169.254.1.1", &["169.254.0.0/16"]), Ok(()));
}

#[test]
fn embedded_ipv4_address_needs_both_grants() {
    let mapped = "::ffff:0:0/96";

    assert_eq!(
        check("::ffff:10.0.0.1", &["10.0.0.0/8"]),
        Err(AddressClass::Embedded)
    );
    assert_eq!(
        check("::ffff:10.0.0.1", &[mapped]),
        Err(AddressClass::Private)
    );
    assert_eq!(check("::ffff:10.0.0.1", &[mapped, "10.0.0.0/8"]), Ok(()));
    assert_eq!(check("::ffff:8.8.8.8", &[mapped]), Ok(()));
    assert_eq!(check("64:ff9b::8.8.8.8", &["64:ff9b::/96"]), Ok(()));
    assert_eq!(
        check("64:ff9b::169.254.169.254", &["64:ff9b::/96", "0.0.0.0/0"]),
        Err(AddressClass::Metadata)
    );
    assert_eq!(
        check("2002:7f00:1::1", &["2002::/16"]),
        Err(AddressClass::Loopback)
    );
    assert_eq!(check("2002:808:808::1", &["2002::/16"]), Ok(()));
    // A Teredo address holds the client's address with its bits inverted: 192.0.2.45.
    assert_eq!(
        check("2001:0:4136:e378:8000:63bf:3fff:fdd2", &["2001::/32"]),
        Err(AddressClass::Documentation)
    );
    // A grant of all of IPv6 allows no IPv4 address.
    assert_eq!(
        check("::ffff:127.0.0.1", &["::/0"]),
        Err(AddressClass::Loopback)
    );
}

#[test]
fn malformed_ranges_are_refused() {
    for (text, shown) in [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("127.0.0.1", "127.0.0.1/32"),
        ("::1", "::1/128"),
    ] {
        assert_eq!(text.parse::<Range>().expect("a range").to_string(), shown);
    }

    for text in [
        "",
        "10",
        "10.0.0.0/33",
        "10.0.0/8",
        "localhost",
        "0x0a.0.0.0/8",
        "10.0.0.0-10.0.0.9",
        "[::1]",
    ] {
        assert_eq!(text.parse::<Range>(), Err(RangeError::Malformed), "{text}");
    }

    let inside = "10.1.2.3/8".parse::<Range>().expect_err("it has host bits");

    assert!(inside.to_string().contains("10.0.0.0/8"), "{inside}");
}

#[test]
fn proposed_setting_allows_the_address() {
    let assert_setting = |address: &str, expected: &[&str]| {
        let setting = address_setting(address.parse().expect("an address"));
        assert_eq!(setting, format!("addresses = {expected:?}"));
        assert_eq!(check(address, expected), Ok(()));
    };

    assert_setting("10.1.2.3", &["10.1.2.3"]);
    assert_setting("169.254.169.254", &["169.254.169.254"]);
    assert_setting("fd12::1", &["fd12::1"]);
    assert_setting("::ffff:10.1.2.3", &["::ffff:10.1.2.3", "10.1.2.3"]);
    assert_setting("64:ff9b::7f00:1", &["64:ff9b::7f00:1", "127.0.0.1"]);
    assert_setting("::ffff:8.8.8.8", &["::ffff:8.8.8.8"]);
}
