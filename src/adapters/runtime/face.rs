//! Looks at the screens of agents that have one and at what they write down, types to them, and has them leave.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::{blocking, ended, wait_ended};
use crate::adapters::transcripts::Followed;
use crate::domain::activity::{Doing, Sighting, Source};
use crate::domain::agent_report::AgentReport;
use crate::domain::agent_run::AgentTurn;
use crate::holder::client::Client;
use crate::holder::files::SessionDir;
use crate::hook::{FaceOrder, Heard};
use crate::slots::runtime::Tell;
use crate::slots::{ErrorClass, SlotError};
use crate::terminal::{Pane, PaneState, encode_paste};

/// Shortest time between two looks at a screen.
const LOOK: Duration = Duration::from_millis(200);
/// How long what may only be a moment between two others must last.
const SETTLED: Duration = Duration::from_millis(1_500);
/// How long the screen must say that nothing is done until a turn is over of which nothing else tells.
const TURN_OVER: Duration = Duration::from_secs(3);
/// How long where no work was seen before, or hooks were to tell and none ever did.
const TURN_OVER_UNSEEN: Duration = Duration::from_secs(15);
/// How often it is looked whether somebody is still attached.
const ATTACHED: Duration = Duration::from_millis(300);
/// How long an agent may take to act on what is typed to have it leave.
const QUIT_PAUSE: Duration = Duration::from_millis(700);
/// How long it may take to be gone after the last of it.
const QUIT_LIMIT: Duration = Duration::from_secs(5);
/// Between a paste and the key that sends it: together they would be one paste.
const PASTE_PAUSE: Duration = Duration::from_millis(400);
/// How long an agent may take to show that it took a prompt.
const TAKEN: Duration = Duration::from_secs(6);

/// Says what the screen shows for as long as it is polled; returns where nothing is known of it.
pub(super) async fn watch(dir: &SessionDir, tell: Tell) {
    let changed = Arc::new(Notify::new());
    let pane = Pane::open(dir.path(), Arc::clone(&changed));
    while pane.state() == PaneState::Waiting {
        changed.notified().await;
    }
    let Some(order) = FaceOrder::read(dir.path()) else { return };
    if order.shows.is_empty() && order.transcript.is_none() {
        return;
    }
    let mut watch = Watch::new(dir.clone(), order, tell);
    loop {
        watch.look(&pane).await;
        watch.read_on().await;
        let next = watch.next_look();
        // A spinner changes all the time: it is looked at now and then.
        sleep(LOOK).await;
        let _nothing_new = timeout(next, changed.notified()).await;
    }
}

struct Watch {
    dir: SessionDir,
    order: FaceOrder,
    tell: Tell,
    /// What is shown, and since when.
    shown: Option<(Sighting, Instant)>,
    /// What was told of it last.
    told: Option<Sighting>,
    /// How far the agent is as far as the screen tells.
    turn: Option<AgentTurn>,
    /// Whether it was seen at work.
    worked: bool,
    /// The transcript of its conversation.
    transcript: Option<Followed>,
    /// What that says last, until it is told.
    recorded: Option<Sighting>,
}

impl Watch {
    fn new(dir: SessionDir, order: FaceOrder, tell: Tell) -> Self {
        let transcript = order.transcript.clone().map(|order| Followed::new(&dir, order));
        Self { dir, order, tell, shown: None, told: None, turn: None, worked: false, transcript, recorded: None }
    }

    /// Tells what the transcript says, but not over a screen that shows that nothing goes on: that is so now, and what the
    /// transcript says was before.
    async fn read_on(&mut self) {
        let Some(mut followed) = self.transcript.take() else { return };
        let read = blocking(move || (followed.news(), followed)).await;
        let Ok((news, followed)) = read else { return };
        self.transcript = Some(followed);
        self.recorded = news.or(self.recorded.take());
        let halts = |told: &Sighting| matches!(told.doing, Doing::Idle | Doing::Waiting { .. } | Doing::Limited { .. });
        if !self.told.as_ref().is_some_and(halts)
            && let Some(sighting) = self.recorded.take()
        {
            (self.tell)(AgentReport::Activity { sighting });
        }
    }

