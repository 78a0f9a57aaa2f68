//! Tries the functions of a standard library that reach the outside, and prints each result.

use std::fmt::Debug;
use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::SystemTime;

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct Prober;

impl Guest for Prober {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        println!("arguments {}", std::env::args().count());
        println!("variables {}", std::env::vars().count());
        println!("PATH {:?}", std::env::var("PATH").ok());
        println!(
            "standard input {} bytes",
            std::io::stdin()
                .read_to_end(&mut Vec::new())
                .map_or(0, |count| count)
        );
        tell("read a file", fs::read("/etc/passwd"));
        tell("read one here", fs::read("hookyard.toml"));
        tell(
            "list a folder",
            fs::read_dir("/").map(|entries| entries.count()),
        );
        tell("write a file", fs::write("/tmp/prober", "here"));
        tell("make a folder", fs::create_dir("made"));
        tell("connect", TcpStream::connect("127.0.0.1:80"));
        tell("connect by IPv6", TcpStream::connect("[::1]:80"));
        tell("listen", TcpListener::bind("127.0.0.1:0"));
        tell(
            "send a datagram",
            UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", "127.0.0.1:9")),
        );
        tell(
            "resolve a name",
            "localhost:80"
                .to_socket_addrs()
                .map(|addresses| addresses.count()),
        );
        let year = SystemTime::UNIX_EPOCH
            .elapsed()
            .map_or(0, |elapsed| 1970 + elapsed.as_secs() / 31_557_600);
        println!("the year {year}");
        let (one, other) = (
            wasip2::random::random::get_random_u64(),
            wasip2::random::random::get_random_u64(),
        );
        println!("random {}", one != other);
        eprintln!("standard error");
        Ok(())
    }
}

fn tell<T, E: Debug>(what: &str, tried: Result<T, E>) {
    println!("{what}: {}", if tried.is_ok() { "DONE" } else { "refused" });
}

hookyard_guests::export!(Prober);
