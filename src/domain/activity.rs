//! What a session does right now, as far as anyone knows: by which source, on what evidence, since when. Not durable, and
//! nothing that is decided for good may depend on it.

use serde::{Deserialize, Serialize};

use super::plain::plain_line;
use super::time::Timestamp;

/// Longest text or evidence kept, in characters.
const MAX_TEXT: usize = 200;

/// How long nothing was heard from a better source until what the terminal shows counts against it, in milliseconds.
const CONTRADICTED: u64 = 3_000;

/// What a session does right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// What it does.
    #[serde(flatten)]
    pub sighting: Sighting,
    /// Since when that is so.
    pub at: Timestamp,
}

/// One source's word on what a session does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sighting {
    /// What it does.
    pub doing: Doing,
    /// More about it in a few words: the tool and what it is used on, what is waited for; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Where that is known from.
    pub source: Source,
    /// What was heard or seen there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// The rule that made this of the evidence; `None` where none was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// What a session can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Doing {
    /// It works.
    Working,
    /// It waits for a person.
    Waiting {
        /// What for.
        #[serde(rename = "for")]
        what: Wait,
    },
    /// It sits at its prompt and does nothing.
    Idle,
    /// Its provider makes it wait.
    Limited {
        /// Until when; `None` where that is not said.
        until: Option<Timestamp>,
    },
    /// It said that it is done.
    Done,
    /// Nobody knows.
    Unknown,
}

/// What an agent can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wait {
    /// Leave to use a tool.
    Permission,
    /// An answer.
    Question,
    /// A decision about itself: trust in a folder, a key, terms.
    Approval,
}

/// Where an activity is known from; the later ones are trusted more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// Nothing is said or shown.
    Silence,
    /// Text on its screen.
    Screen,
    /// The title of its terminal.
    Title,
    /// The file that its program keeps of the conversation.
    Transcript,
    /// The agent reported it with `aotui report`.
    Report,
    /// A hook that the agent's program calls.
    Hook,
    /// The stream of events of the agent's program.
    Protocol,
}

impl Doing {
    /// Returns it in one or two words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Waiting { what: Wait::Permission } => "waits for permission",
            Self::Waiting { what: Wait::Question } => "waits for an answer",
            Self::Waiting { what: Wait::Approval } => "waits for a decision",
            Self::Idle => "idle",
            Self::Limited { .. } => "rate limited",
            Self::Done => "done",
            Self::Unknown => "unknown",
        }
    }
}

impl Source {
    /// Returns its name as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Screen => "screen",
            Self::Title => "title",
            Self::Transcript => "transcript",
            Self::Report => "report",
            Self::Hook => "hook",
            Self::Protocol => "protocol",
        }
    }
}

impl Sighting {
    /// Returns what `source` says, without more about it.
    pub fn new(doing: Doing, source: Source) -> Self {
        Self { doing, text: String::new(), source, evidence: String::new(), rule: None }
    }

    /// Adds a few words about what is done.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// Adds what was heard or seen.
    #[must_use]
    pub fn evidence(mut self, evidence: impl Into<String>) -> Self {
        self.evidence = evidence.into();
        self
    }

    /// Returns it with every text plain and bounded.
    #[must_use]
    pub fn cleaned(self) -> Self {
        let line = |text: &str| plain_line(text, MAX_TEXT);
        Self { text: line(&self.text), evidence: line(&self.evidence), rule: self.rule.map(|rule| line(&rule)), ..self }
    }

    /// Says it on one line: the words there are, else what it does.
    pub fn words(&self) -> String {
        match (self.doing, self.text.as_str()) {
            (doing, "") => doing.name().to_owned(),
            (Doing::Working, text) => text.to_owned(),
            (doing, text) => format!("{}: {text}", doing.name()),
        }
    }
}

impl Activity {
    /// Says how that is known: the source, what was heard or seen there, and the rule that made something of it.
    pub fn how(&self) -> String {
        let Sighting { source, evidence, rule, .. } = &self.sighting;
        let evidence = if evidence.is_empty() { String::new() } else { format!(": {evidence}") };
        let rule = rule.as_ref().map(|rule| format!("; rule: {rule}")).unwrap_or_default();
        format!("known by {}{evidence}{rule}", source.name())
    }

