//! Puts the terminal into the state the screen needs, and back, whatever happens.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write, stderr, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, KeyboardEnhancementFlags,
    PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags,
};
use crossterm::style::{Print, ResetColor};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{execute, queue};

use crate::terminal::emulating;

/// Whether the terminal is in our state and has to be put back.
static ENTERED: AtomicBool = AtomicBool::new(false);
/// Whether keyboard flags were pushed.
static KEYBOARD: AtomicBool = AtomicBool::new(false);
/// What panicked while the screen was there.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// Most panics that are told.
const MOST_PANICS: usize = 20;

/// Presses, drags and the wheel, with coordinates of any size; not every movement, which would wake us for nothing.
const MOUSE: &str = "\x1b[?1000h\x1b[?1002h\x1b[?1006h";

/// Terminals known to understand the keyboard protocol. Asking them would cost seconds where nobody answers.
const KEYBOARD_TERMINALS: [&str; 7] = ["kitty", "ghostty", "foot", "alacritty", "wezterm", "iterm.app", "rio"];

/// Holds the terminal in our state; puts it back when dropped.
#[derive(Debug)]
pub(super) struct Guard(());

impl Guard {
    /// Takes the terminal. `get` returns a variable of the environment.
    pub(super) fn enter(get: impl Fn(&str) -> Option<String>) -> io::Result<Self> {
        enable_raw_mode().map_err(|error| {
            let advice = "the screen needs a terminal (`aotui run` and `aotui status` do without)";
            io::Error::new(error.kind(), format!("{advice}: {error}"))
        })?;
        ENTERED.store(true, Ordering::SeqCst);
        let guard = Self(());
        let mut out = stdout();
        queue!(out, EnterAlternateScreen, EnableBracketedPaste, Print(MOUSE))?;
        if understands_keyboard_protocol(get) {
            queue!(out, PushKeyboardEnhancementFlags(KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES))?;
            KEYBOARD.store(true, Ordering::SeqCst);
        }
        out.flush()?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

fn understands_keyboard_protocol(get: impl Fn(&str) -> Option<String>) -> bool {
    // A multiplexer in between keeps the variables of the terminal it was started from.
    if get("TMUX").is_some() || get("STY").is_some() {
        return false;
    }
    let names = ["TERM", "TERM_PROGRAM"].map(|name| get(name).unwrap_or_default().to_ascii_lowercase());
    KEYBOARD_TERMINALS.iter().any(|known| names.iter().any(|name| name.contains(known)))
}

/// Puts the terminal back if it is in our state, and tells what panicked meanwhile. May be called more than once.
fn restore() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = stdout();
    if KEYBOARD.swap(false, Ordering::SeqCst) {
        let _best_effort = queue!(out, PopKeyboardEnhancementFlags);
    }
    let _best_effort =
        execute!(out, DisableMouseCapture, DisableBracketedPaste, ResetColor, LeaveAlternateScreen, Show);
    let _best_effort = disable_raw_mode();
    for panic in PANICS.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        let _best_effort = writeln!(stderr(), "{panic}");
    }
}

/// Keeps a panic from writing over the screen: it is told once the terminal is back, which the unwinding screen sees
/// to if the panic is its own. A panic inside the emulator of an agent's terminal is caught there and stays silent.
pub fn install_panic_hook() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if emulating() {
            return;
        }
        if !ENTERED.load(Ordering::SeqCst) {
            return report(info);
        }
        let trace = Backtrace::capture();
        let trace = if trace.status() == BacktraceStatus::Captured { format!("\n{trace}") } else { String::new() };
        let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
        if panics.len() < MOST_PANICS {
            panics.push(format!("{info}{trace}"));
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyboard_protocol_is_used_only_where_it_is_understood() {
        let with = |set: &'static [(&str, &str)]| {
            understands_keyboard_protocol(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(with(&[("TERM", "xterm-kitty")]));
        assert!(with(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")]));
        assert!(!with(&[("TERM", "xterm-256color")]));
        assert!(!with(&[("TERM", "tmux-256color"), ("TERM_PROGRAM", "ghostty"), ("TMUX", "/tmp/x")]));
    }
}
