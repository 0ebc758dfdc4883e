//! One call: what the agent's program says becomes reports, and where it asks, it waits for a person.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::files::{FaceOrder, Heard};
use super::transcript::{self, Used};
use super::{claude, codex};
use crate::agent::{Trouble, asks, classify, decision, next_chance};
use crate::domain::activity::{Doing, Sighting, Source, Wait};
use crate::domain::agent_run::{AgentEnd, AgentTurn};
use crate::domain::ids::RequestId;
use crate::domain::session::{Answer, Ask};
use crate::domain::ticket::FailureClass;
use crate::driver;
use crate::report::{ReportError, Reporter};

/// Largest payload taken, in bytes.
const MAX_PAYLOAD: u64 = 16 * 1024 * 1024;

/// How the name of the file ends that says what a request is about.
const WORD: &str = "use";

/// Returns what tells one use of a tool from others.
fn use_of(tool: &str, input: &Value) -> String {
    blake3::hash(format!("{tool}\n{input}").as_bytes()).to_hex().to_string()
}

/// What an agent's program says in one call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Call {
    /// It is up.
    Started { conversation: Option<String>, transcript: Option<String> },
    /// It took a prompt.
    Prompted { conversation: Option<String> },
    /// It uses a tool.
    Tool { tool: String, on: String },
    /// A tool is done.
    ToolDone { tool: String, input: Value },
    /// It wants to use a tool and waits for the decision.
    Permission { tool: String, input: Value },
    /// It draws a person's attention to something.
    Notice { text: String, kind: String },
    /// Its turn is over.
    Stopped(Ending),
    /// It leaves.
    Ended { transcript: Option<String> },
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ending {
    pub(super) conversation: Option<String>,
    /// The file that the program keeps of the conversation.
    pub(super) transcript: Option<String>,
    pub(super) last_words: Option<String>,
    /// What ended it badly.
    pub(super) trouble: Option<Trouble>,
}

/// Passes on what the program of an agent of this kind says, in `argument` or on the standard input. Returns what it is to
/// be answered, on its standard output; `None` where it is not.
pub fn hook(kind: &str, argument: Option<&str>) -> Result<Option<String>, ReportError> {
    let reporter = Reporter::from_env()?;
    let text = match argument {
        Some(argument) => argument.to_owned(),
        None => {
            let mut text = Vec::new();
            // What cannot be read says nothing.
            let _cut_off = io::stdin().lock().take(MAX_PAYLOAD).read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        }
    };
    let payload = serde_json::from_str(&text).unwrap_or(Value::Null);
    let heard = Heard::read(reporter.session_dir()).unwrap_or_default();
    let order = FaceOrder::read(reporter.session_dir());
    let call = match kind {
        "claude" => claude::hear(&payload),
        "codex" => codex::hear(&payload, order.as_ref(), &heard),
        _ => None,
    };
    let line = Line { reporter, heard, order: order.unwrap_or_default() };
    call.map_or(Ok(None), |call| line.pass_on(call))
}

/// The line from the agent's program to aotui.
struct Line {
    reporter: Reporter,
    heard: Heard,
    order: FaceOrder,
}

impl Line {
    fn pass_on(mut self, call: Call) -> Result<Option<String>, ReportError> {
        match call {
            Call::Started { conversation, transcript } => {
                // It also starts when it has shortened its conversation: what that used up is not from before.
                if conversation != self.heard.conversation {
                    let used = transcript.map(|path| transcript::read(Path::new(&path)).usage);
                    self.heard.before = used.unwrap_or_default();
                }
                self.converses(conversation)?;
                self.remember();
                self.doing(Doing::Unknown, "", "it started")?;
            }
            Call::Prompted { conversation } => {
                self.converses(conversation)?;
                self.heard.turn = Some(AgentTurn::Began);
                self.heard.prompts += 1;
                self.remember();
                // What an earlier turn came to is not the end any more.
                let _never_was = std::fs::remove_file(self.reporter.session_dir().join(driver::OUTCOME_FILE));
                self.reporter.turn_began()?;
                self.doing(Doing::Working, "thinking", "it took a prompt")?;
            }
            Call::Tool { tool, on } => {
                let text = if on.is_empty() { tool.clone() } else { format!("{tool}: {on}") };
                self.doing(Doing::Working, &text, &format!("{tool} is used"))?;
            }
            Call::ToolDone { tool, input } => {
                self.answered_elsewhere(&use_of(&tool, &input))?;
                driver::note_result(self.reporter.session_dir());
                self.doing(Doing::Working, "thinking", &format!("{tool} is done"))?;
            }
            Call::Permission { tool, input } => return self.ask(&tool, &input).map(Some),
            Call::Notice { text, kind } if kind == "permission_prompt" => {
                self.doing(Doing::Waiting { what: Wait::Permission }, "", &text)?;
            }
            Call::Notice { .. } => {}
            Call::Stopped(ending) => self.stopped(ending)?,
            Call::Ended { transcript } => self.left(transcript.as_deref())?,
        }
        Ok(None)
    }

