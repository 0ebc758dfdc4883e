//! The loop: gather what happened, update, draw when something changed. Idle costs nothing.

use std::future::poll_fn;
use std::io::{self, BufWriter, Stdout, stdout};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use crossterm::{execute, queue};
use futures_util::StreamExt;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::clipboard;
use super::effect::Effect;
use super::engines::{Engines, Joined};
use super::guard::Guard;
use super::input;
use super::model::{Model, Notice};
use super::msg::Msg;
use super::options::{Quit, TuiOptions, setup};
use super::panes::Panes;
use super::view::view;
use crate::actions::Action;
use crate::bus::Link;
use crate::domain::command::Rejection;
use crate::domain::fleet::Fleet;
use crate::domain::time::Timestamp;

/// Least time between two frames.
const FRAME: Duration = Duration::from_millis(16);
/// Least time between two frames while a person types, so that an echo is not held back.
const FRAME_TYPING: Duration = Duration::from_millis(2);
/// How long after a key frames may come sooner.
const TYPING: Duration = Duration::from_millis(30);
/// Most events taken in between two frames.
const GATHERED: usize = 1000;

/// Shows the fleet until the person leaves. The terminal is as before when this returns; print [`Quit`] then.
pub async fn run(link: Link, options: TuiOptions, engines: Box<dyn Engines>) -> io::Result<Quit> {
    let get = |name: &str| std::env::var(name).ok();
    let mut signals = Signals::new()?;
    let guard = Guard::enter(get)?;
    let mut screen = Screen::new(link, options, engines)?;
    let outcome = screen.run(&mut signals).await;
    let farewell = screen.model.farewell();
    drop(screen);
    drop(guard);
    outcome.map(|forced| Quit { farewell, forced })
}

/// Signals that end the program.
struct Signals(Vec<Signal>);

impl Signals {
    fn new() -> io::Result<Self> {
        let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()];
        kinds.into_iter().map(signal).collect::<io::Result<_>>().map(Self)
    }

    async fn any(&mut self) {
        let waits: Vec<_> = self.0.iter_mut().map(|signal| Box::pin(signal.recv())).collect();
        futures_util::future::select_all(waits).await;
    }
}

/// What woke the loop.
enum Woken {
    Signal,
    Event(Option<io::Result<Event>>),
    Answer(Msg),
    Pane,
    Fleet(bool),
    Engine(Result<Joined, Rejection>),
    Time,
}

struct Screen {
    link: Link,
    model: Model,
    panes: Panes,
    notify: Arc<Notify>,
    fleet: watch::Receiver<Arc<Fleet>>,
    /// Whether there is a snapshot that was not taken in yet.
    fleet_changed: bool,
    answers: JoinSet<Msg>,
    engines: Box<dyn Engines>,
    /// The way to another engine, while there is none.
    joins: JoinSet<Result<Joined, Rejection>>,
    events: EventStream,
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    /// Whether what is on screen is out of date.
    dirty: bool,
    drawn: Instant,
    typed: Option<Instant>,
    quit: bool,
}

