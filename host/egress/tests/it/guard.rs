//! The address guard: which hosts the door refuses to connect to.

use hookyard_egress::{AddressClass, Error, Policy};

use crate::support::{
    LIMITS, OK, addresses, door, door_resolving, get, ok_receiver, policy, receive, receive_at,
    status_and_body,
};

fn public_only() -> Policy {
    Policy {
        addresses: addresses(&[]),
        ..policy()
    }
}

#[tokio::test]
async fn non_public_hosts_are_refused() {
    let (receiver, door) = (ok_receiver().await, door());
    let port = receiver.address.port();

    for (host, class) in [
        ("127.0.0.1", AddressClass::Loopback),
        ("127.0.0.2", AddressClass::Loopback),
        ("localhost", AddressClass::Loopback),
        ("LOCALHOST.", AddressClass::Loopback),
        ("0.0.0.0", AddressClass::Unspecified),
        ("[::]", AddressClass::Unspecified),
        ("[::1]", AddressClass::Loopback),
        ("[::ffff:127.0.0.1]", AddressClass::Embedded),
        ("[::ffff:7f00:1]", AddressClass::Embedded),
        ("[::127.0.0.1]", AddressClass::Embedded),
        ("[64:ff9b::127.0.0.1]", AddressClass::Embedded),
        ("[2002:7f00:1::]", AddressClass::Embedded),
        ("169.254.169.254", AddressClass::Metadata),
        ("[fd00:ec2::254]", AddressClass::Metadata),
        ("10.0.0.1", AddressClass::Private),
        ("255.255.255.255", AddressClass::Reserved),
    ] {
        let got = door
            .send(
                &public_only(),
                get(&format!("http://{host}:{port}/")),
                &LIMITS,
            )
            .await;
        assert!(
            matches!(&got, Err(Error::Forbidden { class: found, .. }) if *found == class),
            "{host}: {got:?}"
        );
        assert!(got.is_err_and(|error| !error.is_retryable()), "{host}");
    }

    for host in [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "127.0.0.1.",
        "user@127.0.0.1",
    ] {
        let got = door
            .send(
                &public_only(),
                get(&format!("http://{host}:{port}/")),
                &LIMITS,
            )
            .await;
        let is_refused = matches!(got, Err(Error::InvalidUrl | Error::Forbidden { .. }));
        assert!(is_refused, "{host}: {got:?}");
    }

    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn mapped_address_needs_both_grants() {
    let receiver = ok_receiver().await;
    let url = format!("http://[::ffff:127.0.0.1]:{}/", receiver.address.port());
    let door = door();
    let send = async |ranges: &[&str]| {
        let policy = Policy {
            addresses: addresses(ranges),
            ..policy()
        };
        door.send(&policy, get(&url), &LIMITS).await
    };

    assert!(matches!(
        send(&["127.0.0.0/8"]).await,
        Err(Error::Forbidden {
            class: AddressClass::Embedded,
            ..
        })
    ));
    assert!(matches!(
        send(&["::ffff:0:0/96"]).await,
        Err(Error::Forbidden {
            class: AddressClass::Loopback,
            ..
        })
    ));
    assert_eq!(receiver.connections(), 0);
    assert_eq!(
        status_and_body(&send(&["127.0.0.1", "::ffff:0:0/96"]).await).0,
        200
    );
}

#[tokio::test]
async fn dns_rebinding_is_refused() {
    // Closes after each answer, so that each request connects anew.
    let receiver = receive(async |mut connection| {
        connection.request().await;
        connection
            .write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
            .await;
    })
    .await;
    // A second lookup would lead to this server: the same port of an address that is not granted.
    let port = receiver.address.port();
    let inner = receive_at(&format!("127.0.0.2:{port}"), None, |connection| {
        connection.answer_each(OK)
    })
    .await;
    let (door, answers) = door_resolving(&[
        &["127.0.0.1"],
        &["127.0.0.2"],
        &["169.254.169.254"],
        &["127.0.0.1"],
    ]);
    let policy = Policy {
        addresses: addresses(&["127.0.0.1"]),
        ..policy()
    };
    let url = receiver.url_of("http", "rebinding.example");

    let first = door.send(&policy, get(&url), &LIMITS).await;
    assert_eq!(status_and_body(&first).0, 200);
    assert_eq!(
        answers.asked(),
        1,
        "the connection goes to the address that was checked"
    );

    let second = door.send(&policy, get(&url), &LIMITS).await;
    assert!(
        matches!(
            second,
            Err(Error::Forbidden {
                class: AddressClass::Loopback,
                ..
            })
        ),
        "{second:?}"
    );
    let third = door.send(&policy, get(&url), &LIMITS).await;
    assert!(
        matches!(
            third,
            Err(Error::Forbidden {
                class: AddressClass::Metadata,
                ..
            })
        ),
        "{third:?}"
    );
    assert_eq!(
        status_and_body(&door.send(&policy, get(&url), &LIMITS).await).0,
        200
    );
    assert_eq!(
        (answers.asked(), receiver.connections(), inner.connections()),
        (4, 2, 0)
    );
}

#[tokio::test]
async fn refused_addresses_of_a_name_are_skipped() {
    let receiver = ok_receiver().await;
    let port = receiver.address.port();
    let inner = receive_at(&format!("127.0.0.2:{port}"), None, |connection| {
        connection.answer_each(OK)
    })
    .await;
    let policy = Policy {
        addresses: addresses(&["127.0.0.1"]),
        ..policy()
    };
    let url = receiver.url_of("http", "both.example");

    let (door, _) = door_resolving(&[&[
        "127.0.0.2",
        "10.0.0.1",
        "::1",
        "127.0.0.1",
        "169.254.169.254",
    ]]);
    assert_eq!(
        status_and_body(&door.send(&policy, get(&url), &LIMITS).await).0,
        200
    );
    assert_eq!((receiver.connections(), inner.connections()), (1, 0));

    let (door, _) = door_resolving(&[&["10.0.0.1", "127.0.0.2"]]);
    let got = door.send(&policy, get(&url), &LIMITS).await;
    let said = got.expect_err("all are refused").to_string();
    assert!(
        said.contains("both.example") && said.contains("10.0.0.1") && said.contains("private"),
        "{said}"
    );
    assert_eq!(inner.connections(), 0);

    let (door, _) = door_resolving(&[&[]]);
    let got = door.send(&policy, get(&url), &LIMITS).await;
    assert!(
        matches!(&got, Err(error @ Error::Resolve { .. }) if error.is_retryable()),
        "{got:?}"
    );
}

#[tokio::test]
async fn next_address_is_tried_after_a_failure() {
    let receiver = ok_receiver().await;
    // Nothing listens on this port of the first address.
    let (door, _) = door_resolving(&[&["127.0.0.3", "127.0.0.1"]]);

    assert_eq!(
        status_and_body(
            &door
                .send(
                    &policy(),
                    get(&receiver.url_of("http", "two.example")),
                    &LIMITS
                )
                .await
        )
        .0,
        200
    );
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (inner, door) = (ok_receiver().await, door());

    for (status, header) in [
        (301, "location"),
        (302, "location"),
        (303, "location"),
        (307, "location"),
        (308, "location"),
        (200, "refresh"),
        (201, "location"),
    ] {
        let to = inner.url("/latest/meta-data");
        let value = if header == "refresh" {
            format!("0; url={to}")
        } else {
            to.clone()
        };
        let answer =
            format!("HTTP/1.1 {status} Go\r\n{header}: {value}\r\ncontent-length: 0\r\n\r\n");
        let receiver = receive(move |connection| connection.answer_each(answer.clone())).await;
        let got = door.send(&policy(), get(&receiver.url("/")), &LIMITS).await;
        assert_eq!(status_and_body(&got), (status, String::new()));
        let response = got.expect("an answer");
        assert!(
            response.headers()[header]
                .to_str()
                .is_ok_and(|value| value.contains(&to)),
            "the caller sees the redirect"
        );
    }

    assert_eq!(inner.connections(), 0);
}

#[tokio::test]
async fn plain_http_and_tunnels_are_refused() {
    let receiver = ok_receiver().await;
    let strict = Policy {
        allow_http: false,
        ..policy()
    };
    let got = door().send(&strict, get(&receiver.url("/")), &LIMITS).await;

    assert!(matches!(&got, Err(Error::Scheme { .. })), "{got:?}");

    let tunnel = http::Request::connect(receiver.url("/"))
        .body(bytes::Bytes::new())
        .expect("a request");
    let got = door().send(&policy(), tunnel, &LIMITS).await;

    assert!(matches!(&got, Err(Error::Method { .. })), "{got:?}");
    assert_eq!(receiver.connections(), 0);
}
