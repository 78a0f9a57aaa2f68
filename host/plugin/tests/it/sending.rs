//! Typed sending: the message that a guest's call makes, the errors that the guest receives, and
//! the imports that are refused at load.

use crate::guests::{Guest, ORDERS};
use crate::support::*;
use hookyard_dispatch::Runner as _;
use hookyard_model::{DestinationName, Message};
use hookyard_model::{Effects, MessageId, Outcome};
use std::sync::Arc;

use hookyard_dispatch::AttemptResult;
use hookyard_plugin::{
    Catalog, Grants, InstanceReuse, Limits, LoadError, LoadRequest, LoadedPlugin,
};
use hookyard_plugin::{MissingGrant, RequiredGrant};
use hookyard_schemes::{Envelope, JsonPointer, OutgoingEvents};
use hookyard_store::ClaimedJob;
use std::collections::BTreeMap;

/// Returns topper's outgoing events in these tests: a single event in an envelope. The events of an
/// order are sent in order.
pub(super) fn outgoing() -> OutgoingEvents {
    let text = |text: &str| Envelope::parse(text).expect("a template");
    let member = |name: &str, value: Envelope| (name.to_owned(), value);
    OutgoingEvents {
        types: [("order-confirmed".into(), "order:confirmed".into())].into(),
        envelope: Envelope::Object(vec![
            member("id", text("{id}")),
            member("type", text("{type}")),
            member("version", Envelope::Fixed("1".into())),
            member("at", text("{time}")),
            member("data", text("{payload}")),
        ]),
        order: Some(JsonPointer::parse("/order_id").expect("a pointer")),
        ..OutgoingEvents::default()
    }
}

/// The parts that differ between guests that send.
#[derive(Clone, Copy)]
struct Sender {
    interface: &'static str,
    function: &'static str,
    /// The type of the function's payload.
    payload: &'static str,
    /// The function's parameters in addition to the payload.
    parameters: &'static str,
    result: &'static str,
    /// The core types of the payload and the parameters.
    flat: &'static str,
    /// The core code of the arguments.
    arguments: &'static str,
}

/// Sends the order's id and amount, without a note, and names no destination. `$id`, `$length` and
/// `$amount` are those of the order that the guest is handling.
const CONFIRMS: Sender = Sender {
    interface: "topper:webhooks/outgoing@1.0.0",
    function: "order-confirmed",
    payload: r#"(record (field "order-id" string) (field "amount" u64) (field "note" (option string)))"#,
    parameters: r#"(param "destination" (option string))"#,
    result: "(result string (error $e))",
    flat: "i32 i32 i64 i32 i32 i32 i32 i32 i32",
    arguments: "(local.get $id) (local.get $length) (local.get $amount) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0)",
};

/// Sends the same event to the destination `seen`.
const CONFIRMS_TO_SEEN: Sender = Sender {
    arguments: "(local.get $id) (local.get $length) (local.get $amount) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 1) (i32.const 16) (i32.const 4)",
    ..CONFIRMS
};

impl Sender {
    /// Returns a guest that sends once. The guest succeeds, or rejects with the text of the error.
    fn build(&self) -> Vec<u8> {
        self.build_with("(call $send (local.get $id) (local.get $length) (local.get $amount))")
    }