    async fn look(&mut self, pane: &Pane) {
        let seen = pane.with_screen(|screen| self.order.shows.read(screen.title(), &screen.contents()));
        let seen = seen.unwrap_or_else(|| {
            Sighting::new(Doing::Unknown, Source::Silence).evidence("no rule knows what its title and its screen show")
        });
        match &mut self.shown {
            Some((shown, _)) if same(shown, &seen) => {}
            shown => *shown = Some((seen, Instant::now())),
        }
        let Some((seen, since)) = self.shown.clone() else { return };
        let lasting = since.elapsed();
        self.paste_first(pane, &seen, lasting).await;
        self.follow_turn(&seen, lasting);
        // Where nothing else tells of turns, what only looks idle is a part of one.
        let by_screen = seen.doing == Doing::Idle && Heard::read(self.dir.path()).is_none();
        let patience = match seen.doing {
            Doing::Working | Doing::Waiting { .. } => Duration::ZERO,
            _ if by_screen => TURN_OVER,
            _ => SETTLED,
        };
        if lasting >= patience && !self.told.as_ref().is_some_and(|told| same(told, &seen)) {
            (self.tell)(AgentReport::Activity { sighting: seen.clone() });
            self.told = Some(seen.clone());
        }
    }

    /// Tells how far the agent is where no hook does.
    fn follow_turn(&mut self, seen: &Sighting, lasting: Duration) {
        if Heard::read(self.dir.path()).is_some() {
            return;
        }
        match seen.doing {
            Doing::Working => {
                self.worked = true;
                if !self.order.hooks && self.turn != Some(AgentTurn::Began) {
                    self.turn = Some(AgentTurn::Began);
                    (self.tell)(AgentReport::TurnBegan);
                }
            }
            Doing::Idle | Doing::Done if self.turn != Some(AgentTurn::Ended) => {
                let patience = if self.worked && !self.order.hooks { TURN_OVER } else { TURN_OVER_UNSEEN };
                if lasting >= patience && self.has_prompt() {
                    self.turn = Some(AgentTurn::Ended);
                    (self.tell)(AgentReport::TurnEnded { end: Box::default() });
                }
            }
            _ => {}
        }
    }

    fn has_prompt(&self) -> bool {
        !self.order.paste || self.dir.was_prompted()
    }

    /// Gives the agent its first prompt where it did not have it as an argument.
    async fn paste_first(&mut self, pane: &Pane, seen: &Sighting, lasting: Duration) {
        if seen.doing != Doing::Idle || lasting < SETTLED || self.has_prompt() {
            return;
        }
        let Ok(text) = std::fs::read_to_string(self.dir.path().join("prompt.md")) else { return };
        // Noted first: it is never given twice.
        if let Err(error) = self.dir.note_prompted() {
            return tracing::error!("{}: {error}", self.dir.path().display());
        }
        if let Err(why) = typed(&self.dir, &self.order, pane, &text).await {
            let evidence = format!("its first prompt could not be delivered: {why}");
            (self.tell)(AgentReport::Activity {
                sighting: Sighting::new(Doing::Unknown, Source::Screen).evidence(evidence),
            });
        }
        self.shown = None;
    }

    fn next_look(&self) -> Duration {
        match &self.shown {
            // What has not lasted yet may do so with nothing more being printed.
            Some((_, since)) if since.elapsed() < TURN_OVER_UNSEEN => LOOK * 2,
            _ => Duration::from_secs(10),
        }
    }
}

/// Whether two sightings say the same; a spinner that turned says nothing new.
fn same(one: &Sighting, other: &Sighting) -> bool {
    (one.doing, &one.text, &one.rule) == (other.doing, &other.text, &other.rule)
}

/// Waits until nobody is attached and has the agent leave; returns false where it does not.
pub(super) async fn left(dir: &SessionDir) -> bool {
    while dir.is_attached() && ended(dir).is_none() {
        sleep(ATTACHED).await;
    }
    let Some(order) = FaceOrder::read(dir.path()) else { return false };
    for keys in &order.quit {
        if ended(dir).is_some() {
            return true;
        }
        let Ok(mut client) = Client::connect(dir).await else { break };
        if client.sender.input(keys.as_bytes()).await.is_err() {
            break;
        }
        if timeout(QUIT_PAUSE, wait_ended(dir)).await.is_ok() {
            return true;
        }
    }
    !order.quit.is_empty() && timeout(QUIT_LIMIT, wait_ended(dir)).await.is_ok()
}

