//! The functions of the SDK on a world without a host.

use std::time::Duration;

use hookyard::testing::World;
use hookyard::{Bucket, Delivery, Failure, Outcome, log, reject, retry, setting, setting_as};

fn run(handle: impl FnOnce((), Delivery) -> Outcome) -> (World, Outcome) {
    let mut world = World::new();
    let outcome = world.run(handle, ());
    (world, outcome)
}

fn retry_reason(outcome: Outcome) -> String {
    match outcome {
        Err(Failure::Retry {
            reason,
            after: None,
        }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn macros_end_the_attempt() {
    let (_, rejected) = run(|(), _| reject!("{} is wrong", 5));
    assert_eq!(rejected, Err(Failure::Reject("5 is wrong".into())));

    let (_, later) = run(|(), _| retry!(after = Duration::from_secs(60), "paused"));
    let after = Some(Duration::from_secs(60));
    assert_eq!(
        later,
        Err(Failure::Retry {
            reason: "paused".into(),
            after
        })
    );
    assert_eq!(retry_reason(run(|(), _| retry!("busy")).1), "busy");
}

#[test]
fn any_error_is_a_retry() {
    let (_, outcome) = run(|(), _| {
        "seven".parse::<u8>()?;
        Ok(())
    });
    assert_eq!(retry_reason(outcome), "invalid digit found in string");
}

#[test]
fn failed_run_has_no_effects() {
    let (world, outcome) = run(|(), _| {
        Bucket::new("counts").increment("offers", 1)?;
        hookyard::send("raw", "hello", None)?;
        log::info!("kept");
        reject!("no")
    });

    assert!(outcome.is_err());
    assert_eq!(world.value("counts", "offers"), None);
    assert!(world.messages().is_empty());
    assert_eq!(world.log(), ["info: kept"]);
}

#[test]
fn response_of_a_successful_run_is_kept() {
    let (mut world, outcome) = run(|(), _| {
        hookyard::respond_json(201, &[1, 2])?;
        hookyard::respond(200, &[], "again")?;
        Ok(())
    });
    let reason = "responder: this attempt has responded already";
    assert_eq!(retry_reason(outcome), reason);
    assert_eq!(world.response(), None, "a failed run responds nothing");

    let outcome = world.run(|(), _| Ok(hookyard::respond_json(201, &[1, 2])?), ());
    assert_eq!(outcome, Ok(()));
    let response = world.response().expect("a response");
    assert_eq!((response.status, &response.body[..]), (201, &b"[1,2]"[..]));
    let json = ("content-type".to_owned(), "application/json".to_owned());
    assert_eq!(response.headers, [json]);
}

#[test]
fn bucket_keeps_typed_values() {
    const VALUES: Bucket<Vec<u32>> = Bucket::new("values");
    let (world, outcome) = run(|(), _| {
        VALUES.set("a", &vec![1, 2])?;
        VALUES.update("a", |old| [old.unwrap_or_default(), vec![3]].concat())?;
        VALUES.set_bytes("b", b"x")?;
        assert_eq!(VALUES.get("a")?, Some(vec![1, 2, 3]));
        assert_eq!(VALUES.keys()?, ["a", "b"]);
        VALUES.delete("b")?;
        assert!(!VALUES.exists("b")?);
        Ok(())
    });

    assert_eq!(outcome, Ok(()));
    assert_eq!(world.value("values", "a").as_deref(), Some("[1,2,3]"));
}

#[test]
fn wrong_value_names_bucket_and_key() {
    let mut world = World::new();
    world.set_value("values", "a", "text");
    let outcome = world.run(
        |(), _| {
            Bucket::<u32>::new("values").get("a")?;
            Ok(())
        },
        (),
    );
    let reason = retry_reason(outcome);
    assert!(
        reason.starts_with("key-value bucket \"values\", key \"a\": "),
        "{reason}"
    );
}

#[test]
fn settings_are_typed() {
    let mut world = World::new();
    world.set_setting("limit", "abc");
    let outcome = world.run(
        |(), _| {
            assert_eq!(setting("none")?, None);
            assert_eq!(setting_as::<u32>("none")?, None);
            setting_as::<u32>("limit")?;
            Ok(())
        },
        (),
    );
    assert_eq!(
        retry_reason(outcome),
        "setting \"limit\" is \"abc\", which is not a u32"
    );
}

#[test]
fn requests_have_answers_and_keys() {
    let mut world = World::new();
    world.set_answer("https://a.test/", 503, "");
    let outcome = world.run(
        |(), _| {
            let answer = hookyard::http::post("https://a.test/").json(&[1]);
            answer.send()?.or_retry()?;
            Ok(())
        },
        (),
    );
    assert_eq!(retry_reason(outcome), "http: the answer has the status 503");
    assert_eq!(world.requests(), ["POST https://a.test/"]);
}

#[test]
fn amounts_have_no_floats() {
    assert_eq!(hookyard::minor_units(499_800, 2), "4998.00");
    assert_eq!(hookyard::minor_units(-5, 2), "-0.05");
    assert_eq!(hookyard::minor_units(7, 0), "7");
    assert_eq!(hookyard::sum([1, 2]), Some(3));
    assert_eq!(hookyard::sum([i64::MAX, 1]), None);
}
