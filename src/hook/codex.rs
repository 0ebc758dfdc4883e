//! What Codex tells the program of its `notify` setting: a turn is over. Pure. Source: the payloads of 0.169.

use serde_json::Value;

use super::files::{FaceOrder, Heard};
use super::run::{Call, Ending};

/// Returns what a payload says about the session's own thread; `None` where it is about another, as the one that makes
/// up titles is. Its own is the one that was given the session's prompt.
pub(super) fn hear(payload: &Value, order: Option<&FaceOrder>, heard: &Heard) -> Option<Call> {
    let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
    if text("type").as_deref() != Some("agent-turn-complete") {
        return None;
    }
    let thread = text("thread-id");
    let first = payload.pointer("/input-messages/0").and_then(Value::as_str);
    let own = match &heard.conversation {
        Some(known) => thread.as_ref() == Some(known),
        None => order.zip(first).is_some_and(|(order, first)| order.prompt == FaceOrder::digest(first)),
    };
    own.then(|| {
        Call::Stopped(Ending {
            conversation: thread,
            transcript: None,
            last_words: text("last-assistant-message"),
            trouble: None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(thread: &str, message: &str) -> Value {
        serde_json::json!({
            "type": "agent-turn-complete", "thread-id": thread, "turn-id": "1", "cwd": "/w",
            "input-messages": [message], "last-assistant-message": "Done.",
        })
    }

    #[test]
    fn only_the_thread_that_was_given_the_prompt_ends_the_turn() {
        let order = FaceOrder { prompt: FaceOrder::digest("Write it\n"), ..FaceOrder::default() };
        let nothing = Heard::default();
        let own = hear(&payload("t-1", "Write it"), Some(&order), &nothing);
        assert!(matches!(own, Some(Call::Stopped(Ending { conversation: Some(id), .. })) if id == "t-1"));
        assert_eq!(hear(&payload("t-2", "Make a title for: Write it"), Some(&order), &nothing), None);
        let known = Heard { conversation: Some("t-1".to_owned()), ..Heard::default() };
        assert!(hear(&payload("t-1", "More"), Some(&order), &known).is_some(), "a later turn has another prompt");
        assert_eq!(hear(&payload("t-2", "Write it"), Some(&order), &known), None);
    }
}
