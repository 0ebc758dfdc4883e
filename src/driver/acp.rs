//! The client's side of the Agent Client Protocol, version 1: JSON-RPC, one message a line, both ways.
//!
//! Pure. Source: https://agentclientprotocol.com and what gemini 0.61 and opencode 1.18 were seen to say. Only what a
//! ticket needs is spoken: the agent reads and writes files itself. What is not known is refused or passed over, so that
//! a newer agent still works.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::talk::{Heard, Wish};
use crate::agent::{Signal, Trouble};
use crate::domain::session::{Answer, Ask, Target};
use crate::domain::usage::Usage;

/// By this code an agent says that nobody is logged in.
const AUTH_REQUIRED: i64 = -32_000;
const NO_SUCH_METHOD: i64 = -32_601;

/// A conversation with an agent that speaks the protocol.
#[derive(Debug, Default)]
pub(super) struct Client {
    cwd: String,
    /// The conversation to take up, until it is or cannot be.
    wanted: Option<String>,
    session: Option<String>,
    /// What is still to be said, oldest first.
    prompts: VecDeque<String>,
    /// What each request that is not answered yet was for.
    pending: Vec<(u64, Step)>,
    last: u64,
    /// What it thought since it last said or did something.
    thought: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Initialize,
    New,
    Load,
    Prompt,
}

impl Client {
    /// Returns a client for an agent that works in `cwd` and takes up the conversation `wanted`, where one is named.
    pub(super) fn new(cwd: String, wanted: Option<String>) -> Self {
        Self { cwd, wanted, ..Self::default() }
    }

