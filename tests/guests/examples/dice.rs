//! Stores values that differ in every attempt: the time, a random number and, if the event contains
//! `ticks`, the monotonic clock.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use hookyard_guests::effects::store;
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};
use wasip2::clocks::monotonic_clock;

struct Dice;

impl Guest for Dice {
    fn handle(_: Delivery, message: Message) -> Result<(), Failure> {
        let bucket = store::open("dice").map_err(rejected)?;
        let set = |key: &str, value: u128| {
            bucket
                .set(key, value.to_string().as_bytes())
                .map_err(rejected)
        };
        set(
            "time",
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_err(rejected)?
                .as_nanos(),
        )?;
        set("thrown", u128::from(RandomState::new().hash_one(6)))?;
        let asks = String::from_utf8_lossy(&message.body).contains("ticks");
        if asks {
            set("ticks", u128::from(monotonic_clock::now()))
        } else {
            Ok(())
        }
    }
}

hookyard_guests::export!(Dice);
