//! What a person's decision is about, and whether that still waits. The only place where this is judged: the engine
//! asks here before it carries a decision out, the command line before it says what it will do.

use serde::{Deserialize, Serialize};

use super::command::Rejection;
use super::ids::{PhaseId, RequestId};
use super::session::{Ask, Request};
use super::ticket::{Status, Ticket};

/// What a person saw when they decided. A decision on what no longer waits is refused, never given to something else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The agent's request; `None` means the only one that fits, or the approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// The approval phase; `None` means whichever waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<PhaseId>,
}

impl Seen {
    /// Returns what a ticket that is shown asks first.
    pub fn of(ticket: &Ticket) -> Self {
        match ticket.progress.requests.first() {
            Some(request) => Self::request(request.id.clone()),
            None => Self { request: None, phase: ticket.progress.phase.clone() },
        }
    }

    /// Returns that this request was seen.
    pub fn request(id: RequestId) -> Self {
        Self { request: Some(id), phase: None }
    }

    /// Returns that the approval of this phase was seen.
    pub fn phase(id: PhaseId) -> Self {
        Self { request: None, phase: Some(id) }
    }

    /// Returns whether what was seen no longer waits.
    pub fn is_over(&self, ticket: &Ticket) -> bool {
        match &self.request {
            Some(id) => find(ticket, id).is_none(),
            None => self.approval(ticket).is_none(),
        }
    }

    /// Returns the approval phase that waits, where it is the one that was seen.
    fn approval<'a>(&self, ticket: &'a Ticket) -> Option<&'a PhaseId> {
        let phase = ticket.progress.phase.as_ref().filter(|_| waits_for_approval(ticket))?;
        self.phase.as_ref().is_none_or(|seen| seen == phase).then_some(phase)
    }
}

/// The one thing a decision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matter {
    /// A request of the ticket's agent.
    Request(Request),
    /// The approval phase the ticket is in.
    Approval(PhaseId),
}

impl Matter {
    /// Returns what has to be seen for a decision on exactly this.
    pub fn seen(&self) -> Seen {
        match self {
            Matter::Request(request) => Seen::request(request.id.clone()),
            Matter::Approval(phase) => Seen::phase(phase.clone()),
        }
    }
}

/// Finds what a yes is about: a permission or an approval.
pub fn to_approve(ticket: &Ticket, seen: &Seen) -> Result<Matter, Rejection> {
    let matter = find_matter(ticket, seen, |ask| matches!(ask, Ask::Permission { .. }))?;
    match &matter {
        Matter::Request(Request { ask: Ask::Question { .. }, .. }) => {
            let key = &ticket.brief.key;
            Err(Rejection::new(format!("the agent of `{key}` asks a question"))
                .hint(format!("answer it with `aotui reply {key} TEXT`, or attach")))
        }
        Matter::Request(_) | Matter::Approval(_) => Ok(matter),
    }
}

/// Finds what a no is about: any request, or an approval.
pub fn to_reject(ticket: &Ticket, seen: &Seen) -> Result<Matter, Rejection> {
    find_matter(ticket, seen, |_| true)
}

/// Finds the question that words answer.
pub fn to_reply(ticket: &Ticket, request: Option<&RequestId>) -> Result<Request, Rejection> {
    let key = &ticket.brief.key;
    let request = find_request(ticket, request, |ask| matches!(ask, Ask::Question { .. }))?;
    match request.ask {
        Ask::Question { .. } => Ok(request),
        Ask::Permission { .. } => Err(Rejection::new(format!("the agent of `{key}` asks for permission"))
            .hint(format!("`aotui approve {key}` or `aotui reject {key}`"))),
    }
}

fn find_matter(ticket: &Ticket, seen: &Seen, fits: fn(&Ask) -> bool) -> Result<Matter, Rejection> {
    let asks = seen.request.is_some() || (seen.phase.is_none() && !ticket.progress.requests.is_empty());
    if asks {
        return find_request(ticket, seen.request.as_ref(), fits).map(Matter::Request);
    }
    match (seen.approval(ticket), &seen.phase) {
        (Some(phase), _) => Ok(Matter::Approval(phase.clone())),
        (None, Some(gone)) => Err(moved_on(ticket, &format!("phase `{gone}` no longer waits for a decision"))),
        (None, None) => Err(Rejection::new(format!("`{}` does not wait for a decision", ticket.brief.key))
            .hint("`aotui status` shows what does")),
    }
}

/// Finds the request that is meant; without an id there must be exactly one, or one alone that the answer `fits`.
fn find_request(ticket: &Ticket, id: Option<&RequestId>, fits: fn(&Ask) -> bool) -> Result<Request, Rejection> {
    let key = &ticket.brief.key;
    let requests = &ticket.progress.requests;
    if let Some(id) = id {
        let gone = || moved_on(ticket, &format!("request `{id}` was answered or withdrawn"));
        return find(ticket, id).cloned().ok_or_else(gone);
    }
    let mut fitting = requests.iter().filter(|request| fits(&request.ask));
    match (fitting.next(), fitting.next(), requests.as_slice()) {
        (Some(only), None, _) | (_, _, [only]) => Ok(only.clone()),
        (_, _, []) => Err(Rejection::new(format!("the agent of `{key}` asks nothing"))),
        _ => {
            let ids: Vec<&str> = requests.iter().map(|request| request.id.as_str()).collect();
            Err(Rejection::new(format!("`{key}` has {} open requests", requests.len()))
                .hint(format!("name one with --request: {}", ids.join(", "))))
        }
    }
}

fn find<'a>(ticket: &'a Ticket, id: &RequestId) -> Option<&'a Request> {
    ticket.progress.requests.iter().find(|request| request.id == *id)
}

fn waits_for_approval(ticket: &Ticket) -> bool {
    matches!(ticket.progress.status, Status::Approval { .. })
}

/// Says that what was decided on is gone, and what is there instead.
fn moved_on(ticket: &Ticket, gone: &str) -> Rejection {
    let progress = &ticket.progress;
    let now = match (progress.requests.as_slice(), &progress.phase) {
        ([_, ..], _) => "its agent asks something else now: look again".to_owned(),
        ([], Some(phase)) if waits_for_approval(ticket) => {
            format!("it waits for a decision on phase `{phase}` now: look again")
        }
        _ => "nothing of it waits for a decision now".to_owned(),
    };
    Rejection::new(format!("`{}` moved on meanwhile: {gone}", ticket.brief.key)).hint(now)
}
