//! What every end-to-end story needs: a home of its own, a real repository, the built binary, and a person at a terminal.

mod app;
mod home;

pub(crate) use app::{App, in_terminal};
pub(crate) use home::{Home, Ran};

use std::time::{Duration, Instant};

/// How long anything may take before a story fails. Generous: a loaded machine is not a defect.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `look` gives something, and says what was waited for and what there was instead if it never does.
pub(crate) fn until<T>(what: &str, mut instead: impl FnMut() -> String, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}; instead:\n{}", instead());
        std::thread::sleep(Duration::from_millis(10));
    }
}