    /// Returns what opens the conversation; `prompt` is said once it is open.
    pub(super) fn open(&mut self, prompt: &str) -> Vec<Value> {
        self.prompts.push_back(prompt.to_owned());
        let nothing = json!({"fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false});
        let client = json!({"name": "aotui", "version": env!("CARGO_PKG_VERSION")});
        let params = json!({"protocolVersion": 1, "clientCapabilities": nothing, "clientInfo": client});
        vec![self.request(Step::Initialize, "initialize", &params)]
    }

    /// Returns what says something more.
    pub(super) fn say(&mut self, text: &str) -> Vec<Value> {
        self.prompts.push_back(text.to_owned());
        // One turn at a time: the next begins when this one is over.
        if self.pending.is_empty() { self.prompt().into_iter().collect() } else { Vec::new() }
    }

    /// Returns what has the agent end its turn.
    pub(super) fn cancel(&self) -> Option<Value> {
        let session = self.session.as_ref()?;
        Some(json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}}))
    }

    /// Takes a line of the agent.
    pub(super) fn hear(&mut self, line: &str) -> Heard {
        let Ok(message) = serde_json::from_str::<Value>(line) else { return Heard::default() };
        let method = message.get("method").and_then(Value::as_str);
        match (method, message.get("id")) {
            (Some("session/update"), _) => {
                Heard { signals: self.update(&message["params"]["update"]), ..Heard::default() }
            }
            (Some(method), Some(id)) => Heard { wish: Some(wish(method, id, &message["params"])), ..Heard::default() },
            (None, Some(id)) => {
                let at = self.pending.iter().position(|(known, _)| Some(*known) == id.as_u64());
                at.map(|at| self.pending.remove(at)).map(|(_, step)| self.answered(step, &message)).unwrap_or_default()
            }
            _ => Heard::default(),
        }
    }

    fn request(&mut self, step: Step, method: &str, params: &Value) -> Value {
        self.last += 1;
        self.pending.push((self.last, step));
        json!({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params})
    }

    fn prompt(&mut self) -> Option<Value> {
        let session = self.session.clone()?;
        let text = self.prompts.pop_front()?;
        let params = json!({"sessionId": session, "prompt": [{"type": "text", "text": text}]});
        Some(self.request(Step::Prompt, "session/prompt", &params))
    }

    fn answered(&mut self, step: Step, message: &Value) -> Heard {
        let result = &message["result"];
        if let Some(error) = message.get("error") {
            return self.refused(step, error);
        }
        match step {
            Step::Initialize => {
                let can_load = result["agentCapabilities"]["loadSession"].as_bool().unwrap_or(false);
                match self.wanted.clone() {
                    Some(wanted) if can_load => {
                        let params = json!({"sessionId": wanted, "cwd": self.cwd, "mcpServers": []});
                        Heard { send: vec![self.request(Step::Load, "session/load", &params)], ..Heard::default() }
                    }
                    Some(_) => self.afresh("the agent cannot take up a conversation"),
                    None => Heard { send: vec![self.begin()], ..Heard::default() },
                }
            }
            Step::New | Step::Load => {
                self.session = result["sessionId"].as_str().map(str::to_owned).or(self.wanted.take());
                let named = self.session.clone().map(|id| Signal::Conversation { id });
                let model = result["models"]["currentModelId"].as_str();
                let model = model.map(|name| Signal::Model { name: name.to_owned() });
                Heard {
                    signals: named.into_iter().chain(model).collect(),
                    send: self.prompt().into_iter().collect(),
                    wish: None,
                }
            }
            Step::Prompt => {
                let mut signals = self.thought();
                signals.extend(used(result));
                let reason = result["stopReason"].as_str().unwrap_or_default();
                signals.push(Signal::TurnEnded { trouble: stopped(reason) });
                Heard { signals, send: self.prompt().into_iter().collect(), wish: None }
            }
        }
    }

    fn begin(&mut self) -> Value {
        let params = json!({"cwd": self.cwd, "mcpServers": []});
        self.request(Step::New, "session/new", &params)
    }

    /// Begins a new conversation where an old one was wanted, and says so.
    fn afresh(&mut self, why: &str) -> Heard {
        self.wanted = None;
        let text = format!("{why}: it begins a new one, with its whole task");
        Heard { signals: vec![Signal::Warning { text }], send: vec![self.begin()], wish: None }
    }

    fn refused(&mut self, step: Step, error: &Value) -> Heard {
        let text = error["message"].as_str().unwrap_or("the agent refused, and did not say why");
        let detail = match &error["data"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            data => {
                data["details"].as_str().or(data["message"].as_str()).map_or_else(|| data.to_string(), str::to_owned)
            }
        };
        if step == Step::Load {
            return self.afresh(&format!("its conversation cannot be taken up ({text} {detail})"));
        }
        let code = error["code"].as_i64().unwrap_or_default();
        let status =
            if code == AUTH_REQUIRED { Some(401) } else { u16::try_from(code).ok().filter(|code| *code >= 400) };
        let text = format!("{text} {detail}").trim().to_owned();
        let trouble = Trouble { text, status, code: None };
        let mut signals = self.thought();
        signals.push(Signal::TurnEnded { trouble: Some(trouble) });
        Heard { signals, ..Heard::default() }
    }

    fn thought(&mut self) -> Vec<Signal> {
        let text = std::mem::take(&mut self.thought);
        if text.trim().is_empty() { Vec::new() } else { vec![Signal::Thought { text }] }
    }

    fn update(&mut self, update: &Value) -> Vec<Signal> {
        // What is told again of a conversation that is taken up is no news.
        if self.pending.iter().any(|(_, step)| *step == Step::Load) {
            return Vec::new();
        }
        let text = update["content"]["text"].as_str().unwrap_or_default();
        let kind = update["sessionUpdate"].as_str().unwrap_or_default();
        if kind == "agent_thought_chunk" {
            self.thought.push_str(text);
            return Vec::new();
        }
        let mut signals = self.thought();
        let id = || update["toolCallId"].as_str().map(str::to_owned);
        let is_over = |status: &str| matches!(status, "completed" | "failed");
        let status = update["status"].as_str().unwrap_or_default();
        match kind {
            "agent_message_chunk" => signals.push(Signal::Part { text: text.to_owned() }),
            "tool_call" => {
                let tool = tool(update);
                let input =
                    Some(&update["rawInput"]).filter(|input| input.as_object().is_some_and(|all| !all.is_empty()));
                let input = input.cloned().unwrap_or_else(|| update["title"].clone());
                signals.push(Signal::ToolStarted { id: id(), tool, input });
            }
            _ => {}
        }
        if matches!(kind, "tool_call" | "tool_call_update") && is_over(status) {
            signals.push(Signal::ToolEnded {
                id: id(),
                output: output(&update["content"]),
                failed: status == "failed",
            });
        }
        signals
    }
}

/// Returns what an agent calls the kind of thing it does.
fn tool(call: &Value) -> String {
    let kind = call["kind"].as_str().filter(|kind| *kind != "other");
    kind.or(call["title"].as_str()).unwrap_or("tool").to_owned()
}

/// Returns the texts and changes of a tool's content.
fn output(content: &Value) -> String {
    let part = |part: &Value| match part["type"].as_str() {
        Some("diff") => Some(change(part)),
        _ => part["content"]["text"].as_str().map(str::to_owned),
    };
    content.as_array().into_iter().flatten().filter_map(part).collect::<Vec<_>>().join("\n")
}

fn change(diff: &Value) -> String {
    let mut detail = diff["path"].as_str().unwrap_or_default().to_owned();
    for (sign, text) in [('-', &diff["oldText"]), ('+', &diff["newText"])] {
        for line in text.as_str().unwrap_or_default().lines() {
            detail.push_str(&format!("\n{sign} {line}"));
        }
    }
    detail
}

