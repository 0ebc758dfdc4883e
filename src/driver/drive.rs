//! The loop: lines in; transcript, reports and answers out.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::acp::Client;
use super::bounds::exceeded;
use super::child::{Agent, Arrival};
use super::console::Console;
use super::leftovers;
use super::order::{DriveOrder, note_result, write_outcome};
use super::talk::{Talk, Wish};
use crate::agent::{Account, Exit, Signal, Transcript, Trouble, activity, classify, next_chance, tries_again};
use crate::config::agents::Protocol;
use crate::domain::activity::{Doing, Sighting};
use crate::domain::agent_run::{AgentEnd, says_lost};
use crate::domain::plain::{plain_line, plain_text};
use crate::domain::session::{Answer, Ask};
use crate::domain::ticket::FailureClass;
use crate::domain::usage::Usage;
use crate::report::{Asking, Reporter};

/// How often answers and the end of the agent are looked for while something is awaited.
const LOOK: Duration = Duration::from_millis(100);
/// Shortest time between two reports of what the agent does.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Shortest time between two reports of what the agent used up.
const USED_EVERY: Duration = Duration::from_secs(3);
/// How long an agent that has said its last word may take to leave.
const LEAVE: Duration = Duration::from_secs(15);
/// Longest words of an agent kept, in characters.
const MAX_WORDS: usize = 4_000;
/// Longest name kept, in characters.
const MAX_NAME: usize = 200;
/// Lines of standard error kept for the case that they are all the agent says.
const KEPT_ERRORS: usize = 20;

/// Drives the agent of an order file to its end; returns the exit code of the session: 0 where the agent says it is done.
pub fn drive(order: &Path) -> io::Result<u8> {
    let order = DriveOrder::read(order)?;
    let reporter = Reporter::from_env().map_err(io::Error::other)?;
    let session_dir = PathBuf::from(std::env::var_os("AOTUI_SESSION_DIR").unwrap_or_default());
    // The whole group is told to end; the driver stays until the agent has, to say how.
    let told = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&told))?;
    }
    let mut driver = Driver::start(order, reporter, &session_dir)?;
    let exit = driver.run(&told)?;
    let mut end = driver.end(exit);
    if let (Some(message), None) = (&driver.order.commit, &end.failure) {
        end.failure = driver.commit(message);
    }
    write_outcome(&session_dir, &end)?;
    if let Some((_, words)) = &end.failure {
        driver.console.print(&format!("\r\n\x1b[31m✗ {words}\x1b[0m\r\n"));
    }
    Ok(u8::from(end.failure.is_some()))
}

/// A wish of the agent that a person has to answer.
struct Open {
    wish: String,
    asks: Vec<Ask>,
    input: Value,
    /// The request that stands for the next ask without an answer.
    request: Asking,
    answers: Vec<Answer>,
}

struct Driver {
    order: DriveOrder,
    reporter: Reporter,
    console: Console,
    agent: Agent,
    /// How one talks with it; `None` where it only prints.
    talk: Option<Talk>,
    account: Account,
    transcript: Transcript,
    open: Vec<Open>,
    /// Turns it was given and has not ended.
    turns: usize,
    errors: Vec<String>,
    said: Option<(Sighting, Instant)>,
    /// What was used up as far as it was told, and when.
    used: (Usage, Option<Instant>),
    /// The name of the conversation that was reported.
    conversation: Option<String>,
    /// When it has to be gone.
    leaves: Option<Instant>,
    /// Why it was ended although it would have gone on.
    given_up: Option<(FailureClass, String)>,
}

