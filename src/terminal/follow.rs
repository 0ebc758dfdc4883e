//! The task behind a pane: reads the recording as it grows, and hands keys and sizes to the holder.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::pane::{PaneState, Shared};
use super::replay::{SizeChange, clean_start, size_changes};
use crate::holder::client::{Client, Hint, Sender};
use crate::holder::files::{SessionDir, now};
use crate::holder::recording::{Piece, Recording, left_out};
use crate::slots::runtime::Exit;

/// How much of an old recording is shown, in bytes: its end.
const REPLAYED: u64 = 1024 * 1024;
/// Longest piece fed to the screen at once, in bytes, so that whoever draws gets a turn.
const CHUNK: usize = 64 * 1024;
/// How long sizes must stay the same before the program is told.
const RESIZE_PAUSE: Duration = Duration::from_millis(50);
/// How often a session that cannot be reached is looked at again.
const RETRY: Duration = Duration::from_millis(20);
const RETRY_LIMIT: Duration = Duration::from_millis(500);
/// How long a session is so young that a viewer who comes is its first.
const YOUNG_MILLIS: u64 = 2000;

type Typed = mpsc::UnboundedReceiver<Vec<u8>>;
type Sizes = watch::Receiver<Option<(u16, u16)>>;

/// Keeps the screen of a pane up to date until the session is over.
pub(super) async fn follow(dir: SessionDir, shared: Arc<Shared>, mut typed: Typed, mut sizes: Sizes) {
    let mut replay = Replay {
        shared: Arc::clone(&shared),
        dir,
        recording: None,
        offset: 0,
        changes: VecDeque::new(),
        answers_from: u64::MAX,
    };
    let mut pause = RETRY;
    loop {
        // Asked first: a holder leaves its record before its lock.
        let held = replay.dir.is_held();
        let mut told = None;
        if held {
            match Client::connect(&replay.dir).await {
                Ok(client) => {
                    shared.set_state(PaneState::Live);
                    told = live(client, &mut replay, &mut typed, &mut sizes).await.ok().flatten();
                    pause = RETRY;
                }
                // Other errors pass: the holder is about to listen, or about to leave.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    shared.set_state(PaneState::Unreachable(error.to_string()));
                }
                Err(_) => {}
            }
        }
        let exit = replay.dir.exit().ok().flatten().or(told);
        replay.catch_up().await;
        match exit {
            Some(exit) => return shared.set_state(PaneState::Ended(exit)),
            None if !held && replay.dir.was_started() => return shared.set_state(PaneState::Vanished),
            None => {}
        }
        sleep(pause).await;
        pause = (pause * 2).min(RETRY_LIMIT);
    }
}

/// Follows a running session until its holder says how it ended, or is gone.
async fn live(client: Client, replay: &mut Replay, typed: &mut Typed, sizes: &mut Sizes) -> io::Result<Option<Exit>> {
    let Client { cols, rows, total, mut hints, mut sender } = client;
    replay.answers_from = if replay.is_young() { 0 } else { total };
    replay.catch_up().await;
    replay.note_size(SizeChange { at: total, cols, rows });
    let shared = Arc::clone(&replay.shared);
    let mut tell = pin!(tell(&mut sender, (cols, rows), &shared, typed, sizes));
    loop {
        let hint = tokio::select! {
            hint = hints.next() => hint?,
            told = &mut tell => return told.map(|()| None),
        };
        match hint {
            Some(Hint::Grew(total)) if total <= replay.offset => {}
            Some(Hint::Grew(_)) => replay.catch_up().await,
            Some(Hint::Resized { at, cols, rows }) => {
                replay.changes.push_back(SizeChange { at, cols, rows });
                replay.catch_up().await;
            }
            Some(Hint::Exited(exit)) => return Ok(exit),
            None => return Ok(None),
        }
    }
}

/// Hands what is typed, and sizes that lasted, to the holder; ends only with an error.
async fn tell(
    sender: &mut Sender,
    mut current: (u16, u16),
    shared: &Shared,
    typed: &mut Typed,
    sizes: &mut Sizes,
) -> io::Result<()> {
    // A size that was wanted before there was a connection counts at once.
    let mut due = sizes.borrow().map(|_| Instant::now());
    loop {
        let at = due.unwrap_or_else(Instant::now);
        tokio::select! {
            bytes = typed.recv() => {
                let Some(bytes) = bytes else {
                    return std::future::pending().await;
                };
                shared.queued.fetch_sub(bytes.len(), Ordering::AcqRel);
                sender.input(&bytes).await?;
            }
            Ok(()) = sizes.changed() => due = Some(Instant::now() + RESIZE_PAUSE),
            () = sleep_until(at), if due.is_some() => {
                due = None;
                let wanted = *sizes.borrow_and_update();
                if let Some((cols, rows)) = wanted.filter(|size| *size != current) {
                    sender.resize(cols, rows).await?;
                    current = (cols, rows);
                }
            }
        }
    }
}

