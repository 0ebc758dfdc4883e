//! What the catalogue says about an action.

/// Who has the keys. Several may at once, the innermost first: see [`Context::STACKS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// The table of tickets.
    Fleet,
    /// An overlay about one ticket.
    Ticket,
    /// An overlay to be read.
    Reader,
    /// A list to choose from while typing.
    List,
    /// Text being written.
    Form,
    /// A question with yes and no.
    Confirm,
    /// An agent's terminal: it gets every key that is not bound here.
    Terminal,
}

impl Context {
    /// Every combination of contexts that can have the keys, innermost first.
    pub const STACKS: &'static [&'static [Context]] = &[
        &[Context::Fleet],
        &[Context::Ticket, Context::Reader],
        &[Context::Reader],
        &[Context::List],
        &[Context::Form],
        &[Context::Confirm],
        &[Context::Terminal],
    ];

    /// Returns whether both can have the keys at the same time.
    pub fn overlaps(self, other: Self) -> bool {
        Self::STACKS.iter().any(|stack| stack.contains(&self) && stack.contains(&other))
    }
}

/// What an action is about; the help page has one section for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Answers what waits for a person.
    Answer,
    /// Changes the course of a ticket or a plan.
    Steer,
    /// Shows something.
    Look,
    /// Moves the selection.
    Move,
    /// Concerns the program itself.
    Program,
}

impl Group {
    /// All groups in the order of the help page.
    pub const ALL: [Group; 5] = [Group::Answer, Group::Steer, Group::Look, Group::Move, Group::Program];

    /// Returns its heading.
    pub fn title(self) -> &'static str {
        match self {
            Group::Answer => "answer",
            Group::Steer => "steer",
            Group::Look => "look",
            Group::Move => "move",
            Group::Program => "program",
        }
    }
}

/// What an action needs to know when it is a verb of the command line. On the screen the selection gives the ticket
/// and a form asks for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arg {
    /// The ticket, required.
    Ticket,
    /// The phase to go on with, required.
    Phase,
    /// What the agent is told, required.
    Text,
    /// A note for the agent, optional.
    Note,
    /// The request that is meant, optional.
    Request,
    /// The approval phase that is decided on, optional.
    Decided,
}

impl Arg {
    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Arg::Ticket => "ticket",
            Arg::Phase => "phase",
            Arg::Text => "text",
            Arg::Note => "note",
            Arg::Request => "request",
            Arg::Decided => "phase",
        }
    }

    /// Says what it is, one sentence.
    pub fn doc(self) -> &'static str {
        match self {
            Arg::Ticket => "The ticket, as TICKET or PLAN/TICKET.",
            Arg::Phase => "The phase to go on with.",
            Arg::Text => "What the agent is told.",
            Arg::Note => "What the agent is told.",
            Arg::Request => "The request that is meant; refused where it no longer waits.",
            Arg::Decided => "The phase whose approval is meant; refused where it no longer waits.",
        }
    }

    /// Returns whether the verb cannot do without it.
    pub fn required(self) -> bool {
        match self {
            Arg::Ticket | Arg::Phase | Arg::Text => true,
            Arg::Note | Arg::Request | Arg::Decided => false,
        }
    }
}

/// A row of the catalogue.
#[derive(Debug)]
pub struct ActionSpec {
    /// Its name: in the palette, in `keys:` of the config and on the command line.
    pub name: &'static str,
    /// The word shown beside its key in the hint bar.
    pub label: &'static str,
    /// What it does, one sentence.
    pub doc: &'static str,
    /// What it is about.
    pub group: Group,
    /// Where its keys work.
    pub contexts: &'static [Context],
    /// The keys it has unless the config says otherwise; may be empty.
    pub keys: &'static [&'static str],
    /// What is lost or interrupted by it; the screen asks first where something is.
    pub danger: Option<&'static str>,
    /// Whether it is a verb of the command line.
    pub cli: bool,
    /// What the verb takes, in order; empty for actions that are no verbs.
    pub args: &'static [Arg],
}