impl Driver {
    fn start(order: DriveOrder, reporter: Reporter, session_dir: &Path) -> io::Result<Self> {
        let mut talk = match order.headless.protocol {
            Protocol::Claude => Some(Talk::Claude),
            Protocol::Acp => {
                let cwd = std::env::current_dir()?.to_string_lossy().into_owned();
                Some(Talk::Acp(Client::new(cwd, order.conversation.clone())))
            }
            Protocol::Lines | Protocol::Text => None,
        };
        let console = Console::open(session_dir);
        let hint = if talk.is_some() { "; type a message and press Enter to say more" } else { "" };
        console.print(&format!("\x1b[2m{} without a screen of its own{hint}\x1b[0m\r\n", order.agent));
        let mut agent = Agent::start(&order.argv, order.prompt.is_some(), talk.is_some()).map_err(|error| {
            io::Error::new(error.kind(), format!("`{}`: {error}", order.argv.first().map_or("", |program| program)))
        })?;
        if let Some(path) = &order.prompt {
            let prompt = std::fs::read_to_string(path)?;
            if let Some(talk) = &mut talk {
                talk.open(&prompt).iter().for_each(|message| send(&mut agent.stdin, message));
            } else if let Some(mut stdin) = agent.stdin.take() {
                // An agent that leaves early does not read all of it; that is its own business. A thread writes, as a
                // long prompt may not fit into the pipe before the agent reads.
                std::thread::spawn(move || stdin.write_all(prompt.as_bytes()));
            }
        }
        let account = Account::new(&order.headless.stream, order.before);
        Ok(Self {
            order,
            reporter,
            console,
            agent,
            talk,
            account,
            transcript: Transcript::default(),
            open: Vec::new(),
            turns: 1,
            errors: Vec::new(),
            said: None,
            used: (Usage::default(), None),
            conversation: None,
            leaves: None,
            given_up: None,
        })
    }

