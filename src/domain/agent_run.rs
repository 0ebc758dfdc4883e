//! Runs of agents: how they ended as far as the agent's own program tells, the conversations they belong to, and what
//! they used up. Whether the work is good is not told here.

use serde::{Deserialize, Serialize};

use super::gate;
use super::ids::{AgentName, PhaseId};
use super::plain::{plain_line, plain_text};
use super::session::Outcome;
use super::ticket::{FailureClass, HistoryEntry, Progress};
use super::time::Timestamp;
use super::usage::Usage;

/// Longest words of an agent kept, in characters.
const MAX_WORDS: usize = 4_000;
/// Longest name kept, in characters.
const MAX_NAME: usize = 200;
/// Most names of denied tools kept.
const MAX_DENIED: usize = 100;

/// How an agent meets people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Face {
    /// By its own screen, in the session's terminal.
    Terminal,
    /// By a transcript that aotui makes of its events.
    Headless,
}

/// How far an agent is with what it was told, where its program tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum AgentTurn {
    /// It works on a prompt.
    Began,
    /// It is done with its prompt and waits for more.
    Ended,
    /// A person had it break off, and it waits for them.
    Interrupted,
    /// It is to be told more and has not taken it yet.
    Prompted {
        /// What it is to be told.
        text: String,
    },
}

/// What a run of an agent came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentEnd {
    /// The name of its conversation, by which it can be taken up; `None` where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The model it worked with; `None` where it did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What the run used up.
    pub usage: Usage,
    /// What its conversation used up, earlier runs included.
    pub conversation_usage: Usage,
    /// What went wrong: the class, and the program's words in one plain line; `None` means it says it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<(FailureClass, String)>,
    /// When another run has a chance; `None` where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// Tools it was denied, plain text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<String>,
    /// The last thing it said, plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_words: Option<String>,
    /// Whether the conversation that it was to take up is not there any more, so that nothing was done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

/// How programs say that there is no conversation of the name they were given, in small letters.
const LOST: [&str; 5] = [
    "no conversation found",
    "no session found",
    "session not found",
    "no rollout found",
    "no previous sessions found",
];

/// Returns whether an agent's program says that the conversation which it was to take up is not there.
pub fn says_lost(words: &str) -> bool {
    let words = words.to_lowercase();
    LOST.iter().any(|phrase| words.contains(phrase))
}

impl AgentEnd {
    /// Returns it with every text plain and bounded.
    #[must_use]
    pub fn cleaned(self) -> Self {
        Self {
            conversation: self.conversation.map(|name| plain_line(&name, MAX_NAME)),
            model: self.model.map(|name| plain_line(&name, MAX_NAME)),
            failure: self.failure.map(|(class, words)| (class, plain_line(&words, MAX_WORDS))),
            denied: self.denied.iter().take(MAX_DENIED).map(|tool| plain_line(tool, MAX_NAME)).collect(),
            last_words: self.last_words.map(|words| plain_text(&words, MAX_WORDS)),
            ..self
        }
    }
}

/// A conversation an agent had about a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// The phase.
    pub phase: PhaseId,
    /// The agent; `None` means the configured default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// The agent's name for it.
    pub id: String,
    /// What it used up so far, as far as its runs have told.
    #[serde(default)]
    pub usage: Usage,
}

/// What an agent used up for a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spent {
    /// The phase.
    pub phase: PhaseId,
    /// The agent; `None` means the configured default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// The model; `None` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How much.
    pub usage: Usage,
}

impl Progress {
    /// Returns the conversation that the next attempt of `phase` by `agent` goes on with: that of an attempt in the same visit
    /// which was cut off, or whose gates failed for the first time in that way. After anything else the agent starts afresh, with what was left for it to read.
    pub fn conversation_to_resume(&self, phase: &PhaseId, agent: Option<&AgentName>) -> Option<&Conversation> {
        let visit = self.visits.get(phase).copied().unwrap_or_default();
        let before = self.own_history().next_back().filter(|entry| entry.phase == *phase && entry.visit == visit)?;
        // After another agent was at it, it does not stand as this one left it.
        if before.agent.is_some() && before.agent.as_ref() != agent {
            return None;
        }
        if !was_cut_off(before) && !gate::goes_on(&self.attempts_of_visit()) {
            return None;
        }
        self.conversation_about(phase, agent)
    }

