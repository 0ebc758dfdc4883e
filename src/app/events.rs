//! `aotui events`: reads the journal, and goes on reading while things happen.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use super::house::House;
use super::steering::{connection, look};
use super::{block_on, say};
use crate::bus::Link;
use crate::cli::verbs::events::{Filter, Teller, since};
use crate::cli::{EventsArgs, Exit, Failure, find_ticket, output};
use crate::domain::problem::Problem;
use crate::ipc::{self, IpcError};
use crate::store;

/// How often the journal is looked at while no engine tells what happens.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Prints what happened, and with `--follow` what happens.
pub(super) fn print(house: &House, args: &EventsArgs) -> Result<Exit, Failure> {
    let ticket = match &args.ticket {
        Some(typed) => Some(find_ticket(&look(house)?.0, typed)?.brief.key.clone()),
        None => None,
    };
    let since = args.since.as_deref().map(|typed| since(typed, &jiff::Zoned::now())).transpose()?;
    let before = store::history(&house.layout())?.before.unwrap_or_default();
    let mut tail = Tail { house, teller: Teller::new(before, Filter { ticket, since }, args.json), seen: None };
    tail.catch_up()?;
    if !args.follow {
        return Ok(Exit::Done);
    }
    block_on(async {
        loop {
            match ipc::connect(&house.socket()?).await {
                Ok(Some(link)) => tail.follow(&link).await?,
                // None is at work, or one that is about to leave or to listen.
                Ok(None) | Err(IpcError::Io(_)) => {}
                Err(error) => return Err(connection(&error)),
            }
            tail.catch_up()?;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    })
}

struct Tail<'a> {
    house: &'a House,
    teller: Teller,
    /// Which file the journal was and how long when it was read last.
    seen: Option<(u64, u64)>,
}

impl Tail<'_> {
    /// Tells what the journal has that was not told yet.
    fn catch_up(&mut self) -> Result<(), Failure> {
        let path = self.house.layout().journal();
        let now = fs::metadata(&path).ok().map(|meta| (meta.ino(), meta.len()));
        if now == self.seen && now.is_some() {
            return Ok(());
        }
        let first = self.seen.is_none();
        self.seen = now;
        self.read(first)
    }

    fn read(&mut self, first: bool) -> Result<(), Failure> {
        let content = store::history(&self.house.layout())?.content;
        say(&self.teller.tell(&content.events))?;
        if first {
            content.problems.iter().chain(&content.torn).for_each(warn);
            content.newer.iter().for_each(|why| output::note(&format!("warning: {}", output::plain(why))));
        }
        Ok(())
    }

    /// Tells what the engine says until it is gone.
    async fn follow(&mut self, link: &Link) -> Result<(), Failure> {
        let (mut batches, mut fleets) = (link.subscribe(), link.watch());
        let gone = async move { while fleets.changed().await.is_ok() {} };
        tokio::pin!(gone);
        // What happened before this moment is in the journal.
        self.catch_up()?;
        loop {
            let batch = tokio::select! {
                batch = batches.recv() => batch,
                () = &mut gone => return Ok(()),
            };
            let next = self.teller.seq().saturating_add(1);
            match batch {
                Ok(batch) if batch.events.first().is_none_or(|first| first.seq <= next) => {
                    say(&self.teller.tell(&batch.events))?;
                }
                // Something was missed; the journal has it.
                Ok(_) | Err(_) => self.catch_up()?,
            }
        }
    }
}

fn warn(problem: &Problem) {
    output::note(&format!("warning: {}", output::plain(&problem.to_string())));
}
