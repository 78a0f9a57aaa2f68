//! Writes far more than the host keeps: many lines, an endless line, and bytes that are not text.
//! Then it succeeds.

use std::io::{Write, stderr, stdout};

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct LogFlood;

impl Guest for LogFlood {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        for line in 0..20_000 {
            println!("line {line}");
        }
        // This guest ignores output that the host refuses.
        let _ = stdout().write_all(&vec![b'x'; 4 << 20]);
        let _ = stdout().write_all(b"\nno text: \xff\xfe\x1b[31m\0\n");
        let _ = stderr().write_all(b"one line for the error log\n");
        Ok(())
    }
}

hookyard_guests::export!(LogFlood);
