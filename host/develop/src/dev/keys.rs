//! The keys of the author, if there is a terminal.

use std::io::IsTerminal as _;
use std::thread;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc;

/// How long the thread waits for a key before it looks whether the command has ended.
const PAUSE: Duration = Duration::from_millis(200);

/// A key with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Send the next event.
    Next,
    /// Send the last event again.
    Again,
    /// Show or hide the log of the host.
    Log,
    /// Print and open the URL.
    Open,
    /// End.
    Quit,
}

/// The keys. The terminal gets its usual mode back when this is dropped.
pub struct Keys {
    keys: Option<mpsc::Receiver<Key>>,
}

impl Keys {
    /// Begins to read keys, unless standard input is not a terminal.
    pub fn start() -> Self {
        if !std::io::stdin().is_terminal() || enable_raw_mode().is_err() {
            return Self { keys: None };
        }

        let (sender, keys) = mpsc::channel(16);
        thread::spawn(move || read(&sender));
        Self { keys: Some(keys) }
    }

    /// Returns whether there are keys.
    pub fn is_on(&self) -> bool {
        self.keys.is_some()
    }

    /// Waits for a key. Without a terminal, waits for ever.
    pub async fn next(&mut self) -> Key {
        match &mut self.keys {
            Some(keys) => keys.recv().await.unwrap_or(Key::Quit),
            None => std::future::pending().await,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if self.is_on() {
            // If the terminal is gone, so is its mode.
            let _ = disable_raw_mode();
        }
    }
}

fn read(keys: &mpsc::Sender<Key>) {
    while !keys.is_closed() {
        match event::poll(PAUSE) {
            Ok(false) => continue,
            Ok(true) => {}
            Err(_) => return,
        }
        let Ok(Event::Key(pressed)) = event::read() else {
            continue;
        };
        let is_control = pressed.modifiers.contains(KeyModifiers::CONTROL);
        let key = key(pressed.code, is_control).filter(|_| pressed.kind == KeyEventKind::Press);
        if key.is_some_and(|key| keys.blocking_send(key).is_err()) {
            return;
        }
    }
}

/// Returns the meaning of a key. In raw mode, Ctrl-C is a key.
fn key(code: KeyCode, is_control: bool) -> Option<Key> {
    match (code, is_control) {
        (KeyCode::Char('c' | 'd'), true) | (KeyCode::Char('q'), false) => Some(Key::Quit),
        (KeyCode::Char('s'), false) => Some(Key::Next),
        (KeyCode::Char('r'), false) => Some(Key::Again),
        (KeyCode::Char('l'), false) => Some(Key::Log),
        (KeyCode::Char('o'), false) => Some(Key::Open),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_c_ends_in_raw_mode() {
        assert_eq!(key(KeyCode::Char('c'), true), Some(Key::Quit));
        assert_eq!(key(KeyCode::Char('c'), false), None);
        assert_eq!(key(KeyCode::Char('s'), false), Some(Key::Next));
    }
}
