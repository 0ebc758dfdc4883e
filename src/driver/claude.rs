//! The messages of Claude Code's two-way JSON lines (`--input-format stream-json --permission-prompt-tool stdio`).
//!
//! Pure. Source: the public agent SDK's control protocol and recordings of 2.1.

use serde_json::{Map, Value, json};

use crate::domain::session::{Answer, Ask, Target};

/// Something the agent wants of its host.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish {
    /// An answer: allow a tool, or a choice.
    Ask {
        /// Names the wish.
        id: String,
        /// What is asked, one after the other.
        asks: Vec<Ask>,
        /// What the tool was given; goes back with the answer.
        input: Value,
    },
    /// An earlier wish is withdrawn.
    Cancel {
        /// Its name.
        id: String,
    },
    /// Something this host does not know.
    Unknown {
        /// Names the wish.
        id: String,
        /// What it is.
        what: String,
    },
}

/// Returns the message that opens the conversation.
pub(super) fn hello() -> Value {
    json!({"type": "control_request", "request_id": "hello", "request": {"subtype": "initialize", "hooks": null}})
}

/// Returns the message that says something to the agent.
pub(super) fn say(text: &str) -> Value {
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
            let asks = match text("tool_name") {
                "AskUserQuestion" => questions(&input),
                tool => vec![permission(tool, &input)],
            };
            Some(Wish::Ask { id, asks, input })
        }
        _ => None,
    }
}

fn permission(tool: &str, input: &Value) -> Ask {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let detail = match (text("command"), text("file_path")) {
        (Some(command), _) => command.to_owned(),
        (None, Some(path)) => change(path, text("old_string"), text("new_string").or(text("content"))),
        (None, None) => serde_json::to_string_pretty(input).unwrap_or_default(),
    };
    let target = match (text("command"), text("file_path").or(text("notebook_path"))) {
        (Some(command), _) => Some(Target::Command { command: command.to_owned() }),
        (None, Some(path)) => Some(Target::Path { path: path.to_owned() }),
        (None, None) => None,
    };
    Ask::Permission { tool: tool.to_owned(), detail, reason: text("description").map(str::to_owned), target }
}

/// Returns the exact change as lines taken away and lines added.
fn change(path: &str, old: Option<&str>, new: Option<&str>) -> String {
    let mut detail = path.to_owned();
    for (sign, text) in [('-', old), ('+', new)] {
        for line in text.unwrap_or_default().lines() {
            detail.push_str(&format!("\n{sign} {line}"));
        }
    }
    detail
}

fn questions(input: &Value) -> Vec<Ask> {
    let questions = input.get("questions").and_then(Value::as_array);
    let ask = |question: &Value| Ask::Question {
        text: question.get("question").and_then(Value::as_str).unwrap_or_default().to_owned(),
        options: question
            .get("options")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|option| Some(option.get("label")?.as_str()?.to_owned()))
            .collect(),
    };
    questions.into_iter().flatten().map(ask).collect()
}

/// Returns the message that answers a wish.
pub(super) fn reply(id: &str, asks: &[Ask], input: &Value, answers: &[Answer]) -> Value {
    let denied = answers.iter().find_map(|answer| match answer {
        Answer::Deny { message } if message.trim().is_empty() => Some("A person said no.".to_owned()),
        Answer::Deny { message } => Some(message.clone()),
        Answer::Allow | Answer::Reply { .. } => None,
    });
    let response = match denied {
        Some(message) => json!({"behavior": "deny", "message": message}),
        None => {
            let mut input = input.clone();
            let replies: Map<String, Value> = asks.iter().zip(answers).filter_map(replied).collect();
            if let (Value::Object(members), false) = (&mut input, replies.is_empty()) {
                members.insert("answers".to_owned(), Value::Object(replies));
            }
            json!({"behavior": "allow", "updatedInput": input})
        }
    };
    json!({"type": "control_response", "response": {"subtype": "success", "request_id": id, "response": response}})
}

fn replied((ask, answer): (&Ask, &Answer)) -> Option<(String, Value)> {
    match (ask, answer) {
        (Ask::Question { text: question, .. }, Answer::Reply { text }) => Some((question.clone(), json!(text))),
        _ => None,
    }
}

/// Returns the message that refuses a wish this host does not know.
pub(super) fn refuse(id: &str, what: &str) -> Value {
    let error = format!("this host does not know `{what}`");
    json!({"type": "control_response", "response": {"subtype": "error", "request_id": id, "error": error}})
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_edit_is_asked_for_with_the_lines_it_changes() {
        let Ask::Permission { detail, .. } =
            permission("Edit", &json!({"file_path": "/a", "old_string": "x\ny", "new_string": "z"}))
        else {
            panic!("not a permission")
        };
        assert_eq!(detail, "/a\n- x\n- y\n+ z");
    }

    #[test]
    fn what_this_host_does_not_know_is_refused_instead_of_left_to_wait() {
        let line = r#"{"type":"control_request","request_id":"r3","request":{"subtype":"mcp_message"}}"#;
        assert_eq!(wish(line), Some(Wish::Unknown { id: "r3".to_owned(), what: "mcp_message".to_owned() }));
        assert_eq!(wish(r#"{"type":"control_response","request_id":"x"}"#), None);
        assert_eq!(wish(r#"{"type":"assistant","message":"control_request"}"#), None);
    }
}