    /// Returns what holds once `sighting` came in at the moment `now`; `None` where it changes nothing.
    ///
    /// A source is believed over those that are trusted less. What the terminal shows counts against a better source only
    /// where that one has long been silent about work: programs do not tell that a person interrupted them. A transcript
    /// tells what has been, so it is no better than the terminal about what is waited for now.
    pub fn after(known: Option<&Self>, sighting: Sighting, now: Timestamp) -> Option<Self> {
        let Some(known) = known else { return Some(Self { sighting, at: now }) };
        let seen = &known.sighting;
        // Whoever looks at the terminal looks at its title and its screen at once.
        let looks = |source: Source| source <= Source::Title;
        let halts = matches!(sighting.doing, Doing::Idle | Doing::Waiting { .. } | Doing::Limited { .. });
        let long_silent =
            matches!(seen.doing, Doing::Working | Doing::Limited { .. }) && now.millis_since(known.at) >= CONTRADICTED;
        let believed = sighting.source >= seen.source
            || looks(sighting.source) && looks(seen.source)
            || seen.doing == Doing::Unknown
            || halts && (long_silent || seen.source == Source::Transcript);
        if !believed || *seen == sighting {
            return None;
        }
        Some(Self { sighting, at: now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(known: (Doing, Source), said: (Doing, Source), seconds: i64) -> Doing {
        let known = Activity { sighting: Sighting::new(known.0, known.1), at: Timestamp(0) };
        let now = Timestamp(seconds * 1_000);
        Activity::after(Some(&known), Sighting::new(said.0, said.1), now).unwrap_or(known).sighting.doing
    }

    const ASKS: Doing = Doing::Waiting { what: Wait::Permission };

    #[test]
    fn a_better_source_is_believed_and_a_worse_one_is_not() {
        assert_eq!(after((Doing::Idle, Source::Title), (Doing::Working, Source::Hook), 0), Doing::Working);
        assert_eq!(after((ASKS, Source::Hook), (Doing::Idle, Source::Title), 60), ASKS);
        assert_eq!(after((Doing::Done, Source::Hook), (Doing::Working, Source::Screen), 60), Doing::Done);
        assert_eq!(after((Doing::Unknown, Source::Hook), (Doing::Idle, Source::Screen), 0), Doing::Idle);
        assert_eq!(after((Doing::Working, Source::Title), (ASKS, Source::Screen), 0), ASKS);
        assert_eq!(after((Doing::Idle, Source::Title), (Doing::Unknown, Source::Silence), 0), Doing::Unknown);
    }

    #[test]
    fn work_that_was_interrupted_without_a_word_is_seen_by_the_title_after_a_while() {
        let working = (Doing::Working, Source::Hook);
        assert_eq!(after(working, (Doing::Idle, Source::Title), 1), Doing::Working);
        assert_eq!(after(working, (Doing::Idle, Source::Title), 5), Doing::Idle);
        assert_eq!(after(working, (Doing::Unknown, Source::Silence), 60), Doing::Working);
    }

    #[test]
    fn a_transcript_counts_for_more_than_the_screen_and_less_than_a_hook_but_a_dialog_is_there_now() {
        let used = (Doing::Working, Source::Transcript);
        assert_eq!(after((Doing::Unknown, Source::Silence), used, 0), Doing::Working);
        assert_eq!(after((Doing::Idle, Source::Title), used, 0), Doing::Working);
        assert_eq!(after((ASKS, Source::Hook), used, 60), ASKS);
        assert_eq!(after(used, (ASKS, Source::Screen), 0), ASKS);
        assert_eq!(after(used, (Doing::Unknown, Source::Silence), 60), Doing::Working);
    }

    #[test]
    fn words_say_what_is_done_first() {
        let words = |doing, text: &str| Sighting::new(doing, Source::Hook).text(text).words();
        assert_eq!(words(Doing::Working, "Bash: make"), "Bash: make");
        assert_eq!(words(ASKS, "Bash"), "waits for permission: Bash");
        assert_eq!(words(Doing::Unknown, ""), "unknown");
    }
}