/// Types a prompt once the agent is at its prompt, and waits until it took it.
pub(super) async fn prompt(dir: &SessionDir, text: &str) -> Result<(), SlotError> {
    let failed = |why: String| SlotError::new(ErrorClass::Transient, why);
    let Some(order) = FaceOrder::read(dir.path()) else {
        return Err(failed("nothing is known of its screen".to_owned()));
    };
    let changed = Arc::new(Notify::new());
    let pane = Pane::open(dir.path(), Arc::clone(&changed));
    loop {
        match pane.state() {
            PaneState::Ended(_) | PaneState::Vanished => return Err(failed("its session is over".to_owned())),
            // Who is attached may be typing: nothing is put amid their words.
            PaneState::Live if !dir.is_attached() && at_prompt(&order, &pane) => {
                sleep(SETTLED).await;
                if at_prompt(&order, &pane) && !dir.is_attached() {
                    break;
                }
            }
            _ => {}
        }
        let _look_again = timeout(LOOK * 2, changed.notified()).await;
    }
    typed(dir, &order, &pane, text).await.map_err(failed)
}

/// Types what has the agent break off its work. Nothing is typed into a dialog, or into what nobody knows.
pub(super) async fn interrupt(dir: &SessionDir) -> Result<(), SlotError> {
    let failed = |why: &str| SlotError::new(ErrorClass::Transient, why);
    let order = FaceOrder::read(dir.path()).filter(|order| !order.interrupt.is_empty());
    let Some(order) = order else { return Err(failed("its record does not say how: attach to it")) };
    let changed = Arc::new(Notify::new());
    let pane = Pane::open(dir.path(), Arc::clone(&changed));
    while pane.state() == PaneState::Waiting {
        changed.notified().await;
    }
    for keys in &order.interrupt {
        // What was printed before this terminal was looked at is read first.
        sleep(LOOK).await;
        let doing = reading(&order, &pane).map(|seen| seen.doing);
        if !matches!(doing, Some(Doing::Working | Doing::Limited { .. })) {
            return Err(failed("its screen does not show it at work"));
        }
        if !pane.input(keys.clone()) {
            return Err(failed("its terminal takes no input"));
        }
    }
    // What is on its way to the terminal goes with the pane.
    sleep(LOOK).await;
    Ok(())
}

fn at_prompt(order: &FaceOrder, pane: &Pane) -> bool {
    reading(order, pane).is_some_and(|seen| matches!(seen.doing, Doing::Idle | Doing::Done))
}

fn reading(order: &FaceOrder, pane: &Pane) -> Option<Sighting> {
    pane.with_screen(|screen| order.shows.read(screen.title(), &screen.contents()))
}

/// Pastes a text, sends it, and waits until the agent shows that it took it; the key that sends is tried twice.
async fn typed(dir: &SessionDir, order: &FaceOrder, pane: &Pane, text: &str) -> Result<(), String> {
    let before = Heard::read(dir.path()).map_or(0, |heard| heard.prompts);
    let bracketed = pane.with_screen(|screen| screen.bracketed_paste());
    if !bracketed && text.trim_end().contains('\n') {
        return Err("its prompt takes one line only".to_owned());
    }
    if !pane.input(encode_paste(text.trim_end(), bracketed)) {
        return Err("its terminal takes no input".to_owned());
    }
    for _ in 0..2 {
        sleep(PASTE_PAUSE).await;
        if reading(order, pane).is_some_and(|seen| matches!(seen.doing, Doing::Waiting { .. })) {
            return Err("it asks something instead of taking it".to_owned());
        }
        pane.input(*b"\r");
        let until = Instant::now() + TAKEN;
        while Instant::now() < until {
            let heard = Heard::read(dir.path()).is_some_and(|heard| heard.prompts > before);
            // What it asks now it did not ask before.
            let goes_on = |doing| matches!(doing, Doing::Working | Doing::Waiting { .. });
            if heard || reading(order, pane).is_some_and(|seen| goes_on(seen.doing)) {
                return Ok(());
            }
            sleep(LOOK / 4).await;
        }
    }
    Err("it did not show that it took it, although it was sent twice".to_owned())
}
