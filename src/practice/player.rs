//! Plays a story step by step.

mod asking;

use std::time::{Duration, Instant};

use super::git::{Git, Merged};
use super::keyboard::{Keyboard, Typed};
use super::scene::Scene;
use super::screen::{Screen, Style};
use super::story::{Edit, Step, ToolCall};
use super::{files, wrap};
use crate::domain::plain::{plain_line, plain_text};
use crate::report::{ReportError, Reporter};

/// Time between two pictures of the spinner.
const FRAME: Duration = Duration::from_millis(100);
/// Seconds for one word of streamed text.
const WORD: f64 = 0.03;
/// Seconds that a tool call takes.
const TOOL: f64 = 0.5;
/// Longest text streamed at once, in characters.
const MAX_SAID: usize = 20_000;
const SPINNER: [char; 6] = ['·', '✢', '✳', '✶', '✻', '✽'];

/// Why the play ended before its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// The story cannot be played as it is written.
    Unplayable(String),
    /// The work failed.
    Failed(String),
    /// It leaves with this code.
    Exit(u8),
    /// It dies by a signal.
    Crash,
}

/// One run of the agent.
pub(super) struct Player {
    scene: Scene,
    screen: Screen,
    keyboard: Keyboard,
    /// What the person typed and no commit carries yet.
    notes: Vec<String>,
    /// The last answer to a question, which later texts may name as `{reply}`.
    reply: String,
    doing: &'static str,
    slow: f64,
    started: Instant,
}

impl Player {
    pub(super) fn new(scene: Scene, screen: Screen) -> Self {
        let keyboard = Keyboard::open(screen.is_terminal());
        let started = Instant::now();
        Self { scene, screen, keyboard, notes: Vec::new(), reply: String::new(), doing: "Thinking", slow: 1.0, started }
    }

    /// Draws the header.
    pub(super) fn introduce(&mut self) {
        let inner = self.screen.width().saturating_sub(4).clamp(8, 66);
        let place = format!("{} · {} · visit {}", self.scene.ticket, self.scene.phase, self.scene.visit);
        let mut rows = vec!["✻ Practice agent".to_owned(), place];
        if !self.scene.title.is_empty() {
            rows.push(self.scene.title.clone());
        }
        self.screen.line(Style::Dim, &format!("╭{}╮", "─".repeat(inner + 2)));
        for row in rows.iter().flat_map(|row| wrap::wrap(row, inner)) {
            let gap = inner.saturating_sub(unicode_width::UnicodeWidthStr::width(row.as_str()));
            self.screen.line(Style::Dim, &format!("│ {row}{} │", " ".repeat(gap)));
        }
        self.screen.line(Style::Dim, &format!("╰{}╯", "─".repeat(inner + 2)));
    }

    /// Plays `steps` and what remains to be done after them.
    pub(super) fn perform(&mut self, steps: &[Step]) -> Result<(), Halt> {
        self.play(steps)?;
        self.keep_notes()?;
        self.progress("done");
        self.screen.line(Style::Dim, "✓ done");
        Ok(())
    }

    /// Tells how it ended, gives the terminal back and returns the exit code.
    pub(super) fn leave(mut self, end: Result<(), Halt>) -> u8 {
        self.screen.status(String::new());
        let (code, why) = match end {
            Ok(()) => (0, None),
            Err(Halt::Exit(code)) => (code, None),
            Err(Halt::Failed(why)) => (1, Some(why)),
            Err(Halt::Unplayable(why)) => (2, Some(why)),
            Err(Halt::Crash) => {
                drop(self);
                std::process::abort();
            }
        };
        if let Some(why) = why {
            self.screen.line(Style::Wrong, &format!("✗ {why}"));
        }
        code
    }

