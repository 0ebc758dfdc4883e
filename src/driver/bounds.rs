//! When an agent is ended although it would go on by itself: it reached its bound, or tries again in vain. Pure.

use super::order::DriveOrder;
use crate::agent::{Account, Signal, classify};
use crate::domain::ticket::FailureClass;

/// How often a credential is refused until trying again is in vain; once or twice may be a renewal of it.
const REFUSED: u64 = 3;

/// Returns why an agent is to be ended after this signal, which the account has in it; `None` where it may go on.
pub(super) fn exceeded(order: &DriveOrder, account: &Account, signal: &Signal) -> Option<(FailureClass, String)> {
    match signal {
        Signal::Retrying { attempt: REFUSED.., trouble, .. } => {
            let class = classify(trouble, &order.headless.errors);
            let said = [Some(&trouble.text), trouble.code.as_ref()].into_iter().flatten().find(|text| !text.is_empty());
            let said = said.map(|said| format!(": {said}")).unwrap_or_default();
            matches!(class, FailureClass::Auth | FailureClass::Billing)
                .then(|| (class, format!("was refused {REFUSED} times and would have tried again{said}")))
        }
        Signal::ToolStarted { .. } => {
            let most = order.max_turns.filter(|most| account.usage().turns > u64::from(*most))?;
            Some((FailureClass::MaxTurns, format!("reached maximum number of turns ({most})")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::agent::Trouble;
    use crate::config::agents::Headless;
    use crate::domain::usage::Usage;

    fn order(max_turns: Option<u32>) -> DriveOrder {
        DriveOrder {
            agent: "mine".into(),
            argv: Vec::new(),
            prompt: None,
            headless: Headless::default(),
            model: None,
            conversation: None,
            resumes: false,
            before: Usage::default(),
            max_turns,
            commit: None,
        }
    }

    fn why(order: &DriveOrder, signals: &[Signal]) -> Option<(FailureClass, String)> {
        let mut account = Account::new(&order.headless.stream, Usage::default());
        signals.iter().find_map(|signal| {
            account.take(signal);
            exceeded(order, &account, signal)
        })
    }

    #[test]
    fn an_agent_that_does_not_count_its_turns_is_ended_when_it_begins_one_too_many() {
        let tool = Signal::ToolStarted { id: None, tool: "bash".into(), input: serde_json::Value::Null };
        let turns = vec![tool; 3];
        assert_eq!(why(&order(Some(3)), &turns), None);
        assert_eq!(why(&order(None), &turns), None);
        assert_eq!(why(&order(Some(2)), &turns).unwrap().0, FailureClass::MaxTurns);
    }

    #[test]
    fn a_refused_credential_is_not_tried_for_minutes_while_a_busy_provider_is() {
        let retry = |attempt, status| {
            let trouble = Trouble { status: Some(status), ..Trouble::default() };
            Signal::Retrying { attempt, most: 10, wait: Duration::ZERO, trouble }
        };
        let refused: Vec<Signal> = (1..=3).map(|n| retry(n, 401)).collect();
        assert_eq!(why(&order(None), &refused[..2]), None);
        assert_eq!(why(&order(None), &refused).unwrap().0, FailureClass::Auth);
        let busy: Vec<Signal> = (1..=9).map(|n| retry(n, 529)).collect();
        assert_eq!(why(&order(None), &busy), None);
    }
}