/// A recording being fed to a screen.
struct Replay {
    shared: Arc<Shared>,
    dir: SessionDir,
    /// The recording; `None` until it exists.
    recording: Option<Recording>,
    offset: u64,
    /// Sizes to come, in order.
    changes: VecDeque<SizeChange>,
    /// From which byte on the program's questions are still to be answered.
    answers_from: u64,
}

impl Replay {
    /// Feeds the screen all there is.
    async fn catch_up(&mut self) {
        let mut buffer = vec![0; CHUNK];
        // Read where it lies, without a detour over another thread: it was just written, so it is in memory.
        while let Ok(piece) = self.read(&mut buffer) {
            match piece {
                Piece::Bytes(n) => self.feed(buffer.get(..n).unwrap_or_default()),
                Piece::LeftOut { to } => self.skip_to(to),
                Piece::End => return,
            }
            self.shared.changed();
            tokio::task::yield_now().await;
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        let recording = match &self.recording {
            Some(recording) => recording,
            None => {
                let recording = self.open()?;
                self.recording.insert(recording)
            }
        };
        recording.read_at(buffer, self.offset)
    }

    /// Goes over a part that was not kept, and says so on the screen.
    fn skip_to(&mut self, to: u64) {
        // Whatever the sequence was that the cut is in, it ends here (CAN), and so do its colours.
        let note = format!("\x18\x1b[0m\r\n{}\r\n", left_out(to - self.offset));
        self.shared.screen().process(note.as_bytes());
        self.offset = self.recording.as_ref().map_or(to, |recording| clean_from(recording, to));
        self.feed(&[]);
    }

    /// Opens the recording and goes to where the view starts.
    fn open(&mut self) -> io::Result<Recording> {
        let recording = Recording::open(&self.dir)?;
        self.offset = recording.total()?.saturating_sub(REPLAYED);
        if self.offset > 0 {
            self.offset = clean_from(&recording, self.offset);
        }
        if let Ok(launch) = self.dir.launch() {
            self.shared.screen().resize(launch.cols, launch.rows);
        }
        self.changes = size_changes(&self.dir.times()).into();
        Ok(recording)
    }

    /// Returns whether the session started just now, so that nobody answered its first questions yet.
    fn is_young(&self) -> bool {
        let started_at = self.dir.holder().ok().flatten().map(|record| record.started_at);
        started_at.is_some_and(|at| now().millis_since(at) < YOUNG_MILLIS)
    }

    /// Feeds bytes, and the sizes that lie between them.
    fn feed(&mut self, mut bytes: &[u8]) {
        loop {
            while let Some(change) = self.changes.front().copied().filter(|change| change.at <= self.offset) {
                self.changes.pop_front();
                self.shared.screen().resize(change.cols, change.rows);
                self.shared.changed();
            }
            if bytes.is_empty() {
                return;
            }
            let change = self.changes.front().map_or(u64::MAX, |change| change.at);
            let next = [change, self.answers_from].into_iter().filter(|at| *at > self.offset).min();
            let room = next.map_or(u64::MAX, |at| at - self.offset);
            let (now, later) = bytes.split_at(usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len()));
            let answers = {
                let mut screen = self.shared.screen();
                screen.process(now);
                screen.take_answers()
            };
            if !answers.is_empty() && self.offset >= self.answers_from && self.shared.is_answering() {
                self.shared.queue(answers);
            }
            self.offset += now.len() as u64;
            bytes = later;
        }
    }

    /// Takes the size the holder named, in case the sidecar does not have it.
    fn note_size(&mut self, size: SizeChange) {
        let known = self.changes.back().map(|change| (change.cols, change.rows));
        if known.unwrap_or_else(|| self.shared.screen().size()) != (size.cols, size.rows) {
            self.changes.push_back(size);
            self.feed(&[]);
        }
    }
}

/// Returns where to begin in a recording that is cut at `offset`.
fn clean_from(recording: &Recording, offset: u64) -> u64 {
    let mut head = [0; 4096];
    match recording.read_at(&mut head, offset) {
        Ok(Piece::Bytes(n)) => offset + clean_start(head.get(..n).unwrap_or_default()) as u64,
        Ok(Piece::LeftOut { .. } | Piece::End) | Err(_) => offset,
    }
}
