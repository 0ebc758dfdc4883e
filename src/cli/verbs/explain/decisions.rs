//! What a ticket's agents asked and who decided it: a person, or which rule.

use std::collections::HashMap;

use serde::Serialize;

use super::distance;
use crate::cli::output::plain;
use crate::domain::event::{Event, Recorded, TicketEvent};
use crate::domain::ids::{RequestId, TicketKey};
use crate::domain::session::{Answer, Ask};
use crate::domain::time::Timestamp;

/// Most decisions that are told, the newest ones.
const DECISIONS: usize = 10;

/// One decision.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Decision {
    request: RequestId,
    ask: Ask,
    answer: Answer,
    /// The rule or policy that decided; null means a person.
    by: Option<String>,
    at: Timestamp,
}

impl Decision {
    /// Returns the newest decisions about what the agents of a ticket asked, oldest first.
    pub(super) fn of(events: &[Recorded], ticket: &TicketKey) -> Vec<Self> {
        let mut open: HashMap<&RequestId, &Ask> = HashMap::new();
        let mut decided = Vec::new();
        for Recorded { at, event, .. } in events {
            match event {
                Event::Ticket { key, what: TicketEvent::Asked { request } } if key == ticket => {
                    open.insert(&request.id, &request.ask);
                }
                Event::Ticket { key, what: TicketEvent::Answered { request, answer, by } } if key == ticket => {
                    if let Some(ask) = open.remove(request) {
                        let (request, ask) = (request.clone(), ask.clone());
                        decided.push(Self { request, ask, answer: answer.clone(), by: by.clone(), at: *at });
                    }
                }
                _ => {}
            }
        }
        let older = decided.len().saturating_sub(DECISIONS);
        decided.split_off(older)
    }

    /// Says it on one line.
    pub(super) fn line(&self, now: Timestamp) -> String {
        let done = match &self.answer {
            Answer::Allow => "allowed",
            Answer::Deny { .. } => "denied",
            Answer::Reply { .. } => "answered",
        };
        let by = self.by.as_ref().map_or_else(|| "you".to_owned(), |rule| format!("rule: {}", plain(rule)));
        format!("{}: {done} by {by}, {} ago", plain(&self.ask.in_short()), distance(self.at, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::Request;

    #[test]
    fn what_was_asked_comes_with_who_decided_it() {
        let key: TicketKey = "p/A".parse().unwrap();
        let ask = Ask::Permission { tool: "Bash".into(), detail: "make\nall".into(), reason: None, target: None };
        let id = |id: &str| RequestId::new(id).unwrap();
        let asked = |name: &str| TicketEvent::Asked {
            request: Request { id: id(name), ask: ask.clone(), asked_at: Timestamp(0) },
        };
        let answered = |name: &str, answer, by: Option<&str>| TicketEvent::Answered {
            request: id(name),
            answer,
            by: by.map(str::to_owned),
        };
        let facts = [
            asked("a"),
            answered("a", Answer::Allow, Some("allow Bash(make *)")),
            asked("b"),
            answered("b", Answer::Deny { message: String::new() }, None),
            asked("c"),
        ];
        let events: Vec<Recorded> = facts
            .into_iter()
            .map(|what| Recorded { seq: 1, at: Timestamp(0), event: Event::Ticket { key: key.clone(), what } })
            .collect();
        let lines: Vec<String> = Decision::of(&events, &key).iter().map(|one| one.line(Timestamp(60_000))).collect();
        assert_eq!(
            lines,
            [
                "wants to use Bash: make: allowed by rule: allow Bash(make *), 1m ago",
                "wants to use Bash: make: denied by you, 1m ago",
            ]
        );
        assert_eq!(Decision::of(&events, &"p/B".parse().unwrap()), []);
    }
}