    /// Returns whether a person handed the conversation back that the next session goes on with.
    pub fn was_handed_back(&self) -> bool {
        let is_last = self.own_history().next_back().is_some_and(|entry| entry.outcome == Outcome::HandedOver);
        is_last && self.person_since.is_none()
    }

    /// Returns the newest conversation an agent had about a phase.
    pub fn conversation_about(&self, phase: &PhaseId, agent: Option<&AgentName>) -> Option<&Conversation> {
        self.conversations.iter().rev().find(|known| known.phase == *phase && known.agent.as_ref() == agent)
    }

    /// Takes the name of the conversation the current phase's agent has.
    pub(super) fn note_conversation(&mut self, agent: Option<AgentName>, id: &str) {
        let Some(phase) = self.phase.clone() else { return };
        let usage = self.conversations.iter().find(|known| known.id == id).map(|known| known.usage).unwrap_or_default();
        // One for each phase and agent is enough: only the last is ever taken up.
        self.conversations.retain(|known| known.phase != phase || known.agent != agent);
        self.conversations.push(Conversation { phase, agent, id: id.to_owned(), usage });
    }

    /// Adds what a run of the current phase's agent used up; what it told earlier is part of it.
    pub(super) fn note_agent_end(&mut self, agent: Option<AgentName>, end: &AgentEnd) {
        let Some(phase) = self.phase.clone() else { return };
        if end.lost {
            self.conversations.retain(|known| known.phase != phase || known.agent != agent);
        } else if let Some(id) = &end.conversation {
            self.note_conversation(agent.clone(), id);
            if let Some(conversation) = self.conversations.last_mut() {
                conversation.usage = end.conversation_usage;
            }
        }
        if let Some(before) = self.agent_end.take() {
            self.take_back(&phase, &agent, &before);
        }
        self.spend(phase, agent, end.model.clone(), end.usage);
        self.agent_end = Some(end.clone());
    }

    /// Adds what was used up for a phase.
    pub(super) fn spend(&mut self, phase: PhaseId, agent: Option<AgentName>, model: Option<String>, usage: Usage) {
        // What has a price of its own is kept apart from what has none.
        let priced = usage.cost_micros.is_some();
        let same = |spent: &&mut Spent| {
            let told = spent.usage.cost_micros.is_some() == priced;
            told && spent.phase == phase && spent.agent == agent && spent.model == model
        };
        match self.spent.iter_mut().find(same) {
            Some(spent) => spent.usage = spent.usage.plus(usage),
            None => self.spent.push(Spent { phase, agent, model, usage }),
        }
    }

    /// Takes back what a run told of itself before it told more.
    fn take_back(&mut self, phase: &PhaseId, agent: &Option<AgentName>, before: &AgentEnd) {
        let priced = before.usage.cost_micros.is_some();
        let same = |spent: &Spent| {
            let told = spent.usage.cost_micros.is_some() == priced;
            told && spent.phase == *phase && spent.agent == *agent && spent.model == before.model
        };
        if let Some(at) = self.spent.iter().position(same)
            && let Some(spent) = self.spent.get_mut(at)
        {
            spent.usage = spent.usage.minus(before.usage);
            if spent.usage.tokens() == 0 && spent.usage.cost_micros.unwrap_or(0) == 0 {
                self.spent.remove(at);
            }
        }
    }

    /// Returns what all its agents used up, those of walks below it as well.
    pub fn usage(&self) -> Usage {
        let below = self.walks.open.values().map(|walk| walk.progress.usage());
        below.chain(self.spent.iter().map(|spent| spent.usage)).fold(Usage::default(), Usage::plus)
    }
}

/// Whether an attempt ended for reasons that leave its agent's conversation as good as it was.
pub(super) fn was_cut_off(entry: &HistoryEntry) -> bool {
    match &entry.outcome {
        Outcome::Interrupted | Outcome::Stopped | Outcome::HandedOver => true,
        Outcome::Failed { failure } => matches!(
            failure.class,
            FailureClass::Network
                | FailureClass::Overloaded
                | FailureClass::RateLimit
                | FailureClass::UsageLimit
                | FailureClass::Auth
                | FailureClass::Billing
                | FailureClass::Crashed
                | FailureClass::TimedOut
                | FailureClass::Stopped
                | FailureClass::Stalled
                | FailureClass::Unanswered
                | FailureClass::Budget
        ),
        Outcome::Success | Outcome::Skipped => false,
    }
}
