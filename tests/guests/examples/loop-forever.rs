//! Never returns, and calls no host function in its loop.

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct LoopForever;

impl Guest for LoopForever {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        println!("about to loop");
        let mut turns = 0u64;
        loop {
            turns = std::hint::black_box(turns.wrapping_add(1));
        }
    }
}

hookyard_guests::export!(LoopForever);
