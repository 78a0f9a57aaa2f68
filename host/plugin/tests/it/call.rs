//! The outcomes of calls, for good and bad guests.

use crate::guests::{Guest, MESSAGE, ORDERS, PRINTER, SLEEPER, UNTYPED};
use crate::support::*;
use hookyard_model::LogLine;
use hookyard_model::{Event, Limit, Outcome, Payload, TimeLimit};
use hookyard_plugin::Limits;
use hookyard_store::ClaimedJob;
use std::sync::Arc;
use std::time::Duration;

const PAID: &str = r#"{"id":"order-1","amount":18446744073709551615,"new":[]}"#;

fn paid() -> ClaimedJob {
    job(Some("order:paid"), PAID)
}

#[tokio::test]
async fn typed_handler_receives_its_case() {
    let guest = ORDERS.build();
    let bad = "found an integer that is out of range, wanted u64";
    for (event_type, body, expected) in [
        (Some("order:paid"), PAID, rejected("order-1")),
        (Some("order:failed"), PAID, rejected("order-1")),
        // The plugin has no case for the type, the host does not know the type, or the event has no
        // type: the handler receives `other` with the text.
        (Some("order:shipped"), PAID, rejected(PAID)),
        (Some("order:invented"), " [ 1 ] ", rejected(" [ 1 ]")),
        (None, PAID, rejected(PAID)),
        (
            Some("order:paid"),
            r#"{"id":"order-1","amount":18446744073709551616}"#,
            undecodable("$.amount", bad),
        ),
        (
            Some("order:paid"),
            "{",
            undecodable(
                "$",
                "not JSON: EOF while parsing an object at line 1 column 1",
            ),
        ),
    ] {
        assert_eq!(
            outcome(&guest, &job(event_type, body)).await,
            expected,
            "{event_type:?} {body}"
        );
    }
}

