//! A component without a handler. The host refuses to load it.

wit_bindgen::generate!({
    inline: "
        package acme:idle;

        world idle { export idle: func() -> u32; }
    ",
});

struct Idle;

impl Guest for Idle {
    fn idle() -> u32 {
        0
    }
}

export!(Idle);
