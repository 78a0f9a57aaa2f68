//! Logs its settings: it reads them with `wasi:config` and writes them with `wasi:logging`.

wit_bindgen::generate!({
    world: "acme:settings/settings",
    inline: "
        package acme:settings;

        world settings {
            import wasi:config/store@0.2.0-rc.1;
            import wasi:logging/logging@0.1.0-draft;
            export hookyard:plugin/handler@0.1.0;
        }

        package wasi:config@0.2.0-rc.1 {
            interface store {
                variant error { upstream(string), io(string) }
                get: func(key: string) -> result<option<string>, error>;
                get-all: func() -> result<list<tuple<string, string>>, error>;
            }
        }

        package wasi:logging@0.1.0-draft {
            interface logging {
                enum level { trace, debug, info, warn, error, critical }
                log: func(level: level, context: string, message: string);
            }
        }
    ",
    path: "../../wit/hookyard",
    generate_all,
});

use exports::hookyard::plugin::handler::{Delivery, Failure, Guest, Message};
use wasi::config::store;
use wasi::logging::logging::{Level, log};

struct Settings;

impl Guest for Settings {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        log(
            Level::Info,
            "",
            &format!(
                "{:?}",
                store::get_all().expect("the settings are available")
            ),
        );
        log(
            Level::Warn,
            "countries",
            &format!(
                "{:?}",
                store::get("countries").expect("the settings are available")
            ),
        );
        log(
            Level::Error,
            "nothing",
            &format!(
                "{:?}",
                store::get("nothing").expect("the settings are available")
            ),
        );
        Ok(())
    }
}

export!(Settings);
