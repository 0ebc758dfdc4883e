//! A live view of one session: its screen, kept up to date, and a way to type into it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::AbortHandle;

use super::follow::follow;
use super::screen::Screen;
use crate::holder::files::SessionDir;
use crate::slots::runtime::Exit;

/// Most bytes of input that wait for the program to read them.
const MAX_QUEUED: usize = 16 * 1024 * 1024;

/// How the viewed session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaneState {
    /// Nothing can be said yet, or the session was not started yet.
    Waiting,
    /// The program runs and can be typed to.
    Live,
    /// The program runs, but its holder cannot be talked to for the reason given: the view follows the recording,
    /// and nothing can be typed.
    Unreachable(String),
    /// The program ended; the screen is its last one.
    Ended(Exit),
    /// The session's holder was killed; the screen is what it recorded last.
    Vanished,
}

/// A view of one session. Dropping it leaves the session as it is.
pub struct Pane {
    shared: Arc<Shared>,
    size: watch::Sender<Option<(u16, u16)>>,
    task: AbortHandle,
    dir: SessionDir,
    /// Open for as long as a person is attached.
    attached: Mutex<Option<File>>,
}

/// What the pane and the task that feeds it share.
pub(super) struct Shared {
    screen: Mutex<Screen>,
    state: Mutex<PaneState>,
    dirty: AtomicBool,
    pub(super) queued: AtomicUsize,
    answering: AtomicBool,
    input: mpsc::UnboundedSender<Vec<u8>>,
    notify: Arc<Notify>,
}

impl Shared {
    pub(super) fn screen(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues bytes for the program; returns `false` if there is no room.
    pub(super) fn queue(&self, bytes: Vec<u8>) -> bool {
        let length = bytes.len();
        let reserve = |queued: usize| queued.checked_add(length).filter(|sum| *sum <= MAX_QUEUED);
        let reserved = self.queued.fetch_update(Ordering::AcqRel, Ordering::Acquire, reserve);
        reserved.is_ok() && self.input.send(bytes).is_ok()
    }

    /// Says that there is something new to draw.
    pub(super) fn changed(&self) {
        self.dirty.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// Returns whether this view answers what the program asks.
    pub(super) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Acquire)
    }

    pub(super) fn set_state(&self, state: PaneState) {
        let mut current = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != state {
            *current = state;
            drop(current);
            self.changed();
        }
    }
}

impl Pane {
    /// Opens a view of the session in `session_dir`, running, ended or not started yet. `notify` is told whenever
    /// there is something new to draw. Must be called within a tokio runtime.
    pub fn open(session_dir: impl Into<PathBuf>, notify: Arc<Notify>) -> Self {
        let (input, typed) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            screen: Mutex::new(Screen::new(80, 24)),
            state: Mutex::new(PaneState::Waiting),
            dirty: AtomicBool::new(false),
            queued: AtomicUsize::new(0),
            answering: AtomicBool::new(false),
            input,
            notify,
        });
        let (size, sizes) = watch::channel(None);
        let dir = SessionDir::new(session_dir);
        let task = tokio::spawn(follow(dir.clone(), Arc::clone(&shared), typed, sizes)).abort_handle();
        Self { shared, size, task, dir, attached: Mutex::default() }
    }

    /// Lets this view answer what the program asks its terminal. Of all views of a session one should do so, from the
    /// session's start: a program without answers is slow to start, one with two is confused.
    pub fn answer_queries(&self) {
        self.shared.answering.store(true, Ordering::Release);
    }

    /// Says whether a person is attached by this view: meanwhile nobody else ends the session's agent or types to it.
    pub fn set_attached(&self, attached: bool) {
        let mut held = self.attached.lock().unwrap_or_else(PoisonError::into_inner);
        if attached != held.is_some() {
            // Where it cannot be shown the person may still type.
            *held = if attached { self.dir.attach().ok() } else { None };
        }
    }

    /// Looks at the screen; nothing is fed to it meanwhile, so be quick.
    pub fn with_screen<T>(&self, look: impl FnOnce(&Screen) -> T) -> T {
        look(&self.shared.screen())
    }

    /// Returns whether something changed since this was asked last.
    pub fn take_dirty(&self) -> bool {
        self.shared.dirty.swap(false, Ordering::AcqRel)
    }

    /// Moves the view `lines` up into the history, down if negative.
    pub fn scroll(&self, lines: isize) {
        self.shared.screen().scroll(lines);
        self.shared.changed();
    }

    /// Moves the view back to the newest lines.
    pub fn scroll_to_bottom(&self) {
        self.shared.screen().scroll_to(0);
        self.shared.changed();
    }

    /// Types bytes into the program, without waiting. Returns `false` if they were refused: the session is over, or
    /// too much waits for the program already.
    pub fn input(&self, bytes: impl Into<Vec<u8>>) -> bool {
        self.shared.queue(bytes.into())
    }

    /// Gives the session's terminal a new size, soon; the last of many sizes in a row counts. Has no effect on a
    /// session that is over.
    pub fn resize(&self, cols: u16, rows: u16) {
        self.size.send_if_modified(|size| size.replace((cols, rows)) != Some((cols, rows)));
    }

    /// Returns how the session is.
    pub fn state(&self) -> PaneState {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how the session ended; `None` while it runs, or if it left no record.
    pub fn ended(&self) -> Option<Exit> {
        match self.state() {
            PaneState::Ended(exit) => Some(exit),
            _ => None,
        }
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        self.task.abort();
    }
}
