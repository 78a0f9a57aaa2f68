//! `cargo bench -p hookyard-ingress --bench requests`: the CPU time of a request, without a store
//! and without a log.
//!
//! A store accepts every event without storing it. The floor is a plain hyper server that reads the
//! body and answers. Each server runs on one thread, whose CPU time is measured, and serves 64
//! connections. The servers take turns, so that all meet the same machine, and the medians are
//! compared.

mod client;
mod servers;

use std::time::Duration;

/// The number of turns of each server.
const TURNS: usize = 7;
/// The number of requests in a turn.
const REQUESTS: usize = 20_000;

/// A server and the requests that it gets.
#[derive(Debug, Clone, Copy)]
enum Case {
    /// A plain hyper server.
    Floor,
    /// Ingress and requests with a wrong signature.
    Refused,
    /// Ingress and events that are accepted.
    Accepted,
}

impl Case {
    const ALL: [Self; 3] = [Self::Floor, Self::Refused, Self::Accepted];

    const fn status(self) -> u16 {
        match self {
            Self::Floor | Self::Accepted => 200,
            Self::Refused => 401,
        }
    }

    /// Returns the CPU time of the server for each request.
    fn measure(self) -> Duration {
        let server = match self {
            Self::Floor => servers::start_floor(),
            Self::Refused | Self::Accepted => servers::start_ingress(),
        };
        let secret = match self {
            Self::Refused => servers::OTHER_SECRET,
            Self::Floor | Self::Accepted => servers::SECRET,
        };

        let request = client::signed_request(secret);
        client::send(server.address, &request, REQUESTS, self.status());
        server.stop() / u32::try_from(REQUESTS).expect("a small number")
    }
}

fn main() {
    let mut times = Case::ALL.map(|_| Vec::new());
    for _ in 0..TURNS {
        for (case, times) in Case::ALL.into_iter().zip(&mut times) {
            times.push(case.measure());
        }
    }

    println!("{:<12} {:>12} {:>8}", "", "CPU/request", "x floor");
    let [floor, ..] = times.each_mut().map(|times| median(times));
    for (case, times) in Case::ALL.into_iter().zip(&mut times) {
        let time = median(times);
        let ratio = time.as_secs_f64() / floor.as_secs_f64();
        println!("{:<12} {:>12.2?} {ratio:>8.2}", format!("{case:?}"), time);
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