/// Returns what a turn used up, where the agent tells.
fn used(result: &Value) -> Option<Signal> {
    let gemini = &result["_meta"]["quota"]["token_count"];
    let (usage, names) = match &result["usage"] {
        Value::Null => (gemini, ["input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens"]),
        usage => (usage, ["inputTokens", "outputTokens", "cachedReadTokens", "cachedWriteTokens"]),
    };
    let [input, output, cache_read, cache_write] = names.map(|name| usage[name].as_u64().unwrap_or_default());
    let usage = Usage { input, output, cache_read, cache_write, ..Usage::default() };
    (usage != Usage::default()).then_some(Signal::Used { usage })
}

/// Returns what was wrong with the end of a turn.
fn stopped(reason: &str) -> Option<Trouble> {
    let (text, code) = match reason {
        "end_turn" => return None,
        "max_tokens" => ("its answer became too long for its model's context window", "context_length_exceeded"),
        "max_turn_requests" => ("it took as many turns as it may", "max_turns"),
        "refusal" => ("it refused to go on", "refusal"),
        "cancelled" => ("its turn was cancelled", "cancelled"),
        other => (other, "unknown"),
    };
    Some(Trouble { text: text.to_owned(), code: Some(code.to_owned()), status: None })
}

fn wish(method: &str, id: &Value, params: &Value) -> Wish {
    let id = id.to_string();
    if method != "session/request_permission" {
        return Wish::Unknown { id, what: method.to_owned() };
    }
    let call = &params["toolCall"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let command = text(&call["rawInput"]["command"]).or_else(|| text(&call["rawInput"]["cmd"]));
    let path = text(&call["locations"][0]["path"]);
    let title = text(&call["title"]).unwrap_or_default();
    let shown = output(&call["content"]);
    let is_command = call["kind"] == "execute";
    let detail = match (&command, shown.is_empty()) {
        (Some(command), _) => command.clone(),
        // Its title is the command; what else is shown is about it.
        (None, false) if is_command => format!("{title}\n{shown}"),
        (None, false) => shown,
        (None, true) => title,
    };
    let target = match (command, path) {
        (Some(command), _) => Some(Target::Command { command }),
        // A title may leave something out, so that no rule may go by it.
        (None, _) if is_command => None,
        (None, Some(path)) => Some(Target::Path { path }),
        (None, None) => None,
    };
    let asks = vec![Ask::Permission { tool: tool(call), detail, reason: None, target }];
    Wish::Ask { id, asks, input: params["options"].clone() }
}

/// Returns the message that answers a permission request; `options` are those the agent gave.
pub(super) fn reply(id: &str, options: &Value, answers: &[Answer]) -> Value {
    let allowed = answers.iter().all(|answer| !matches!(answer, Answer::Deny { .. }));
    // What is allowed is this one use, as long as the agent leaves that choice.
    let kinds = if allowed { ["allow_once", "allow_always"] } else { ["reject_once", "reject_always"] };
    let all = options.as_array().cloned().unwrap_or_default();
    let chosen = kinds.iter().find_map(|kind| all.iter().find(|option| option["kind"] == **kind));
    let outcome = match chosen {
        Some(option) => json!({"outcome": "selected", "optionId": option["optionId"]}),
        None => json!({"outcome": "cancelled"}),
    };
    json!({"jsonrpc": "2.0", "id": id_of(id), "result": {"outcome": outcome}})
}

/// Returns the message that refuses what this client does not do.
pub(super) fn refuse(id: &str, what: &str) -> Value {
    let error = json!({"code": NO_SUCH_METHOD, "message": format!("this client does not know `{what}`")});
    json!({"jsonrpc": "2.0", "id": id_of(id), "error": error})
}

fn id_of(id: &str) -> Value {
    serde_json::from_str(id).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes the client to where it waits for the end of its first turn.
    fn opened(client: &mut Client) -> Heard {
        assert_eq!(client.open("Write it")[0]["method"], "initialize");
        let new = client.hear(r#"{"jsonrpc":"2.0","id":1,"result":{"agentCapabilities":{"loadSession":true}}}"#);
        assert_eq!(new.send[0]["method"], "session/new");
        client.hear(r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s-1","models":{"currentModelId":"m"}}}"#)
    }

    #[test]
    fn a_turn_is_told_in_signals_and_ends_as_the_agent_says() {
        let mut client = Client::new("/w".to_owned(), None);
        let begun = opened(&mut client);
        assert_eq!(begun.signals[0], Signal::Conversation { id: "s-1".to_owned() });
        assert_eq!(begun.send[0]["params"]["prompt"][0]["text"], "Write it");
        let mut hear = |line: &str| client.hear(line).signals;
        let update =
            |inner: &str| format!(r#"{{"jsonrpc":"2.0","method":"session/update","params":{{"update":{inner}}}}}"#);
        assert!(
            hear(&update(r#"{"sessionUpdate":"agent_thought_chunk","content":{"type":"text","text":"Hm"}}"#))
                .is_empty()
        );
        let call =
            r#"{"sessionUpdate":"tool_call","toolCallId":"t","kind":"execute","title":"make","status":"pending"}"#;
        let started = hear(&update(call));
        assert_eq!(started[0], Signal::Thought { text: "Hm".to_owned() });
        assert!(matches!(&started[1], Signal::ToolStarted { tool, input, .. } if tool == "execute" && input == "make"));
        let done = r#"{"sessionUpdate":"tool_call_update","toolCallId":"t","status":"failed","content":[{"type":"content","content":{"type":"text","text":"no rule"}}]}"#;
        assert!(
            matches!(&hear(&update(done))[..], [Signal::ToolEnded { output, failed: true, .. }] if output == "no rule")
        );
        assert!(hear(&update(r#"{"sessionUpdate":"something_new"}"#)).is_empty() && hear("no JSON").is_empty());
        let end = hear(r#"{"jsonrpc":"2.0","id":3,"result":{"stopReason":"max_turn_requests"}}"#);
        assert!(
            matches!(&end[..], [Signal::TurnEnded { trouble: Some(trouble) }] if trouble.code.as_deref() == Some("max_turns"))
        );
    }

    #[test]
    fn a_permission_is_asked_for_in_exact_words_and_allowed_once() {
        let mut client = Client::default();
        let line = r#"{"jsonrpc":"2.0","id":7,"method":"session/request_permission","params":{"toolCall":{"kind":"execute","title":"Run","rawInput":{"command":"rm -r  x"}},"options":[{"optionId":"all","kind":"allow_always"},{"optionId":"one","kind":"allow_once"},{"optionId":"no","kind":"reject_once"}]}}"#;
        let Some(Wish::Ask { id, asks, input }) = client.hear(line).wish else { panic!("no wish") };
        let target = Some(Target::Command { command: "rm -r  x".to_owned() });
        let detail = "rm -r  x".to_owned();
        assert_eq!(asks, [Ask::Permission { tool: "execute".to_owned(), detail, reason: None, target }]);
        let titled = r#"{"jsonrpc":"2.0","id":8,"method":"session/request_permission","params":{"toolCall":{"kind":"execute","title":"rm y","content":[{"type":"content","content":{"type":"text","text":"[in /w] (clean up)"}}]},"options":[]}}"#;
        let Some(Wish::Ask { asks, .. }) = client.hear(titled).wish else { panic!("no wish") };
        let detail = "rm y\n[in /w] (clean up)".to_owned();
        assert_eq!(asks, [Ask::Permission { tool: "execute".to_owned(), detail, reason: None, target: None }]);
        let yes = reply(&id, &input, &[Answer::Allow]);
        assert_eq!((&yes["id"], &yes["result"]["outcome"]["optionId"]), (&json!(7), &json!("one")));
        let no = reply(&id, &input, &[Answer::Deny { message: String::new() }]);
        assert_eq!(no["result"]["outcome"]["optionId"], "no");
        let nothing = reply(&id, &json!([]), &[Answer::Allow]);
        assert_eq!(nothing["result"]["outcome"]["outcome"], "cancelled");
        let other = client.hear(r#"{"jsonrpc":"2.0","id":"x","method":"fs/write_text_file","params":{}}"#).wish;
        assert_eq!(other, Some(Wish::Unknown { id: "\"x\"".to_owned(), what: "fs/write_text_file".to_owned() }));
        assert_eq!(refuse("\"x\"", "fs")["id"], "x");
    }

    #[test]
    fn a_conversation_that_is_not_there_is_said_to_be_gone_and_the_task_begins_anew() {
        let mut client = Client::new("/w".to_owned(), Some("old".to_owned()));
        client.open("Write it");
        let load = client.hear(r#"{"id":1,"result":{"agentCapabilities":{"loadSession":true}}}"#);
        assert_eq!(load.send[0]["params"]["sessionId"], "old");
        let told_again = r#"{"method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":{"text":"old words"}}}}"#;
        assert!(client.hear(told_again).signals.is_empty());
        let gone = client.hear(r#"{"id":2,"error":{"code":-32602,"message":"no such session"}}"#);
        assert!(matches!(&gone.signals[..], [Signal::Warning { text }] if text.contains("no such session")));
        assert_eq!(gone.send[0]["method"], "session/new");
        let begun = client.hear(r#"{"id":3,"result":{"sessionId":"new"}}"#);
        assert_eq!(begun.send[0]["params"]["prompt"][0]["text"], "Write it");
        let refused = client.hear(r#"{"id":4,"error":{"code":-32000,"message":"Authentication required"}}"#);
        let [Signal::TurnEnded { trouble: Some(trouble) }] = &refused.signals[..] else { panic!("{refused:?}") };
        assert_eq!(trouble.status, Some(401));
    }
}