    fn play(&mut self, steps: &[Step]) -> Result<(), Halt> {
        for step in steps {
            self.pause(0.0)?;
            self.step(step)?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), Halt> {
        match step {
            Step::Say(text) => self.say(text),
            Step::Think(seconds) => {
                self.progress("thinking");
                self.busy("Thinking", *seconds)
            }
            Step::Sleep(seconds) => self.busy("Waiting", *seconds),
            Step::Slow(factor) if factor.is_finite() && *factor > 0.0 => {
                self.slow = *factor;
                Ok(())
            }
            Step::Slow(_) => Err(Halt::Unplayable("`slow` needs a factor above 0".into())),
            Step::Tool(call) => self.tool(call),
            Step::Write(edit) => self.edit("Write", edit, files::write),
            Step::Append(edit) => self.edit("Edit", edit, files::append),
            Step::Commit(message) => self.commit(message),
            Step::Delete(path) => {
                self.screen.line(Style::Strong, &format!("● Delete({path})"));
                files::remove(&self.scene.root, path)
            }
            Step::Verdict(judged) => {
                self.screen.line(Style::Strong, &format!("● Verdict({}: {})", judged.verdict, judged.reason));
                self.tell(|reporter| reporter.verdict(&judged.verdict, &judged.reason))
            }
            Step::Learn(text) => {
                self.screen.line(Style::Strong, &format!("● Learned({text})"));
                self.tell(|reporter| reporter.learning(text))
            }
            Step::Artifact(left) => {
                self.screen.line(Style::Strong, &format!("● Artifact({})", left.name));
                self.tell(|_| Reporter::artifact(&left.name, left.text.as_bytes()).map(drop))
            }
            Step::Permission(asked) => self.permission(asked),
            Step::Question(asked) => self.question(asked),
            Step::Merge(_) => self.merge(),
            Step::Hang(false) | Step::Crash(false) => Ok(()),
            Step::Hang(true) => self.hang(),
            Step::Crash(true) => Err(Halt::Crash),
            Step::Fail(message) => Err(Halt::Failed(message.clone())),
            Step::Exit(code) => Err(Halt::Exit(*code)),
        }
    }

    fn say(&mut self, text: &str) -> Result<(), Halt> {
        let text = plain_text(text, MAX_SAID);
        self.screen.line(Style::Plain, "");
        for line in text.lines() {
            for word in line.split_inclusive(' ') {
                self.screen.word(word);
                self.pause(WORD)?;
            }
            self.screen.end_line();
        }
        Ok(())
    }

    fn tool(&mut self, call: &ToolCall) -> Result<(), Halt> {
        let doing = match call.name.as_str() {
            "Bash" => "running",
            "Read" => "reading",
            "Edit" | "Write" => "editing",
            "Grep" | "Search" => "searching",
            name => name,
        };
        self.progress(&format!("{doing} {}", call.detail));
        self.screen.line(Style::Strong, &format!("● {}({})", call.name, call.detail));
        self.busy("Working", TOOL)?;
        self.result(&call.result);
        Ok(())
    }

    fn edit(
        &mut self,
        name: &str,
        edit: &Edit,
        act: fn(&std::path::Path, &str, &str) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        self.progress(&format!("editing {}", edit.path));
        self.screen.line(Style::Strong, &format!("● {name}({})", edit.path));
        self.busy("Editing", TOOL)?;
        act(&self.scene.root, &edit.path, &edit.text.replace("{reply}", &self.reply))?;
        let lines = edit.text.lines().count();
        self.result(&format!("{lines} line{}", if lines == 1 { "" } else { "s" }));
        Ok(())
    }

    /// Shows what a tool returned, set in below its call.
    fn result(&mut self, text: &str) {
        for (at, line) in plain_text(text, MAX_SAID).lines().enumerate() {
            let lead = if at == 0 { "  ⎿ " } else { "    " };
            self.screen.line(Style::Dim, &format!("{lead}{line}"));
        }
    }

    fn commit(&mut self, message: &str) -> Result<(), Halt> {
        self.progress("committing");
        self.screen.line(Style::Strong, &format!("● Commit({message})"));
        let mut whole = format!("{}: {message}", self.scene.ticket);
        if !self.notes.is_empty() {
            whole.push_str("\n\nSaid in the terminal:\n");
            whole.extend(self.notes.iter().map(|note| format!("- {note}\n")));
        }
        match Git::new(&self.scene.root).commit_all(&whole)? {
            Some(id) => {
                self.notes.clear();
                self.result(&id);
            }
            None => self.result("nothing to commit"),
        }
        Ok(())
    }

    fn merge(&mut self) -> Result<(), Halt> {
        let Some(base) = self.scene.base.clone() else {
            return Err(Halt::Failed("there is no base branch to merge: AOTUI_BASE is not set".into()));
        };
        self.progress(&format!("merging {base}"));
        self.screen.line(Style::Strong, &format!("● Bash(git merge {base})"));
        self.busy("Merging", TOOL)?;
        let message = format!("{}: Merge {base}", self.scene.ticket);
        match Git::new(&self.scene.root).merge_keeping_both(&base, &message)? {
            Merged::UpToDate => self.result("already up to date"),
            Merged::Done { joined } if joined.is_empty() => self.result("merged without conflicts"),
            Merged::Done { joined } => self.result(&format!("conflicts in {}: kept both sides", joined.join(", "))),
        }
        Ok(())
    }

    fn hang(&mut self) -> Result<(), Halt> {
        loop {
            self.busy("Thinking", 3600.0)?;
        }
    }

    /// Writes down what was typed after the last commit, so that nothing a person says is lost.
    fn keep_notes(&mut self) -> Result<(), Halt> {
        self.pause(0.0)?;
        if self.notes.is_empty() {
            return Ok(());
        }
        let text: String = self.notes.iter().map(|note| format!("- {note}\n")).collect();
        files::append(&self.scene.root, &self.notes_file(), &text)?;
        self.commit("Keep what was said in the terminal")
    }

    fn notes_file(&self) -> String {
        format!("notes/{}.md", self.scene.ticket)
    }

    fn note(&mut self, line: &str) {
        let line = plain_line(line, 500);
        self.screen.line(Style::Dim, &format!("noted: {line}"));
        self.notes.push(line);
    }

    /// Waits with a spinner.
    fn busy(&mut self, doing: &'static str, seconds: f64) -> Result<(), Halt> {
        self.doing = doing;
        self.pause(seconds)
    }

    /// Waits for story time to pass, answering the keyboard meanwhile.
    fn pause(&mut self, seconds: f64) -> Result<(), Halt> {
        let scaled = (seconds * self.slow / self.scene.speed).clamp(0.0, 1e9);
        let wait = Duration::from_secs_f64(if scaled.is_nan() { 0.0 } else { scaled });
        let begun = Instant::now();
        loop {
            let left = wait.saturating_sub(begun.elapsed());
            if let Some(line) = self.listen(left.min(FRAME))? {
                self.note(&line);
            } else if begun.elapsed() >= wait {
                return Ok(());
            }
        }
    }

    /// Turns the spinner and waits for the keyboard; returns a line where one was finished.
    fn listen(&mut self, patience: Duration) -> Result<Option<String>, Halt> {
        let elapsed = self.started.elapsed();
        let frame = usize::try_from(elapsed.as_millis() / 150).unwrap_or(0) % SPINNER.len();
        let picture = SPINNER.get(frame).copied().unwrap_or('·');
        self.screen.status(format!("{picture} {}… {}s", self.doing, elapsed.as_secs()));
        let typed = self.keyboard.wait(patience);
        self.screen.fit();
        self.screen.input(self.keyboard.line());
        match typed {
            Typed::Interrupt => Err(Halt::Exit(130)),
            Typed::Line(line) => Ok(Some(line)),
            Typed::Nothing => Ok(None),
        }
    }

    /// Tells aotui something that matters.
    fn tell(&self, say: impl Fn(&Reporter) -> Result<(), ReportError>) -> Result<(), Halt> {
        let Some(reporter) = &self.scene.reporter else { return Ok(()) };
        say(reporter).map_err(|error| Halt::Failed(format!("cannot report: {error}")))
    }

    /// Tells aotui what it does; a spool that cannot be written must not stop the work.
    fn progress(&mut self, text: &str) {
        let Some(Err(error)) = self.scene.reporter.as_ref().map(|reporter| reporter.progress(text)) else {
            return;
        };
        self.screen.line(Style::Dim, &format!("(could not report: {error})"));
        self.scene.reporter = None;
    }
}
