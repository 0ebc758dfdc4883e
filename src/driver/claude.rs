//! The messages of Claude Code's two-way JSON lines (`--input-format stream-json --permission-prompt-tool stdio`).
//!
//! Pure. Source: the public agent SDK's control protocol and recordings of 2.1.

use serde_json::{Value, json};

use super::talk::Wish;
use crate::agent::{asks, decision};
use crate::domain::session::{Answer, Ask};

/// Returns the message that opens the conversation.
pub(super) fn hello() -> Value {
    json!({"type": "control_request", "request_id": "hello", "request": {"subtype": "initialize", "hooks": null}})
}

/// Returns the message that says something to the agent.
pub fn say(text: &str) -> Value {
    json!({"type": "user", "message": {"role": "user", "content": text}})
}

/// Returns what a line wishes; `None` where it is no wish.
pub(super) fn wish(line: &str) -> Option<Wish> {
    // Most lines are no wishes, and long.
    if !line.contains("control_") {
        return None;
    }
    let line: Value = serde_json::from_str(line).ok()?;
    let id = line.get("request_id")?.as_str()?.to_owned();
    match line.get("type")?.as_str()? {
        "control_cancel_request" => Some(Wish::Cancel { id }),
        "control_request" => {
            let request = line.get("request")?;
            let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
            if text("subtype") != "can_use_tool" {
                return Some(Wish::Unknown { id, what: text("subtype").to_owned() });
            }
            let input = request.get("input").cloned().unwrap_or(Value::Null);
            let asks = asks(text("tool_name"), &input);
            Some(Wish::Ask { id, asks, input })
        }
        _ => None,
    }
}

/// Returns the message that answers a wish.
pub(super) fn reply(id: &str, asks: &[Ask], input: &Value, answers: &[Answer]) -> Value {
    let response = decision(asks, input, answers);
    json!({"type": "control_response", "response": {"subtype": "success", "request_id": id, "response": response}})
}

/// Returns the message that refuses a wish this host does not know.
pub(super) fn refuse(id: &str, what: &str) -> Value {
    let error = format!("this host does not know `{what}`");
    json!({"type": "control_response", "response": {"subtype": "error", "request_id": id, "error": error}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::Target;

    #[test]
    fn a_command_is_asked_for_in_its_exact_words_and_allowed_as_it_was() {
        let line = r#"{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"make  all","description":"Build"}}}"#;
        let Some(Wish::Ask { id, asks, input }) = wish(line) else { panic!("no wish") };
        let expected = Ask::Permission {
            tool: "Bash".to_owned(),
            detail: "make  all".to_owned(),
            reason: Some("Build".to_owned()),
            target: Some(Target::Command { command: "make  all".to_owned() }),
        };
        assert_eq!(asks, [expected]);
        let reply = reply(&id, &asks, &input, &[Answer::Allow]);
        assert_eq!(reply["response"]["request_id"], "r1");
        assert_eq!(reply["response"]["response"]["updatedInput"]["command"], "make  all");
    }

    #[test]
    fn a_choice_goes_back_under_its_question_and_a_refusal_with_its_words() {
        let line = r#"{"type":"control_request","request_id":"r2","request":{"subtype":"can_use_tool","tool_name":"AskUserQuestion","input":{"questions":[{"question":"Which?","options":[{"label":"Python"},{"label":"Rust"}]}]}}}"#;
        let Some(Wish::Ask { id, asks, input }) = wish(line) else { panic!("no wish") };
        let options = vec!["Python".to_owned(), "Rust".to_owned()];
        assert_eq!(asks, [Ask::Question { text: "Which?".to_owned(), options }]);
        let chosen = reply(&id, &asks, &input, &[Answer::Reply { text: "Rust".to_owned() }]);
        assert_eq!(chosen["response"]["response"]["updatedInput"]["answers"]["Which?"], "Rust");
        let no = reply(&id, &asks, &input, &[Answer::Deny { message: "use make".to_owned() }]);
        assert_eq!(no["response"]["response"], json!({"behavior": "deny", "message": "use make"}));
    }

    #[test]
    fn what_this_host_does_not_know_is_refused_instead_of_left_to_wait() {
        let line = r#"{"type":"control_request","request_id":"r3","request":{"subtype":"mcp_message"}}"#;
        assert_eq!(wish(line), Some(Wish::Unknown { id: "r3".to_owned(), what: "mcp_message".to_owned() }));
        assert_eq!(wish(r#"{"type":"control_response","request_id":"x"}"#), None);
        assert_eq!(wish(r#"{"type":"assistant","message":"control_request"}"#), None);
    }
}
