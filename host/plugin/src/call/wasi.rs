//! The WASI that guests have: clocks, randomness and a log. There are no arguments, no environment,
//! no files and no network.

use std::sync::Arc;
use std::time::Duration;

use hookyard_model::Clock;
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxBuilder};

use super::output::Output;
use super::stage::Stage;

/// The maximum number of random bytes that a guest may ask for at once.
const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// Creates the WASI context of one call.
pub(super) fn context(clock: &Arc<dyn Clock>, stage: Option<&Stage>, output: &Output) -> WasiCtx {
    let mut builder = closed(clock);
    if let Some(stage) = stage {
        stage.fix_randomness(&mut builder);
    }
    builder
        .stdout(output.stdout())
        .stderr(output.stderr())
        .build()
}

/// Returns the builder of a context that has a clock and randomness, and reaches nothing else.
pub(crate) fn closed(clock: &Arc<dyn Clock>) -> WasiCtxBuilder {
    let mut builder = WasiCtxBuilder::new();
    builder
        .wall_clock(WallClock(Arc::clone(clock)))
        .max_random_size(RANDOM_BYTES_MAX)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(|_, _| Box::pin(async { false }));
    builder
}

struct WallClock(Arc<dyn Clock>);

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        // WASI cannot express times before 1970.
        let millis = u64::try_from(self.0.now().unix_millis()).unwrap_or(0);
        Duration::from_millis(millis)
    }
}
