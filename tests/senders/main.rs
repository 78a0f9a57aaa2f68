//! Every built-in sender, configured as its page in `docs/senders` says, on one real host.
//!
//! The host has a source for each sender, from the snippet of the sender's page. For each sender,
//! the samples are signed by code that is not the host's, and sent through the real ingress: they
//! are stored with the type and the key that the sender means, a repeat is not stored again, and a
//! forged request is refused for the right reason. The handshakes are those that the senders make.

mod delivery;
mod handshakes;
mod libraries;
mod page;
mod sender;
mod sign;
mod stand_in;
mod table;
mod trials;
mod yard;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use yard::Yard;

/// What a trial does with the host.
type Run = Box<dyn Fn(&Yard) -> anyhow::Result<()> + Send>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let yard = Arc::new(Yard::default());
    let trial = |name: String, run: Run| {
        let yard = Arc::clone(&yard);
        Trial::test(name, move || {
            run(&yard).map_err(|error| format!("{error:#}").into())
        })
    };

    let mut trials = vec![
        trial(
            "every_folder_has_a_row_and_a_page".to_owned(),
            Box::new(|_| trials::every_folder_is_tested()),
        ),
        trial(
            "index_names_every_sender".to_owned(),
            Box::new(|_| trials::index_names_every_sender()),
        ),
        trial(
            "libraries_of_senders_accept_signed_samples_only".to_owned(),
            Box::new(|_| libraries::accept_signed_samples_only()),
        ),
    ];
    for sender in table::senders() {
        trials.push(trial(
            format!("{}::page_is_accepted_by_check", sender.name),
            Box::new(move |yard| yard.block_on(trials::check_page(sender))),
        ));
        trials.push(trial(
            format!("{}::samples_are_stored_once", sender.name),
            Box::new(move |yard| yard.with_host(|host| trials::send_samples(host, sender))),
        ));
    }
    for handshake in handshakes::all() {
        trials.push(trial(
            format!("{}::{}", handshake.sender, handshake.name),
            Box::new(move |yard| yard.with_host(|host| trials::shake_hands(host, handshake))),
        ));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
