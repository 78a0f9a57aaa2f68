//! Passes the lines of the crate `log` to the plugin's log.

use log::{LevelFilter, Log, Metadata, Record};

struct Logger;

impl Log for Logger {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        crate::host::log(record.level(), &record.args().to_string());
    }

    fn flush(&self) {}
}

/// Sets the logger. An author's own logger, which was set before, stays.
pub(crate) fn install() {
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}