    fn build_with(&self, handle: &str) -> Vec<u8> {
        let Self {
            interface,
            function,
            payload,
            parameters,
            result,
            flat,
            arguments,
        } = self;
        let imports = format!(
            r#"(import "{interface}" (instance $outgoing
                (type $p' {payload})
                (export "payload" (type $p (eq $p')))
                (type $e' (variant (case "no-such-destination") (case "too-much" string) (case "other" string)))
                (export "error" (type $e (eq $e')))
                (export "{function}" (func (param "payload" $p) {parameters} (result {result})))))
              (core func $confirm (canon lower (func $outgoing "{function}")
                (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))"#
        );
        let host = format!(r#"(import "out" "confirm" (func $confirm (param {flat} i32)))"#);
        let core = format!(
            r#"(data (i32.const 16) "seen") (data (i32.const 32) "there is none")
              (func $send (param $id i32) (param $length i32) (param $amount i64) (result i32)
                (call $confirm {arguments} (i32.const 512))
                (if (result i32) (i32.load8_u (i32.const 512))
                  (then (if (result i32) (i32.load8_u (i32.const 516))
                    (then (call $reject (i32.load (i32.const 520)) (i32.load (i32.const 524))))
                    (else (call $reject (i32.const 32) (i32.const 13)))))
                  (else (call $ok))))"#
        );
        let with = r#"(with "out" (instance (export "confirm" (func $confirm))))"#;
        Guest {
            imports: &imports,
            host: [&host, with],
            core: &core,
            handle,
            ..ORDERS
        }
        .build()
    }
}

fn paid() -> ClaimedJob {
    job(
        Some("order:paid"),
        r#"{"id":"order \"1\"","amount":18446744073709551615}"#,
    )
}

fn destination(name: &str) -> DestinationName {
    name.parse().expect("a name")
}

fn load_granted(
    component: &[u8],
    destinations: &[(&str, Option<&str>)],
    limits: Limits,
) -> Result<LoadedPlugin, LoadError> {
    let destinations = destinations
        .iter()
        .map(|(name, provider)| (destination(name), provider.map(str::to_owned)));
    let grants = Grants {
        destinations: destinations.collect::<BTreeMap<_, _>>(),
        ..grants()
    };
    let (contracts, grants) = (contracts(), Arc::new(grants));
    engine().load(LoadRequest {
        plugin: plugin(),
        bytes: component,
        contracts,
        limits,
        grants,
        config: Arc::default(),
        record_bytes_max: 0,
        reuse: InstanceReuse::default(),
    })
}

async fn attempt(
    component: &[u8],
    destinations: &[(&str, Option<&str>)],
    limits: Limits,
) -> AttemptResult {
    let loaded =
        load_granted(component, destinations, limits).unwrap_or_else(|error| panic!("{error}"));
    let catalog = Catalog::new(services());
    catalog.activate(Arc::new(loaded));
    catalog.run(&paid()).await.expect("the plugin is active")
}

const ONE: &[(&str, Option<&str>)] = &[
    ("books", Some("topper")),
    ("raw", None),
    ("shop", Some("tipser")),
];
const TWO: &[(&str, Option<&str>)] = &[
    ("books", Some("topper")),
    ("seen", Some("topper")),
    ("raw", None),
];

const SEEN_BY_ANOTHER: &[(&str, Option<&str>)] =
    &[("books", Some("topper")), ("seen", Some("tipser"))];

#[tokio::test]
async fn typed_call_makes_an_enveloped_message() {
    for (sender, destinations, name) in [
        (CONFIRMS, ONE, "books"),
        (CONFIRMS_TO_SEEN, TWO, "seen"),
        (CONFIRMS_TO_SEEN, &TWO[1..2], "seen"),
    ] {
        let ran = attempt(&sender.build(), destinations, Limits::default()).await;
        assert_eq!(ran.outcome, Outcome::Done);
        let id = MessageId::from_uuid(uuid::Uuid::from_u128(7));
        let body = format!(
            r#"{{"id":"{id}","type":"order:confirmed","version":1,"at":"1970-01-01T00:00:01.000Z","data":{{"order_id":"order \"1\"","amount":18446744073709551615}}}}"#
        );
        let expected = Message {
            id,
            destination: destination(name),
            event_type: Some("order:confirmed".into()),
            body: body.into(),
            ordering_key: Some("order \"1\"".into()),
        };
        assert_eq!(ran.effects.messages, [expected]);
    }
}

#[tokio::test]
async fn guest_receives_the_send_error() {
    let small = Limits {
        transfer_max: 2_000,
        ..Limits::default()
    };
    // A byte of the guest takes six bytes as JSON. The shorter text is too long only with its
    // envelope.
    let long = |arguments| Sender {
        arguments,
        ..CONFIRMS
    };
    let too_long = long(
        "(i32.const 2048) (i32.const 400) (local.get $amount) (i32.const 0) (i32.const 0) (i32.const 0)
         (i32.const 0) (i32.const 0) (i32.const 0)",
    );
    let just_too_long = long(
        "(i32.const 2048) (i32.const 310) (local.get $amount) (i32.const 0) (i32.const 0) (i32.const 0)
         (i32.const 0) (i32.const 0) (i32.const 0)",
    );
    let infinite = Sender {
        payload: r#"(record (field "order-id" string) (field "rates" (list f64)))"#,
        flat: "i32 i32 i32 i32 i32 i32 i32",
        // Two numbers, of zeros and of ones.
        arguments: "(local.get $id) (local.get $length) (i32.const 600) (i32.const 2) (i32.const 0) (i32.const 0)
            (i32.const 0) (i64.store (i32.const 608) (i64.const -1))",
        ..CONFIRMS
    };
    for (sender, destinations, limits, expected) in [
        (CONFIRMS_TO_SEEN, ONE, Limits::default(), "there is none"),
        (
            CONFIRMS_TO_SEEN,
            SEEN_BY_ANOTHER,
            Limits::default(),
            "there is none",
        ),
        (
            CONFIRMS,
            TWO,
            Limits::default(),
            "say which destination: books, seen",
        ),
        (
            CONFIRMS,
            ONE,
            Limits {
                outbox_messages_max: 0,
                ..Limits::default()
            },
            "one run may send 0 messages",
        ),
        (
            infinite,
            ONE,
            Limits::default(),
            "$.rates[1]: it is not a number that JSON can express",
        ),
        (
            too_long,
            ONE,
            small.clone(),
            "a message may have 2000 bytes",
        ),
        (just_too_long, ONE, small, "a message may have 2000 bytes"),
    ] {
        let ran = attempt(&sender.build(), destinations, limits).await;
        assert_eq!(
            (ran.outcome, ran.effects.messages),
            (rejected(expected), vec![])
        );
    }
}

#[tokio::test]
async fn failed_attempt_sends_nothing() {
    let handle =
        "(drop (call $send (local.get $id) (local.get $length) (local.get $amount))) unreachable";
    let ran = attempt(&CONFIRMS.build_with(handle), ONE, Limits::default()).await;
    assert!(
        matches!(ran.outcome, Outcome::Trapped { .. }),
        "{:?}",
        ran.outcome
    );
    assert_eq!(ran.effects, Effects::default());
}

#[tokio::test]
async fn added_parameters_are_optional() {
    let order = "(local.get $id) (local.get $length) (local.get $amount) (i32.const 0) (i32.const 0) (i32.const 0)";
    let delayed = |arguments: &'static str| Sender {
        parameters: r#"(param "delay" (option u64))"#,
        flat: "i32 i32 i64 i32 i32 i32 i32 i64",
        arguments,
        ..CONFIRMS
    };
    let none = format!("{order} (i32.const 0) (i64.const 0)");
    let some = format!("{order} (i32.const 1) (i64.const 5)");
    for (sender, expected) in [
        // A guest from before the parameter `destination`.
        (
            Sender {
                parameters: "",
                flat: "i32 i32 i64 i32 i32 i32",
                arguments: order,
                ..CONFIRMS
            },
            Outcome::Done,
        ),
        // A guest that is newer than the host.
        (delayed(none.leak()), Outcome::Done),
        (
            delayed(some.leak()),
            rejected("this host does not know the parameter `delay`"),
        ),
    ] {
        let ran = attempt(&sender.build(), ONE, Limits::default()).await;
        assert_eq!(ran.outcome, expected);
        assert_eq!(
            ran.effects.messages.len(),
            usize::from(expected == Outcome::Done)
        );
    }
}

#[test]
fn unknown_outgoing_imports_are_refused() {
    const UNCALLED: Sender = Sender {
        arguments: "unreachable",
        ..CONFIRMS
    };
    for (sender, expected) in [
        (
            Sender {
                function: "order-declined",
                ..UNCALLED
            },
            "`order-declined` is not an event that topper accepts (accepted events: order-confirmed)",
        ),
        (
            Sender {
                interface: "tipser:webhooks/outgoing@1.0.0",
                ..UNCALLED
            },
            "`order-confirmed` is not an event that tipser accepts (accepted events: none)",
        ),
        (
            Sender {
                result: "(result string (error string))",
                ..UNCALLED
            },
            "`order-confirmed` returns another type than result<string, error>, with the error of hookyard:plugin/outbox",
        ),
        (
            Sender {
                parameters: r#"(param "destination" string)"#,
                flat: "i32 i32 i64 i32 i32 i32 i32 i32",
                ..UNCALLED
            },
            "the `destination` of `order-confirmed` is not an option<string>",
        ),
        (
            Sender {
                parameters: r#"(param "delay" u64)"#,
                flat: "i32 i32 i64 i32 i32 i32 i64",
                ..UNCALLED
            },
            "this host does not know the parameter `delay` of `order-confirmed`; make it an option",
        ),
        (
            Sender {
                payload: r#"(record (field "order-id" (option string)) (field "amount" u64))"#,
                flat: "i32 i32 i32 i64 i32 i32 i32",
                ..UNCALLED
            },
            "the payload of `order-confirmed` may lack /order_id, which the provider's events need; give it a \
             field of that name that is not an option",
        ),
        (
            Sender {
                payload: r#"(record (field "order-id" string) (field "amount" (option (option u64))))"#,
                flat: "i32 i32 i32 i32 i64 i32 i32 i32",
                ..UNCALLED
            },
            "payload.amount of `order-confirmed` cannot be written as JSON: it is an option of an option, and JSON has one \
             null",
        ),
    ] {
        let interface = sender.interface;
        let component = sender.build_with("(call $ok)");
        let loaded = load_granted(
            &component,
            &[("books", Some("topper")), ("shop", Some("tipser"))],
            Limits::default(),
        );
        let expected = format!(
            "plugin acme/orders imports {interface}, which this host cannot provide: {expected}"
        );
        assert_eq!(
            loaded.expect_err("the import is refused").to_string(),
            expected
        );
    }
}

#[test]
fn sending_requires_a_destination_of_the_provider() {
    let lacks =
        |destinations| match load_granted(&CONFIRMS.build(), destinations, Limits::default()) {
            Err(LoadError {
                fault:
                    hookyard_plugin::Fault::Ungranted {
                        imports, missing, ..
                    },
                ..
            }) => Some((imports, missing)),
            Err(other) => panic!("{other}"),
            Ok(_) => None,
        };
    let lacking = Some((
        "topper:webhooks/outgoing@1.0.0".to_owned(),
        vec![MissingGrant {
            grant: RequiredGrant::Destination,
            provider: Some("topper".to_owned()),
        }],
    ));
    assert_eq!(lacks(&[]), lacking);
    assert_eq!(lacks(&[("raw", None), ("shop", Some("tipser"))]), lacking);
    assert_eq!(lacks(&[("books", Some("topper"))]), None);
}

#[test]
fn imported_types_need_no_grant() {
    let imports = r#"(import "hookyard:plugin/outbox@0.1.0" (instance
        (type $e' (variant (case "no-such-destination") (case "too-much" string) (case "other" string)))
        (export "error" (type (eq $e')))))"#;
    let loaded = load_granted(&Guest { imports, ..ORDERS }.build(), &[], Limits::default());
    assert!(loaded.is_ok(), "{loaded:?}");
}