    fn doing(&self, doing: Doing, text: &str, evidence: &str) -> Result<(), ReportError> {
        self.reporter.activity(Sighting::new(doing, Source::Hook).text(text).evidence(evidence))
    }

    /// Keeps what was heard. A disk that is full must not fail the agent.
    fn remember(&self) {
        let _full = self.heard.write(self.reporter.session_dir());
    }

    fn converses(&mut self, conversation: Option<String>) -> Result<(), ReportError> {
        if conversation.is_none() || conversation == self.heard.conversation {
            return Ok(());
        }
        self.heard.conversation = conversation;
        self.heard.conversation.as_ref().map_or(Ok(()), |id| self.reporter.conversation(id))
    }

    /// Puts everything that is asked to a person and returns the decision.
    fn ask(&self, tool: &str, input: &Value) -> Result<String, ReportError> {
        let asks = asks(tool, input);
        let mut answers: Vec<Answer> = Vec::new();
        for ask in &asks {
            let what = if matches!(ask, Ask::Question { .. }) { Wait::Question } else { Wait::Permission };
            self.doing(Doing::Waiting { what }, tool, "it asks")?;
            let answer = self.wait_for(ask.clone(), &use_of(tool, input))?;
            let over = matches!(answer, Answer::Deny { .. });
            answers.push(answer);
            if over {
                break;
            }
        }
        self.doing(Doing::Working, tool, "it was answered")?;
        let decision = decision(&asks, input, &answers);
        let output = json!({"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}});
        Ok(output.to_string())
    }

    /// Asks and waits, and leaves word what for: whoever answers in the agent's own terminal does not tell this process.
    fn wait_for(&self, ask: Ask, tool_use: &str) -> Result<Answer, ReportError> {
        let asking = self.reporter.ask(ask)?;
        let word = self.word_about(asking.id.as_str());
        let _full = std::fs::write(&word, tool_use);
        let answer = self.reporter.wait_for(&asking);
        let _gone_already = std::fs::remove_file(&word);
        answer
    }

    fn word_about(&self, request: &str) -> PathBuf {
        self.reporter.session_dir().join("answers").join(format!("{request}.{WORD}"))
    }

    /// Withdraws what was asked about a use of a tool that happened meanwhile.
    fn answered_elsewhere(&self, tool_use: &str) -> Result<(), ReportError> {
        let answers = std::fs::read_dir(self.reporter.session_dir().join("answers")).into_iter().flatten();
        for path in
            answers.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == WORD))
        {
            let request = path.file_stem().and_then(|stem| RequestId::new(stem.to_string_lossy()).ok());
            let same = std::fs::read_to_string(&path).is_ok_and(|word| word == tool_use);
            if let (Some(request), true) = (request.filter(|id| self.reporter.answered(id).is_none()), same) {
                let _gone_already = std::fs::remove_file(&path);
                self.reporter.withdraw(request)?;
            }
        }
        Ok(())
    }

    fn stopped(&mut self, ending: Ending) -> Result<(), ReportError> {
        self.converses(ending.conversation.clone())?;
        self.heard.turn = Some(AgentTurn::Ended);
        self.remember();
        let failure = ending.trouble.map(|trouble| (classify(&trouble, &self.order.errors), trouble.text));
        let failure = failure.or_else(|| self.commit());
        let end = AgentEnd {
            retry_at: next_chance(failure.as_ref()),
            failure: failure.clone(),
            last_words: ending.last_words.clone(),
            ..self.end(ending.transcript.as_deref())
        };
        let end = end.cleaned();
        // Kept for whoever looks when the session is over, should this report come too late.
        let _full = driver::write_outcome(self.reporter.session_dir(), &end);
        self.reporter.turn_ended(end)?;
        let words = failure.map(|(_, words)| words).or(ending.last_words).unwrap_or_default();
        self.doing(Doing::Done, "", &words)
    }

    /// Commits the work of an agent that cannot; returns what is in the way.
    fn commit(&self) -> Option<(FailureClass, String)> {
        let message = self.order.commit.as_ref()?;
        let worktree = std::env::var_os("AOTUI_WORKTREE")?;
        let why = driver::commit_leftovers(Path::new(&worktree), message).err()?;
        Some((FailureClass::Exit, format!("its work could not be committed: {why}")))
    }

    /// Brings what was used up to its last state: programs write some of it only when they leave.
    fn left(&self, transcript: Option<&str>) -> Result<(), ReportError> {
        let Some(told) = driver::read_outcome(self.reporter.session_dir()) else { return Ok(()) };
        let now = self.end(transcript);
        let end = AgentEnd { usage: now.usage, conversation_usage: now.conversation_usage, ..told };
        let _full = driver::write_outcome(self.reporter.session_dir(), &end);
        Ok(())
    }

    fn end(&self, transcript: Option<&str>) -> AgentEnd {
        let Used { usage, model } = transcript.map(|path| transcript::read(Path::new(path))).unwrap_or_default();
        AgentEnd {
            conversation: self.heard.conversation.clone(),
            model,
            usage: usage.minus(self.heard.before),
            conversation_usage: usage,
            ..AgentEnd::default()
        }
    }
}