#[tokio::test]
async fn event_reaches_older_and_newer_plugins() {
    // The sender's current event.
    let event = job(
        Some("order:paid"),
        r#"{"id":"order-1","amount":5,"currency":"EUR","fee":{"amount":1}}"#,
    );

    // An older plugin: fewer facts, fewer fields, fewer cases, and no `other`.
    let smaller = Guest {
        types: r#"
          (type $order' (record (field "amount" u64)))
          (export "order" (type $order (eq $order')))
          (type $event' (variant (case "paid" $order)))"#,
        parameters: "(param $attempt i32) (param $case i32) (param $amount i64)",
        // Retry after `amount` and a thousand times the number of the attempt.
        handle: "(call $retry (i32.const 0) (i32.const 0)
          (i64.add (local.get $amount) (i64.extend_i32_u (i32.mul (local.get $attempt) (i32.const 1000)))))",
        ..ORDERS
    };
    let after = Some(Duration::from_millis(3005));
    assert_eq!(
        outcome(&smaller.build(), &event).await,
        Outcome::Retry {
            reason: String::new(),
            after
        }
    );

    // A newer plugin: more facts, more optional fields, and more cases in another order.
    let larger = Guest {
        delivery: r#"(field "region" (option u8)) (field "attempt" u32)"#,
        types: r#"
          (type $order' (record (field "discount" (option u64)) (field "currency" string) (field "amount" u64)))
          (export "order" (type $order (eq $order')))
          (type $event' (variant (case "refunded" $order) (case "shipped") (case "paid" $order) (case "other" string)))"#,
        parameters:
            "(param $knows-region i32) (param $region i32) (param $attempt i32) (param $case i32)
          (param $has-discount i32) (param $discount i64) (param $currency i32) (param $length i32) (param $amount i64)",
        handle: "(if (i32.or (i32.or (local.get $knows-region) (local.get $has-discount))
              (i32.ne (local.get $case) (i32.const 2)))
            (then unreachable))
          (call $reject (local.get $currency) (local.get $length))",
        ..ORDERS
    };
    assert_eq!(outcome(&larger.build(), &event).await, rejected("EUR"));

    // An event that the older plugin has no case for is undecodable. The message says how to fix
    // this.
    let other = outcome(&smaller.build(), &job(Some("order:failed"), "{}")).await;
    let Outcome::Undecodable { path, message } = other else {
        panic!("{other:?}")
    };
    assert_eq!(path, "$");
    assert!(
        message.starts_with(
            "the plugin takes no `order:failed`; add a case for it or `other(string)`"
        ),
        "{message}"
    );
}

#[tokio::test]
async fn content_and_envelope_are_opened() {
    let guest = Guest {
        export: "tipser:webhooks/handler@1.0.0",
        ..ORDERS
    }
    .build();
    let event = |body: String, payload| {
        let claimed = job(Some("order:paid"), body);
        let event = Event {
            provider: "tipser".into(),
            payload,
            ..Event::clone(&claimed.event)
        };
        ClaimedJob {
            event: Arc::new(event),
            ..claimed
        }
    };
    let inner = format!(r#"{{"data":{{"object":{PAID}}}}}"#);
    let envelope = format!(r#"{{"Type":"Notification","Message":{inner:?}}}"#);
    assert_eq!(
        outcome(&guest, &event(inner.clone(), Payload::Body)).await,
        rejected("order-1")
    );
    assert_eq!(
        outcome(
            &guest,
            &event(envelope.clone(), Payload::TextAt("/Message".into()))
        )
        .await,
        rejected("order-1")
    );
    let absent = undecodable("$", "`Text` is missing, where the event's content is");
    assert_eq!(
        outcome(
            &guest,
            &event(envelope.clone(), Payload::TextAt("/Text".into()))
        )
        .await,
        absent
    );
    // The untyped handler also receives the event without its envelope.
    let text = outcome(
        &UNTYPED.build(),
        &event(envelope, Payload::TextAt("/Message".into())),
    )
    .await;
    assert_eq!(text, rejected(&inner));
}

#[tokio::test]
async fn handler_receives_only_the_fields_that_are_signed() {
    let claimed = job(
        Some("order:paid"),
        r#"{"a":1.0,"evil":2,"b":[{"c":"x","d":3}]}"#,
    );
    let event = Event {
        payload: Payload::Covered(vec!["/a".into(), "/b/0/c".into()]),
        ..Event::clone(&claimed.event)
    };
    let claimed = ClaimedJob {
        event: Arc::new(event),
        ..claimed
    };
    let text = outcome(&UNTYPED.build(), &claimed).await;
    assert_eq!(text, rejected(r#"{"a":1.0,"b":[{"c":"x"}]}"#));
}

#[tokio::test]
async fn untyped_handler_receives_bytes_and_facts() {
    let show = |handle: &str| Guest { handle, ..UNTYPED }.build();
    let at = |offset: u32| {
        format!(
            "(call $reject (i32.load offset={offset} (local.get $arguments)) (i32.load offset={} (local.get $arguments)))",
            offset + 4
        )
    };
    let event = job(Some("order:paid"), &b"not \xff JSON"[..]);
    for (offset, expected) in [
        (0, "0198c0de-0000-7000-8000-000000000001"),
        (8, "acme"),
        (16, "payments"),
        (24, "topper"),
        (36, "order:paid"),
        (44, "key-1"),
    ] {
        assert_eq!(
            outcome(&show(&at(offset)), &event).await,
            rejected(expected),
            "at {offset}"
        );
    }
    let numbers = "(call $retry (i32.const 0) (i32.const 0)
        (i64.add (i64.load offset=56 (local.get $arguments)) (i64.load32_u offset=52 (local.get $arguments))))";
    let after = Some(Duration::from_millis(1_780_000_000_126));
    assert_eq!(
        outcome(&show(numbers), &event).await,
        Outcome::Retry {
            reason: String::new(),
            after
        }
    );
    // The first byte of the body and of the only header's value, which are not text.
    let bytes = "(call $retry (i32.const 0) (i32.const 0) (i64.add
        (i64.load8_u offset=4 (i32.load offset=72 (local.get $arguments)))
        (i64.load8_u (i32.load offset=8 (i32.load offset=64 (local.get $arguments))))))";
    let after = Some(Duration::from_millis(0xff + 0xff));
    assert_eq!(
        outcome(&show(bytes), &event).await,
        Outcome::Retry {
            reason: String::new(),
            after
        }
    );
    let mebibyte = job(None, vec![b'x'; 1 << 20]);
    let length =
        "(call $retry (i32.const 0) (i32.const 0) (i64.load32_u offset=76 (local.get $arguments)))";
    let after = Some(Duration::from_millis(1 << 20));
    assert_eq!(
        outcome(&show(length), &mebibyte).await,
        Outcome::Retry {
            reason: String::new(),
            after
        }
    );
}

#[tokio::test]
async fn untyped_handler_with_other_types_works() {
    let guest = Guest {
        delivery: r#"(field "key" string) (field "shard" (option u32))"#,
        types: MESSAGE,
        parameters:
            "(param $key i32) (param $key-length i32) (param $knows-shard i32) (param $shard i32)
          (param $headers i32) (param $headers-length i32) (param $body i32) (param $length i32)",
        handle: "(call $reject (local.get $body) (local.get $length))",
        ..UNTYPED
    }
    .build();
    assert_eq!(
        outcome(&guest, &job(None, "as it is")).await,
        rejected("as it is")
    );
    let limits = Limits {
        memory_max: 1 << 20,
        ..Limits::default()
    };
    let large = ran_with(&guest, limits, &job(None, vec![0; 5000]))
        .await
        .outcome;
    let Outcome::Undecodable { message, .. } = large else {
        panic!("{large:?}")
    };
    assert!(
        message.starts_with("5010 bytes are more than a plugin with its own form of `delivery`"),
        "{message}"
    );
}

#[tokio::test]
async fn failing_guest_costs_its_own_attempt() {
    let limits = Limits {
        cpu_max: Duration::from_millis(50),
        memory_max: 1 << 20,
        log_line_max: 80,
        ..Limits::default()
    };
    let trapped = |message: &str| Outcome::Trapped {
        message: message.into(),
    };
    let endless = "(loop $again (br $again)) unreachable";
    let hungry = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    let timed_out = Outcome::TimedOut {
        limit: TimeLimit::Cpu,
        max: limits.cpu_max,
    };
    let out_of_memory = Outcome::OutOfMemory {
        max: limits.memory_max,
    };
    for (what, guest, expected) in [
        (
            "traps",
            Guest {
                handle: "unreachable",
                ..ORDERS
            },
            trapped("wasm `unreachable` instruction executed, in handle"),
        ),
        (
            "overflows its stack",
            Guest {
                core: "(func $deep (call $deep))",
                handle: "(call $deep) (call $ok)",
                ..ORDERS
            },
            Outcome::Exceeded {
                limit: Limit::Stack,
                max: 1 << 20,
            },
        ),
        (
            "loops",
            Guest {
                handle: endless,
                ..ORDERS
            },
            timed_out.clone(),
        ),
        (
            "loops at its start",
            Guest {
                core: "(func $start (loop $again (br $again))) (start $start)",
                ..ORDERS
            },
            timed_out,
        ),
        (
            "eats memory",
            Guest {
                handle: hungry,
                ..ORDERS
            },
            out_of_memory,
        ),
        (
            "continues without the memory that the host denied",
            Guest {
                handle: "(drop (memory.grow (i32.const 1000))) (call $ok)",
                ..ORDERS
            },
            Outcome::Done,
        ),
        (
            "returns a string that is not UTF-8",
            Guest {
                core: r#"(data (i32.const 0) "\ff\ff")"#,
                handle: "(call $reject (i32.const 0) (i32.const 2))",
                ..ORDERS
            },
            trapped("invalid utf-8 sequence of 1 bytes from index 0"),
        ),
        (
            "returns a text beyond its memory",
            Guest {
                handle: "(call $reject (i32.const -1) (i32.const 100))",
                ..ORDERS
            },
            trapped("string pointer/length out of bounds of memory"),
        ),
        (
            "returns a case that does not exist",
            Guest {
                handle: "(i32.store8 (i32.const 1024) (i32.const 9)) (i32.const 1024)",
                ..ORDERS
            },
            trapped("discriminant 9 out of range [0..2)"),
        ),
        (
            "returns a pointer outside its memory",
            Guest {
                handle: "(i32.const -8)",
                ..ORDERS
            },
            trapped("pointer out of bounds of memory"),
        ),
        (
            "gives a long reason",
            Guest {
                handle: "(call $reject (i32.const 2048) (i32.const 500))",
                ..ORDERS
            },
            rejected(&format!("{}…", " ".repeat(80))),
        ),
    ] {
        let outcome = ran_with(&guest.build(), limits.clone(), &paid())
            .await
            .outcome;
        assert_eq!(outcome, expected, "a guest that {what}");
    }
}

#[tokio::test]
async fn tables_grow_up_to_their_limit() {
    let guest = Guest {
        core: "(table $t 0 funcref)",
        handle: "(if (i32.eq (table.grow $t (ref.null func) (i32.const 120000)) (i32.const -1)) (then unreachable))
          (call $ok)",
        ..ORDERS
    };
    let of = |table_elements_max| Limits {
        table_elements_max,
        ..Limits::default()
    };
    let outcomes = [
        (
            110_000,
            Outcome::Exceeded {
                limit: Limit::TableElements,
                max: 110_000,
            },
        ),
        (120_000, Outcome::Done),
        (
            100_000,
            Outcome::Exceeded {
                limit: Limit::TableElements,
                max: 100_000,
            },
        ),
    ];
    for (max, expected) in outcomes {
        assert_eq!(
            ran_with(&guest.build(), of(max), &paid()).await.outcome,
            expected
        );
    }
}

#[tokio::test]
async fn short_attempt_over_budget_fails() {
    for (limits, limit, max) in [
        (
            Limits {
                host_calls_max: 1,
                ..Limits::default()
            },
            Limit::HostCalls,
            1,
        ),
        (
            Limits {
                host_bytes_max: 11,
                ..Limits::default()
            },
            Limit::HostBytes,
            11,
        ),
    ] {
        let ran = ran_with(&PRINTER.build(), limits, &paid()).await;
        assert_eq!(ran.outcome, Outcome::Exceeded { limit, max });
    }
    let enough = Limits {
        host_calls_max: 2,
        host_bytes_max: 12,
        ..Limits::default()
    };
    assert_eq!(
        ran_with(&PRINTER.build(), enough, &paid()).await.outcome,
        Outcome::Done
    );
}

#[tokio::test]
async fn attempt_is_measured() {
    let ran = ran_with(&PRINTER.build(), Limits::default(), &paid()).await;
    let measures = ran.measures;
    // Two calls: get the output stream and write to the stream.
    assert_eq!(
        (
            measures.memory_bytes,
            measures.host_calls,
            measures.host_bytes
        ),
        (64 << 10, 2, 12)
    );
    for time in [
        measures.decode,
        measures.instantiate,
        measures.run,
        measures.cpu,
    ] {
        assert!(time > Duration::ZERO && time <= ran.duration, "{ran:?}");
    }
    let limits = Limits {
        wall_max: Duration::from_millis(200),
        ..Limits::default()
    };
    let measures = ran_with(&SLEEPER.build(), limits, &paid()).await.measures;
    assert!(
        measures.run >= Duration::from_millis(150) && measures.cpu < measures.run / 2,
        "{measures:?}"
    );
    let undecodable = ran_with(
        &ORDERS.build(),
        Limits::default(),
        &job(Some("order:paid"), "{"),
    )
    .await;
    assert_eq!(undecodable.measures.run, Duration::ZERO);
    assert!(undecodable.measures.decode > Duration::ZERO);
}

#[tokio::test]
async fn wall_deadline_ends_a_waiting_call() {
    // A waiting call uses no CPU time, so only the wall deadline can end the call.
    let limits = Limits {
        wall_max: Duration::from_millis(100),
        cpu_max: Duration::from_secs(60),
        ..Limits::default()
    };
    let ran = ran_with(&SLEEPER.build(), limits.clone(), &paid()).await;
    assert_eq!(
        ran.outcome,
        Outcome::TimedOut {
            limit: TimeLimit::Wall,
            max: limits.wall_max
        }
    );
    assert!(
        ran.duration >= limits.wall_max && ran.duration < Duration::from_secs(10),
        "{:?}",
        ran.duration
    );
}

#[tokio::test]
async fn log_lines_are_kept_for_every_outcome() {
    let line = |text: &str| LogLine {
        is_error: false,
        text: text.into(),
    };
    let print = PRINTER.handle;
    let loops = format!("{print} (loop $again (br $again))");
    let repeats = format!(
        "(local $n i32) (loop $again {} (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 100)))) (call $ok)",
        print.replace("(call $ok)", "")
    );
    let limits = Limits {
        cpu_max: Duration::from_millis(300),
        log_lines_max: 3,
        ..Limits::default()
    };
    let printed = || vec![line("hello"), line("world")];
    let ran = ran_with(&PRINTER.build(), limits.clone(), &paid()).await;
    assert_eq!((ran.outcome, ran.log), (Outcome::Done, printed()));
    let looping = Guest {
        handle: &loops.replace("(call $ok)", ""),
        result: PRINTER.result,
        ..PRINTER
    };
    let looping = Guest {
        handle: &format!("{} unreachable", looping.handle),
        ..PRINTER
    }
    .build();
    let ran = ran_with(&looping, limits.clone(), &paid()).await;
    assert_eq!(
        (ran.outcome, ran.log),
        (
            Outcome::TimedOut {
                limit: TimeLimit::Cpu,
                max: limits.cpu_max
            },
            printed()
        )
    );
    let ran = ran_with(
        &Guest {
            handle: &repeats,
            ..PRINTER
        }
        .build(),
        limits,
        &paid(),
    )
    .await;
    assert_eq!(ran.outcome, Outcome::Done);
    let dropped = LogLine {
        is_error: true,
        text: "(197 more lines were not kept)".into(),
    };
    assert_eq!(
        ran.log,
        [line("hello"), line("world"), line("hello"), dropped]
    );
}