impl Screen {
    fn new(link: Link, options: TuiOptions, engines: Box<dyn Engines>) -> io::Result<Self> {
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::new(stdout())))?;
        let size = terminal.size()?;
        let mut fleet = link.watch();
        let snapshot = Arc::clone(&fleet.borrow_and_update());
        let notify = Arc::new(Notify::new());
        let panes = Panes::new(options.sessions_dir.clone(), Arc::clone(&notify));
        let (setup, errors) = setup(options, |name| std::env::var(name).ok());
        let mut model = Model::new(setup, snapshot, (size.width, size.height), now());
        model.notice = errors.into_iter().next().map(Notice::error);
        Ok(Self {
            link,
            model,
            panes,
            notify,
            fleet,
            fleet_changed: false,
            answers: JoinSet::new(),
            engines,
            joins: JoinSet::new(),
            events: EventStream::new(),
            terminal,
            dirty: true,
            drawn: Instant::now() - FRAME,
            typed: None,
            quit: false,
        })
    }

    /// Runs until the person leaves (`false`) or is forced out (`true`).
    async fn run(&mut self, signals: &mut Signals) -> io::Result<bool> {
        loop {
            if self.dirty && Instant::now() >= self.next_frame() {
                self.draw()?;
            }
            match self.wait(signals).await {
                Woken::Signal => return Ok(true),
                Woken::Event(event) => {
                    let forced = self.take_events(event).await;
                    if self.quit || forced {
                        return Ok(forced);
                    }
                }
                Woken::Answer(msg) => self.update(msg),
                Woken::Pane => self.dirty |= self.panes.take_dirty(),
                Woken::Fleet(true) => {
                    self.fleet_changed = true;
                    self.dirty = true;
                }
                Woken::Fleet(false) => {
                    self.update(Msg::EngineGone);
                    self.joins.spawn(self.engines.find());
                }
                Woken::Engine(found) => self.join(found),
                Woken::Time => self.dirty = true,
            }
        }
    }

    async fn wait(&mut self, signals: &mut Signals) -> Woken {
        let next = if self.dirty { Some(self.next_frame()) } else { self.next_change() };
        let gone = self.model.gone.is_some();
        tokio::select! {
            biased;
            () = signals.any() => Woken::Signal,
            event = self.events.next() => Woken::Event(event),
            Some(Ok(msg)) = self.answers.join_next() => Woken::Answer(msg),
            () = self.notify.notified() => Woken::Pane,
            changed = self.fleet.changed(), if !gone => Woken::Fleet(changed.is_ok()),
            Some(Ok(found)) = self.joins.join_next() => Woken::Engine(found),
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => Woken::Time,
        }
    }

    /// Goes on with the engine that was found, or says why there is none to go on with.
    fn join(&mut self, found: Result<Joined, Rejection>) {
        match found {
            Ok(Joined { link, who }) => {
                self.joins.abort_all();
                self.fleet = link.watch();
                self.fleet_changed = false;
                self.link = link;
                let fleet = Arc::clone(&self.fleet.borrow_and_update());
                self.update(Msg::EngineBack { fleet, who });
            }
            Err(why) => {
                self.update(Msg::NoEngine(why));
                self.joins.spawn(self.engines.find());
            }
        }
    }

    /// Takes in an event and those that came with it. Returns whether the terminal is gone.
    async fn take_events(&mut self, first: Option<io::Result<Event>>) -> bool {
        let mut event = Some(first);
        for _ in 0..GATHERED {
            match event {
                Some(Some(Ok(happened))) => {
                    if let Some(msg) = input::read(happened) {
                        if matches!(msg, Msg::Key(_)) {
                            self.typed = Some(Instant::now());
                        }
                        self.update(msg);
                    }
                }
                Some(Some(Err(_)) | None) => return true,
                None => return false,
            }
            if self.quit {
                return false;
            }
            event = self.event_at_hand().await;
        }
        false
    }

    /// Returns the next event if it is there already. Asks as this task: the stream wakes whoever asked first, and
    /// nobody else until something comes.
    async fn event_at_hand(&mut self) -> Option<Option<io::Result<Event>>> {
        poll_fn(|context| {
            Poll::Ready(match self.events.poll_next_unpin(context) {
                Poll::Ready(event) => Some(event),
                Poll::Pending => None,
            })
        })
        .await
    }

    fn update(&mut self, msg: Msg) {
        let effects = self.model.update(now(), msg);
        self.dirty = true;
        if effects.is_empty() {
            return;
        }
        self.show_pane();
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { command, what } => match self.link.send(*command) {
                Ok(answer) => {
                    self.answers.spawn(async move {
                        let gone = || Err(Rejection::new("the engine has stopped"));
                        Msg::Answered { what, result: answer.await.unwrap_or_else(|_| gone()) }
                    });
                }
                Err(rejection) => self.model.notice = Some(rejection.into()),
            },
            Effect::Type(key) => {
                if !self.panes.key(key) {
                    self.refused();
                }
            }
            Effect::Paste(text) => {
                if !self.panes.paste(&text) {
                    self.refused();
                }
            }
            Effect::Mouse(event) => self.panes.mouse(event),
            Effect::Wheel { lines, forward } => self.panes.wheel(lines, forward),
            Effect::Copy(text) => {
                if let Err(error) = clipboard::copy(&text) {
                    self.model.notice = Some(Notice::error(format!("could not copy: {error}")));
                }
            }
            Effect::StartEngine => {
                // Nobody else looks for an engine meanwhile: they would find this one before it is called ours.
                self.joins = JoinSet::new();
                self.joins.spawn(self.engines.start());
            }
            Effect::Quit => self.quit = true,
        }
    }

    fn refused(&mut self) {
        let leave = self.model.key(Action::Leave);
        self.model.notice = Some(Notice::info(format!("the session takes no keys: it is over; {leave} leaves")));
    }

    fn show_pane(&mut self) {
        let attached = self.model.attached();
        let size = self.model.areas().terminal_size(attached);
        self.panes.show(self.model.session().as_ref(), size, attached);
    }

    fn next_frame(&self) -> Instant {
        let typing = self.typed.is_some_and(|typed| typed.elapsed() < TYPING);
        self.drawn + if typing { FRAME_TYPING } else { FRAME }
    }

    /// Returns when something on screen reads differently although nothing happened; `None` means never.
    fn next_change(&self) -> Option<Instant> {
        self.model.unchanged_for().map(|millis| Instant::now() + Duration::from_millis(millis))
    }

    fn draw(&mut self) -> io::Result<()> {
        // A new snapshot is taken in right before it is drawn, so that a key never answers what nobody has seen.
        if std::mem::take(&mut self.fleet_changed) {
            let fleet = Arc::clone(&self.fleet.borrow_and_update());
            self.update(Msg::Fleet(fleet));
        }
        let size = self.terminal.size()?;
        if (size.width, size.height) != self.model.size {
            self.update(Msg::Resize(size.width, size.height));
        }
        self.model.now = now();
        self.show_pane();
        let _seen = self.panes.take_dirty();
        let (model, panes) = (&self.model, &self.panes);
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| match panes.visible() {
            Some(pane) => {
                view(model, Some(&|area, buffer| pane.with_screen(|screen| screen.render(area, buffer))), frame)
            }
            None => view(model, None, frame),
        })?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        self.dirty = false;
        self.drawn = Instant::now();
        Ok(())
    }
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
