//! Opens its own connection with WASI's sockets, which the host never grants.

use std::net::TcpStream;

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct Sockets;

impl Guest for Sockets {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        match TcpStream::connect("127.0.0.1:9") {
            Ok(_) => println!("connected"),
            Err(error) => println!("not connected: {error}"),
        }
        Ok(())
    }
}

hookyard_guests::export!(Sockets);
