//! What a tool of Claude Code is used for, as a question for a person, and the answer as it takes it. Its protocol and its
//! hooks have the same forms.

use serde_json::{Map, Value, json};

use crate::domain::session::{Answer, Ask, Target};

/// Returns what a person is asked before `tool` is used on `input`, one after the other.
pub fn asks(tool: &str, input: &Value) -> Vec<Ask> {
    match tool {
        "AskUserQuestion" => questions(input),
        tool => vec![permission(tool, input)],
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

/// Returns the decision that the answers to `asks` come to.
pub fn decision(asks: &[Ask], input: &Value, answers: &[Answer]) -> Value {
    let denied = answers.iter().find_map(|answer| match answer {
        Answer::Deny { message } if message.trim().is_empty() => Some("A person said no.".to_owned()),
        Answer::Deny { message } => Some(message.clone()),
        Answer::Allow | Answer::Reply { .. } => None,
    });
    match denied {
        Some(message) => json!({"behavior": "deny", "message": message}),
        None => {
            let mut input = input.clone();
            let replies: Map<String, Value> = asks.iter().zip(answers).filter_map(replied).collect();
            if let (Value::Object(members), false) = (&mut input, replies.is_empty()) {
                members.insert("answers".to_owned(), Value::Object(replies));
            }
            json!({"behavior": "allow", "updatedInput": input})
        }
    }
}

fn replied((ask, answer): (&Ask, &Answer)) -> Option<(String, Value)> {
    match (ask, answer) {
        (Ask::Question { text: question, .. }, Answer::Reply { text }) => Some((question.clone(), json!(text))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_asked_for_with_the_lines_it_changes() {
        let Ask::Permission { detail, .. } =
            permission("Edit", &json!({"file_path": "/a", "old_string": "x\ny", "new_string": "z"}))
        else {
            panic!("not a permission")
        };
        assert_eq!(detail, "/a\n- x\n- y\n+ z");
    }
}