    fn run(&mut self, told: &AtomicBool) -> io::Result<Exit> {
        let mut closed = false;
        loop {
            if told.swap(false, Ordering::Relaxed) {
                self.cancel();
            }
            match self.agent.arrivals.recv_timeout(LOOK) {
                Ok(Arrival::Closed) => closed = true,
                Ok(arrival) => self.take(&arrival),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.answer();
            self.tell_used();
            if self.leaves.is_some_and(|leaves| leaves <= Instant::now()) {
                self.agent.terminate();
                self.leaves = Some(Instant::now() + LEAVE);
            }
            // Its last lines may still be on their way when it has gone.
            if closed && let Some(exit) = self.agent.exit()? {
                self.agent.late().iter().for_each(|arrival| self.take(arrival));
                return Ok(exit);
            }
        }
    }

    fn take(&mut self, arrival: &Arrival) {
        match arrival {
            Arrival::Out(line) => self.line(line),
            Arrival::Error(line) => self.error(line),
            Arrival::Typed(line) => self.typed(line),
            Arrival::Closed => {}
        }
    }

    fn line(&mut self, line: &str) {
        self.console.keep(line);
        let signals = match self.talk.as_mut().and_then(|talk| talk.hear(line)) {
            Some(heard) => {
                heard.send.iter().for_each(|message| send(&mut self.agent.stdin, message));
                if let Some(wish) = heard.wish {
                    self.wish(wish);
                }
                heard.signals
            }
            None => self.order.headless.read(line),
        };
        for signal in signals {
            if let Signal::Limit { window } = &signal
                && !self.account.knows(window)
            {
                // Nothing of the work depends on it.
                let _ = self.reporter.limit(window.clone());
            }
            self.account.take(&signal);
            if let Signal::Conversation { id } = &signal
                && self.conversation.as_ref() != Some(id)
            {
                // It can be taken up from here on, whatever becomes of this process.
                let _ = self.reporter.conversation(id);
                self.conversation = Some(id.clone());
            }
            if let Signal::Model { name } = &signal {
                self.note_model(name);
            }
            self.console.print(&self.transcript.print(&signal));
            if matches!(signal, Signal::ToolEnded { .. }) {
                note_result(self.reporter.session_dir());
            }
            self.report(&signal);
            if matches!(signal, Signal::TurnEnded { .. }) {
                self.turn_ended();
            }
            self.give_up_if_due(&signal);
        }
    }

    /// Ends the agent where going on is in vain.
    fn give_up_if_due(&mut self, signal: &Signal) {
        let due = exceeded(&self.order, &self.account, signal).filter(|_| self.given_up.is_none());
        if due.is_some() {
            self.given_up = due;
            self.agent.terminate();
            self.leaves = Some(Instant::now() + LEAVE);
        }
    }

    /// Says what was used up so far; not more often than it matters.
    fn tell_used(&mut self) {
        let usage = self.account.usage();
        let now = Instant::now();
        let due = self.used.1.is_none_or(|told| now.duration_since(told) >= USED_EVERY);
        if usage.tokens() != self.used.0.tokens() && due {
            let end = AgentEnd {
                conversation: self.conversation.clone(),
                model: self.model(),
                usage,
                conversation_usage: self.account.usage_of_conversation(),
                ..AgentEnd::default()
            };
            // A report that cannot be written says nothing about the work, and the end tells of all.
            let _ = self.reporter.used(end);
            self.used = (usage, Some(now));
        }
    }

    /// Returns the model it works with: the one it names, else the one it was asked for.
    fn model(&self) -> Option<String> {
        self.account.model().map(|name| plain_line(name, MAX_NAME)).or_else(|| self.order.model.clone())
    }

    /// Says what the agent does now; not more often than a person can read.
    fn report(&mut self, signal: &Signal) {
        let Some(mut sighting) = activity(signal) else { return };
        let now = Instant::now();
        let is_next = |(said, at): &(Sighting, Instant)| {
            sighting != *said && (sighting.doing != said.doing || now.duration_since(*at) >= REPORT_EVERY)
        };
        if !self.said.as_ref().is_none_or(is_next) {
            return;
        }
        self.said = Some((sighting.clone(), now));
        if let (Doing::Limited { until }, Signal::Retrying { wait, .. }) = (&mut sighting.doing, signal) {
            let wait = i64::try_from(wait.as_millis()).unwrap_or(0);
            *until = Some(crate::report::now().plus_millis(wait));
        }
        // A report that cannot be written says nothing about the work.
        let _ = self.reporter.activity(sighting);
    }

    fn turn_ended(&mut self) {
        self.turns = self.turns.saturating_sub(1);
        if self.turns == 0 {
            // With its input closed a two-way agent leaves; the others leave by themselves.
            self.agent.stdin = None;
            self.leaves = Some(Instant::now() + LEAVE);
        }
    }

    fn error(&mut self, line: &str) {
        let line = plain_line(&without_colours(line), MAX_WORDS);
        if line.is_empty() {
            return;
        }
        self.console.print(&format!("\x1b[2m{line}\x1b[0m\r\n"));
        if self.errors.len() == KEPT_ERRORS {
            self.errors.remove(0);
        }
        if let Some(trouble) = tries_again(&line, &self.order.headless.retry_lines) {
            let signal = Signal::Retrying { attempt: 0, most: 0, wait: Duration::ZERO, trouble };
            self.account.take(&signal);
            self.report(&signal);
        }
        self.errors.push(line);
    }

    fn typed(&mut self, line: &str) {
        let line = line.trim();
        if let (Some(talk), true, false) = (&mut self.talk, self.agent.stdin.is_some(), line.is_empty()) {
            self.turns += 1;
            talk.say(line).iter().for_each(|message| send(&mut self.agent.stdin, message));
        }
    }

    /// Has an agent that is told by its protocol end its turn, as the session is to end.
    fn cancel(&mut self) {
        if let Some(message) = self.talk.as_ref().and_then(Talk::cancel) {
            send(&mut self.agent.stdin, &message);
        }
    }

    fn wish(&mut self, wish: Wish) {
        let Some(talk) = &self.talk else { return };
        match wish {
            Wish::Ask { id, asks, input } => match asks.first().cloned().map(|ask| self.reporter.ask(ask)) {
                Some(Ok(request)) => {
                    self.open.push(Open { wish: id, asks, input, request, answers: Vec::new() });
                }
                // What cannot be asked is not allowed.
                Some(Err(error)) => {
                    let message = format!("nobody could be asked: {error}");
                    send(&mut self.agent.stdin, &talk.reply(&id, &asks, &input, &[Answer::Deny { message }]));
                }
                None => send(&mut self.agent.stdin, &talk.refuse(&id, "a request without a question")),
            },
            Wish::Cancel { id } => {
                for open in self.open.extract_if(.., |open| open.wish == id) {
                    let _ = self.reporter.withdraw(open.request.id);
                }
            }
            Wish::Unknown { id, what } => send(&mut self.agent.stdin, &talk.refuse(&id, &what)),
        }
    }

    /// Gives the agent the answers that came.
    fn answer(&mut self) {
        let (reporter, stdin, Some(talk)) = (&self.reporter, &mut self.agent.stdin, &self.talk) else { return };
        self.open.retain_mut(|open| {
            let Some(answer) = reporter.answered(&open.request.id) else { return true };
            let over = matches!(answer, Answer::Deny { .. });
            open.answers.push(answer);
            if let (false, Some(next)) = (over, open.asks.get(open.answers.len()))
                && let Ok(request) = reporter.ask(next.clone())
            {
                open.request = request;
                return true;
            }
            send(stdin, &talk.reply(&open.wish, &open.asks, &open.input, &open.answers));
            false
        });
    }

    /// Commits the work of an agent that says it is done and cannot; returns what is in the way.
    fn commit(&self, message: &str) -> Option<(FailureClass, String)> {
        match leftovers::commit(Path::new("."), message) {
            Ok(None) => None,
            Ok(Some(commit)) => {
                self.console.print(&format!("\x1b[2mcommitted for it: {commit}\x1b[0m\r\n"));
                None
            }
            Err(why) => Some((FailureClass::Exit, format!("its work could not be committed: {why}"))),
        }
    }

    /// Notes the model where git's hooks find it.
    fn note_model(&self, name: &str) {
        let file = self.reporter.session_dir().join("model-trailer");
        // Without the note the commits name no model, which is no reason to stop.
        let _ = std::fs::write(file, format!("Model: {}\n", plain_line(name, MAX_NAME)));
    }

    fn end(&self, exit: Exit) -> AgentEnd {
        let ending = self.account.ending(exit, &self.order.headless.errors);
        let failure = ending.failure.map(|(class, words)| {
            let told = self.errors.last().filter(|_| !self.account.turn_is_over());
            let trouble = told.map(|line| Trouble { text: line.clone(), ..Trouble::default() });
            match trouble.map(|trouble| classify(&trouble, &self.order.headless.errors)) {
                // A program that leaves with a word on its standard error says there what is wrong.
                Some(known) if !self.account.has_trouble() => {
                    let class = if known == FailureClass::Unknown { class } else { known };
                    (class, format!("{words}: {}", self.errors.join(" · ")))
                }
                _ => (class, words),
            }
        });
        let failure = self.given_up.clone().or(failure);
        let lost = self.order.resumes && failure.as_ref().is_some_and(|(_, words)| says_lost(words));
        AgentEnd {
            lost,
            retry_at: next_chance(failure.as_ref()),
            conversation: self
                .account
                .conversation()
                .map(|name| plain_line(name, MAX_NAME))
                .or_else(|| self.order.conversation.clone()),
            model: self.model(),
            usage: self.account.usage(),
            conversation_usage: self.account.usage_of_conversation(),
            failure: failure.map(|(class, words)| (class, plain_line(&words, MAX_WORDS))),
            denied: ending.denied.iter().map(|tool| plain_line(tool, MAX_NAME)).collect(),
            last_words: ending.last_words.map(|words| plain_text(&words, MAX_WORDS)),
        }
    }
}

/// Returns a line without the sequences by which programs colour it.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let is_of_sequence = |c: char| c.is_ascii_digit() || c == ';';
    parts.fold(first, |text, part| text + part.trim_start_matches(is_of_sequence).strip_prefix('m').unwrap_or(part))
}

/// Sends a message to the agent. One that left does not read it; its end says why.
fn send(stdin: &mut Option<ChildStdin>, message: &Value) {
    if let Some(to) = stdin
        && to.write_all(format!("{message}\n").as_bytes()).and_then(|()| to.flush()).is_err()
    {
        *stdin = None;
    }
}
