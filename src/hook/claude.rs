//! What Claude Code tells its hooks. Pure. Source: the payloads of 2.1 and the schemas its program checks them by.

use serde_json::{Value, json};

use super::run::{Call, Ending};
use crate::agent::{Trouble, headline};

/// The hooks of the settings file.
const EVENTS: [&str; 10] = [
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "PostToolUse",
    "PostToolUseFailure",
    "Notification",
    "Stop",
    "StopFailure",
    "SessionEnd",
];

/// How long a hook may take, in seconds: a person may sleep before they answer. What is more than 24 days in milliseconds is
/// none at all to the program.
const PATIENCE: u32 = 20 * 24 * 3600;

/// Returns the settings that have each hook call this program, which every session names in its environment.
pub fn settings() -> Value {
    let call = json!([{"hooks": [{"type": "command", "command": "\"$AOTUI_EXE\" hook claude", "timeout": PATIENCE}]}]);
    let hooks: serde_json::Map<String, Value> = EVENTS.iter().map(|name| ((*name).to_owned(), call.clone())).collect();
    json!({ "hooks": hooks })
}

/// Returns what a payload says; `None` where it says nothing that matters here.
pub(super) fn hear(payload: &Value) -> Option<Call> {
    let text = |name: &str| payload.get(name).and_then(Value::as_str).unwrap_or_default();
    let some = |name: &str| Some(text(name).to_owned()).filter(|text| !text.is_empty());
    let input = payload.get("tool_input").cloned().unwrap_or(Value::Null);
    let tool = || text("tool_name").to_owned();
    Some(match text("hook_event_name") {
        "SessionStart" => Call::Started { conversation: some("session_id"), transcript: some("transcript_path") },
        "UserPromptSubmit" => Call::Prompted { conversation: some("session_id") },
        "PreToolUse" => Call::Tool { tool: tool(), on: headline(&input) },
        "PostToolUse" | "PostToolUseFailure" => Call::ToolDone { tool: tool(), input },
        "PermissionRequest" => Call::Permission { tool: tool(), input },
        "Notification" => Call::Notice { text: text("message").to_owned(), kind: text("notification_type").to_owned() },
        "Stop" => Call::Stopped(Ending {
            conversation: some("session_id"),
            transcript: some("transcript_path"),
            last_words: some("last_assistant_message"),
            trouble: None,
        }),
        "StopFailure" => Call::Stopped(Ending {
            conversation: some("session_id"),
            transcript: some("transcript_path"),
            last_words: None,
            trouble: Some(trouble(payload)),
        }),
        "SessionEnd" => Call::Ended { transcript: some("transcript_path") },
        _ => return None,
    })
}

fn trouble(payload: &Value) -> Trouble {
    let text =
        |name: &str| payload.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let details = [text("last_assistant_message"), text("error_details"), text("error")];
    let words = details.into_iter().flatten().find(|words| !words.trim().is_empty());
    let status = payload.pointer("/error_details/status").and_then(Value::as_u64);
    Trouble {
        text: words.unwrap_or_else(|| "its provider failed".to_owned()),
        status: status.and_then(|status| u16::try_from(status).ok()),
        code: text("error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(payload: &str) -> Option<Call> {
        hear(&serde_json::from_str(payload).unwrap())
    }

    #[test]
    fn a_turn_is_told_from_its_prompt_to_its_last_words() {
        let begin = heard(r#"{"session_id":"c-1","hook_event_name":"UserPromptSubmit","prompt":"Do it"}"#);
        assert_eq!(begin, Some(Call::Prompted { conversation: Some("c-1".to_owned()) }));
        let tool = heard(r#"{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"make all"}}"#);
        assert_eq!(tool, Some(Call::Tool { tool: "Bash".to_owned(), on: "make all".to_owned() }));
        let end = heard(r#"{"session_id":"c-1","hook_event_name":"Stop","last_assistant_message":"Done."}"#);
        let Some(Call::Stopped(ending)) = end else { panic!("{end:?}") };
        assert_eq!((ending.last_words.as_deref(), ending.trouble), (Some("Done."), None));
    }

    #[test]
    fn a_turn_that_its_provider_ended_says_why() {
        let end =
            heard(r#"{"hook_event_name":"StopFailure","error":"authentication_failed","error_details":"401 bad"}"#);
        let Some(Call::Stopped(Ending { trouble: Some(trouble), .. })) = end else { panic!("{end:?}") };
        assert_eq!((trouble.text.as_str(), trouble.code.as_deref()), ("401 bad", Some("authentication_failed")));
    }

    #[test]
    fn what_nobody_knows_says_nothing() {
        for payload in ["{}", "[]", "null", "7", r#"{"hook_event_name":"Later"}"#, r#"{"hook_event_name":["Stop"]}"#] {
            assert_eq!(heard(payload), None, "{payload}");
        }
        let odd = heard(r#"{"hook_event_name":"PreToolUse","tool_name":7,"tool_input":[1]}"#);
        assert_eq!(odd, Some(Call::Tool { tool: String::new(), on: String::new() }));
    }
}
