//! What a run of an agent program came to: its conversation, what it used up, and how it ended.

use std::collections::BTreeMap;

use super::signal::Signal;
use super::stream::{Counting, StreamRules};
use super::trouble::{TextRule, Trouble, classify};
use crate::domain::limit::LimitWindow;
use crate::domain::ticket::FailureClass;
use crate::domain::usage::Usage;

/// How the program's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Signal, where one ended it.
    pub signal: Option<i32>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What kind of failure it was and the program's words for it; `None` means it says it is done.
    pub failure: Option<(FailureClass, String)>,
    /// Tools it was denied.
    pub denied: Vec<String>,
    /// The last thing it said.
    pub last_words: Option<String>,
}

/// The signals of a run so far, summed up.
#[derive(Debug, Clone, Default)]
pub struct Account {
    tokens: Counting,
    cost: Counting,
    must_end: bool,
    /// What the conversation had used before this run.
    before: Usage,
    sum: Usage,
    latest: Usage,
    /// The newest word on each window of the provider's limits.
    limits: Vec<LimitWindow>,
    /// What messages used up since the last count of all of them.
    open: BTreeMap<String, Usage>,
    turns: u64,
    conversation: Option<String>,
    model: Option<String>,
    last_words: Option<String>,
    denied: Vec<String>,
    /// The last error, until something goes on.
    trouble: Option<Trouble>,
    ended: Option<Option<Trouble>>,
}

impl Account {
    /// Returns an empty account; `before` is what the conversation had used up before this run, by all its processes.
    pub fn new(rules: &StreamRules, before: Usage) -> Self {
        Self { tokens: rules.tokens, cost: rules.cost, must_end: rules.must_end, before, ..Self::default() }
    }

    /// Takes a signal into account.
    pub fn take(&mut self, signal: &Signal) {
        match signal {
            Signal::Conversation { id } => self.conversation = Some(id.clone()),
            Signal::Model { name } => self.model = Some(name.clone()),
            Signal::Message { text } => {
                self.last_words = Some(text.clone());
                self.goes_on();
            }
            Signal::Part { text } => {
                self.last_words.get_or_insert_default().push_str(text);
            }
            Signal::ToolStarted { .. } => {
                self.turns += 1;
                self.last_words = None;
                self.goes_on();
            }
            Signal::ToolEnded { .. } | Signal::Thought { .. } => self.goes_on(),
            Signal::Retrying { trouble, .. } | Signal::Failed { trouble } => self.trouble = Some(trouble.clone()),
            Signal::Denied { tool } => self.denied.push(tool.clone()),
            Signal::Uses { id, usage } => {
                self.open.insert(id.clone(), *usage);
            }
            Signal::Used { usage } => {
                // Of a turn that was interrupted claude says at the end that it used nothing.
                let open = std::mem::take(&mut self.open).into_values().fold(Usage::default(), Usage::plus);
                let before = if self.tokens == Counting::Step { Usage::default() } else { self.latest };
                let told = usage.at_least(before.plus(open));
                self.sum = self.sum.plus(told);
                self.latest = told;
                // Where no end of a turn is told, being served is what says that an error is over.
                if !self.must_end && usage.output > 0 {
                    self.trouble = None;
                }
            }
            Signal::TurnEnded { trouble } => {
                self.turns += 1;
                self.ended = Some(trouble.clone());
            }
            Signal::Limit { window } => {
                self.limits.retain(|known| known.name != window.name);
                self.limits.push(window.clone());
            }
            Signal::Compacting | Signal::Warning { .. } | Signal::TurnBegan => {}
        }
    }

    fn goes_on(&mut self) {
        self.trouble = None;
        self.ended = None;
    }

    /// Returns the name of the conversation, once it is known.
    pub fn conversation(&self) -> Option<&str> {
        self.conversation.as_deref()
    }

    /// Returns the model, once it is known.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Returns whether this is what was told of a window last.
    pub fn knows(&self, window: &LimitWindow) -> bool {
        self.limits.contains(window)
    }

    /// Returns whether an error was told and nothing went on since.
    pub fn has_trouble(&self) -> bool {
        self.trouble.is_some() || matches!(self.ended, Some(Some(_)))
    }

    /// Returns whether the turn is over.
    pub fn turn_is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Returns what this run used up so far.
    pub fn usage(&self) -> Usage {
        let counted = |counting: Counting| match counting {
            Counting::Step => self.sum,
            Counting::Process => self.latest,
            Counting::Conversation => self.latest.minus(self.before),
        };
        let told = Usage { cost_micros: counted(self.cost).cost_micros, ..counted(self.tokens) };
        let open = self.open.values().fold(told, |sum, usage| sum.plus(*usage));
        // Only what is told of all together names its price, so an open part of it leaves the price open.
        let cost_micros = told.cost_micros.filter(|_| self.open.is_empty());
        Usage { turns: self.turns, cost_micros, ..open }
    }

    /// Returns what the conversation used up so far, earlier runs included.
    pub fn usage_of_conversation(&self) -> Usage {
        self.before.plus(self.usage())
    }

    /// Returns how the run ended. An exit code alone proves nothing: programs leave with 0 after every kind of error.
    pub fn ending(&self, exit: Exit, own: &[TextRule]) -> Ending {
        let told = |trouble: &Trouble| {
            let earlier = self.trouble.iter().map(|earlier| &earlier.text);
            let words = [&trouble.text].into_iter().chain(earlier).chain(&trouble.code).find(|text| !text.is_empty());
            (classify(trouble, own), words.cloned().unwrap_or_else(|| exit.of_trouble()))
        };
        let failure = match (&self.ended, &self.trouble) {
            (Some(Some(trouble)), earlier) => Some(match (told(trouble), earlier.as_ref().map(told)) {
                ((FailureClass::Unknown, text), Some((class, _))) => (class, text),
                (known, _) => known,
            }),
            (_, Some(trouble)) => Some(match told(trouble) {
                (FailureClass::Unknown, text) if self.ended.is_none() => (FailureClass::Crashed, text),
                known => known,
            }),
            (None, None) if self.must_end => {
                Some((FailureClass::Crashed, format!("{} before the end of its turn", exit.words())))
            }
            (Some(None) | None, None) => exit.failure(),
        };
        Ending { failure, denied: self.denied.clone(), last_words: self.last_words.clone() }
    }
}

impl Exit {
    fn words(self) -> String {
        match (self.code, self.signal) {
            (Some(code), _) => format!("exited with code {code}"),
            (None, Some(signal)) => format!("was ended by {}", crate::domain::session::signal_words(signal)),
            (None, None) => "ended".to_owned(),
        }
    }

    /// Returns the words for a trouble that the agent did not put into any.
    fn of_trouble(self) -> String {
        match self.code {
            Some(0) => "its turn ended with an error that it did not name".to_owned(),
            _ => self.words(),
        }
    }

    fn failure(self) -> Option<(FailureClass, String)> {
        match self.code {
            Some(0) => None,
            Some(_) => Some((FailureClass::Exit, self.words())),
            None => Some((FailureClass::Crashed, self.words())),
        }
    }
}
