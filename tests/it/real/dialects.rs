//! The languages agents speak to models: what a request asks, and how an answer, an error or a broken connection looks.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::scripts::{Script, Step, Use};
use super::server::{Charged, Out};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Anthropic Messages.
    Messages,
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Gemini's generateContent.
    Gemini,
}

/// What a request asks.
#[derive(Debug, Default)]
pub(crate) struct Question {
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// Tools by name, with the names of their parameters; a freeform one has none.
    pub(crate) tools: BTreeMap<String, Option<Vec<String>>>,
    /// How many answers the script has given in this conversation.
    pub(crate) step: usize,
    /// Whether the agent has no tools and takes edits out of the text.
    pub(crate) edits: bool,
}

/// What the model says.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) call: Option<(String, Value)>,
    pub(crate) usage: Charged,
    pause: Duration,
}

impl Answer {
    /// Returns the answer to a question that is no step of the work.
    pub(crate) fn aside() -> Self {
        let text = r#"{"title": "Greeting", "isNewTopic": false}"#.to_owned();
        Self { text, call: None, usage: Charged::default(), pause: Duration::ZERO }
    }

    /// Returns the script's next step in the agent's own terms.
    pub(crate) fn of(script: &Script, question: &Question, cwd: &Path) -> Self {
        const OVER: Step = Step { text: "There is nothing left to do.", uses: None };
        let after = if script.repeats { script.steps.last() } else { None };
        let step = script.steps.get(question.step).or(after).unwrap_or(&OVER);
        let call = step.uses.and_then(|uses| bind(uses, &question.tools, cwd));
        let text = match (step.uses, &call) {
            (Some(Use::Write { path, content }), None) => {
                format!("{}\n\n{path}\n```\n<<<<<<< SEARCH\n=======\n{content}>>>>>>> REPLACE\n```\n", step.text)
            }
            _ => step.text.to_owned(),
        };
        // Fixed numbers, so that sums can be asserted.
        let usage = Charged { input: 1000 + 100 * question.step as u64, output: 50, cache_read: 200 };
        Self { text, call, usage, pause: Duration::from_millis(script.pause) }
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split_inclusive(' ').inspect(|_| std::thread::sleep(self.pause))
    }
}

/// Binds a use of a tool to the tool the agent has for it.
fn bind(uses: Use, tools: &BTreeMap<String, Option<Vec<String>>>, cwd: &Path) -> Option<(String, Value)> {
    let pick = |names: &[&str]| names.iter().find_map(|name| tools.get_key_value(*name));
    match uses {
        Use::Write { path, content } => {
            if let Some((name, Some(parameters))) = pick(&["Write", "write", "write_file", "create_file"]) {
                let key = ["file_path", "filePath", "path"].into_iter().find(|key| parameters.iter().any(|p| p == key));
                return Some((name.clone(), json!({key.unwrap_or("path"): cwd.join(path), "content": content})));
            }
            if let Some((name, None)) = pick(&["apply_patch"]) {
                let patch = format!("*** Begin Patch\n*** Add File: {path}\n+{}\n*** End Patch\n", content.trim_end());
                return Some((name.clone(), json!(patch)));
            }
            shell(&format!("printf '%s' '{content}' > {path}"), tools)
        }
        Use::Shell { command } => shell(command, tools),
        Use::Ask { question, options } => {
            let (name, _) = pick(&["AskUserQuestion", "question", "ask_user"])?;
            let options = options.map(|label| json!({"label": label, "description": label}));
            let question =
                json!({"question": question, "header": "Greeting", "options": options, "multiSelect": false});
            Some((name.clone(), json!({"questions": [question]})))
        }
    }
}

fn shell(command: &str, tools: &BTreeMap<String, Option<Vec<String>>>) -> Option<(String, Value)> {
    let names = ["Bash", "bash", "run_shell_command", "exec_command", "shell_command", "shell"];
    let (name, parameters) = names.iter().find_map(|name| tools.get_key_value(*name))?;
    let has = |key: &str| parameters.iter().flatten().any(|parameter| parameter == key);
    let mut input = if has("cmd") { json!({"cmd": command}) } else { json!({"command": command}) };
    if has("description") {
        input["description"] = json!("A step of the work");
    }
    if name == "shell" {
        input["command"] = json!(["sh", "-c", command]);
    }
    Some((name.clone(), input))
}

impl Dialect {
    pub(crate) fn of(method: &str, path: &str) -> Option<Self> {
        if method != "POST" || path.ends_with("/count_tokens") || path.ends_with(":countTokens") {
            return None;
        }
        match path {
            _ if path.ends_with("/messages") => Some(Self::Messages),
            _ if path.ends_with("/chat/completions") => Some(Self::Chat),
            _ if path.ends_with("/responses") => Some(Self::Responses),
            _ if path.contains("enerateContent") => Some(Self::Gemini),
            _ => None,
        }
    }

    /// Returns the body for a request that is no question.
    pub(crate) fn other(path: &str) -> Value {
        match path {
            _ if path.ends_with("/count_tokens") => json!({"input_tokens": 1000}),
            _ if path.ends_with(":countTokens") => json!({"totalTokens": 1000}),
            _ if path.ends_with("/models") => json!({"object": "list", "data": []}),
            _ => json!({"error": {"type": "not_found_error", "message": "there is no such thing here"}}),
        }
    }

    pub(crate) fn read(self, path: &str, body: &Value) -> Question {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let parameters = |schema: &Value| {
            Some(schema["properties"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default())
        };
        let name = |tool: &Value| tool["name"].as_str().unwrap_or_default().to_owned();
        let mut question = Question {
            model: body["model"].as_str().unwrap_or("scripted").to_owned(),
            stream: body["stream"].as_bool().unwrap_or(false),
            ..Question::default()
        };
        match self {
            Self::Messages => {
                question.tools =
                    list(&body["tools"]).iter().map(|t| (name(t), parameters(&t["input_schema"]))).collect();
                let blocks = list(&body["messages"]).into_iter().flat_map(|message| list(&message["content"]));
                question.step = blocks.filter(|block| block["type"] == "tool_result").count();
            }
            Self::Chat => {
                let tools = list(&body["tools"]);
                let functions = tools.iter().map(|tool| &tool["function"]);
                question.tools = functions.map(|t| (name(t), parameters(&t["parameters"]))).collect();
                let messages = list(&body["messages"]);
                question.step = messages.iter().filter(|message| message["role"] == "tool").count();
                let said =
                    |message: &&Value| message["role"] == "assistant" && message.to_string().contains("I'll create");
                question.edits = body["messages"].to_string().contains("SEARCH/REPLACE");
                if question.edits {
                    // What such an agent wrote it commits itself, so the next step is the last.
                    question.step = if messages.iter().any(|m| said(&m)) { usize::MAX } else { 0 };
                }
            }
            Self::Responses => {
                let mut tools = list(&body["tools"]);
                let input = list(&body["input"]);
                tools.extend(input.iter().flat_map(|item| list(&item["tools"])));
                let inner: Vec<Value> = tools.iter().flat_map(|tool| list(&tool["tools"])).collect();
                let freeform = |tool: &Value| tool["type"] == "custom";
                let known = |t: &Value| (name(t), if freeform(t) { None } else { parameters(&t["parameters"]) });
                question.tools = tools.iter().chain(&inner).filter(|t| t["name"].is_string()).map(known).collect();
                let is_result =
                    |item: &&Value| item["type"].as_str().is_some_and(|kind| kind.ends_with("_call_output"));
                question.step = input.iter().filter(is_result).count();
            }
            Self::Gemini => {
                question.stream = path.contains("stream");
                let declared: Vec<Value> =
                    list(&body["tools"]).iter().flat_map(|tool| list(&tool["functionDeclarations"])).collect();
                let schema = |tool: &Value| match &tool["parametersJsonSchema"] {
                    Value::Null => parameters(&tool["parameters"]),
                    schema => parameters(schema),
                };
                question.tools = declared.iter().map(|tool| (name(tool), schema(tool))).collect();
                let parts = list(&body["contents"]).into_iter().flat_map(|content| list(&content["parts"]));
                question.step = parts.filter(|part| !part["functionResponse"].is_null()).count();
            }
        }
        question
    }

    /// Returns status and body of an error.
    pub(crate) fn error(self, status: u16, kind: &str, message: &str, retry_after: Option<u32>) -> (u16, Value) {
        // The status of an overloaded service that one vendor alone uses.
        let status = if status == 529 && self != Self::Messages { 503 } else { status };
        let error = match self {
            Self::Messages => json!({"type": "error", "error": {"type": kind, "message": message}}),
            Self::Chat | Self::Responses => json!({"error": {"message": message, "type": kind, "code": kind}}),
            Self::Gemini => {
                let name = match status {
                    429 => "RESOURCE_EXHAUSTED",
                    401 => "UNAUTHENTICATED",
                    503 => "UNAVAILABLE",
                    _ => "INVALID_ARGUMENT",
                };
                let delay = retry_after.map(|seconds| {
                    json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{seconds}s")})
                });
                json!({"error": {"code": status, "message": message, "status": name, "details": Vec::from_iter(delay)}})
            }
        };
        (status, error)
    }

    /// Begins an answer and lets the connection go in its middle.
    pub(crate) fn cut_off(self, question: &Question, out: &mut Out<'_>) -> std::io::Result<()> {
        if !question.stream {
            return Ok(());
        }
        out.events()?;
        match self {
            Self::Messages => {
                let message = message(question, &[], None, &Charged::default());
                out.event("message_start", &json!({"type": "message_start", "message": message}).to_string())?;
                let start =
                    json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
                out.event("content_block_start", &start.to_string())
            }
            Self::Chat => {
                out.event("", &chunk(question, &json!({"role": "assistant", "content": "This"}), None).to_string())
            }
            Self::Responses => {
                let created =
                    json!({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}});
                out.event("response.created", &created.to_string())
            }
            Self::Gemini => out.event("", &candidate(question, &[json!({"text": "This"})], None).to_string()),
        }
    }

    pub(crate) fn answer(self, question: &Question, answer: &Answer, out: &mut Out<'_>) -> std::io::Result<()> {
        match self {
            Self::Messages => messages(question, answer, out),
            Self::Chat => chat(question, answer, out),
            Self::Responses => responses(question, answer, out),
            Self::Gemini => gemini(question, answer, out),
        }
    }
}

/// Returns a name that no other call of the conversation has.
fn call_id(question: &Question) -> String {
    format!("call_{}", question.step)
}

fn message(question: &Question, content: &[Value], stop: Option<&str>, usage: &Charged) -> Value {
    let usage = json!({"input_tokens": usage.input, "output_tokens": usage.output,
        "cache_read_input_tokens": usage.cache_read, "cache_creation_input_tokens": 0});
    json!({"id": format!("msg_{}", question.step), "type": "message", "role": "assistant", "model": question.model,
        "content": content, "stop_reason": stop, "stop_sequence": null, "usage": usage})
}

fn messages(question: &Question, answer: &Answer, out: &mut Out<'_>) -> std::io::Result<()> {
    let stop = if answer.call.is_some() { "tool_use" } else { "end_turn" };
    let mut content = vec![json!({"type": "text", "text": answer.text})];
    if let Some((name, input)) = &answer.call {
        content
            .push(json!({"type": "tool_use", "id": format!("toolu_{}", question.step), "name": name, "input": input}));
    }
    if !question.stream {
        return out.json(200, &[], &message(question, &content, Some(stop), &answer.usage));
    }
    out.events()?;
    let mut event = |data: Value| out.event(data["type"].as_str().unwrap_or_default(), &data.to_string());
    let first = Charged { output: 1, ..answer.usage };
    event(json!({"type": "message_start", "message": message(question, &[], None, &first)}))?;
    event(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}))?;
    for word in answer.words() {
        event(json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}))?;
    }
    event(json!({"type": "content_block_stop", "index": 0}))?;
    if let Some((_, input)) = &answer.call {
        let mut block = content.remove(1);
        block["input"] = json!({});
        event(json!({"type": "content_block_start", "index": 1, "content_block": block}))?;
        let delta = json!({"type": "input_json_delta", "partial_json": input.to_string()});
        event(json!({"type": "content_block_delta", "index": 1, "delta": delta}))?;
        event(json!({"type": "content_block_stop", "index": 1}))?;
    }
    let usage = message(question, &[], None, &answer.usage)["usage"].clone();
    event(json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null}, "usage": usage}))?;
    event(json!({"type": "message_stop"}))?;
    out.done()
}

fn chunk(question: &Question, delta: &Value, finish: Option<&str>) -> Value {
    json!({"id": format!("chat_{}", question.step), "object": "chat.completion.chunk", "created": 1, "model": question.model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn chat(question: &Question, answer: &Answer, out: &mut Out<'_>) -> std::io::Result<()> {
    let Charged { input, output, cache_read } = answer.usage;
    let prompt = input + cache_read;
    let usage = json!({"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": cache_read}});
    let finish = if answer.call.is_some() { "tool_calls" } else { "stop" };
    let call = answer.call.as_ref().map(|(name, input)| {
        let function = json!({"name": name, "arguments": input.to_string()});
        json!([{"index": 0, "id": call_id(question), "type": "function", "function": function}])
    });
    if !question.stream {
        let mut message = json!({"role": "assistant", "content": answer.text});
        if let Some(call) = call {
            message["tool_calls"] = call;
        }
        let choice = json!({"index": 0, "message": message, "finish_reason": finish});
        let id = format!("chat_{}", question.step);
        let body = json!({"id": id, "object": "chat.completion", "created": 1, "model": question.model,
            "choices": [choice], "usage": usage});
        return out.json(200, &[], &body);
    }
    out.events()?;
    let mut event = |data: Value| out.event("", &data.to_string());
    event(chunk(question, &json!({"role": "assistant", "content": ""}), None))?;
    for word in answer.words() {
        event(chunk(question, &json!({"content": word}), None))?;
    }
    if let Some(call) = call {
        event(chunk(question, &json!({"tool_calls": call}), None))?;
    }
    event(chunk(question, &json!({}), Some(finish)))?;
    let mut last = chunk(question, &json!({}), None);
    last["choices"] = json!([]);
    last["usage"] = usage;
    event(last)?;
    out.event("", "[DONE]")?;
    out.done()
}

fn responses(question: &Question, answer: &Answer, out: &mut Out<'_>) -> std::io::Result<()> {
    let Charged { input, output, cache_read } = answer.usage;
    let usage = json!({"input_tokens": input + cache_read, "input_tokens_details": {"cached_tokens": cache_read},
        "output_tokens": output, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": input + cache_read + output});
    let text = json!({"type": "output_text", "text": answer.text, "annotations": []});
    let id = format!("msg_{}", question.step);
    let said = json!({"id": id, "type": "message", "role": "assistant", "status": "completed", "content": [text]});
    let call = answer.call.as_ref().map(|(name, input)| match input {
        Value::String(input) => json!({"id": "ctc_1", "type": "custom_tool_call", "status": "completed",
            "call_id": call_id(question), "name": name, "input": input}),
        input => json!({"id": "fc_1", "type": "function_call", "status": "completed",
            "call_id": call_id(question), "name": name, "arguments": input.to_string()}),
    });
    let items: Vec<Value> = [said.clone()].into_iter().chain(call.clone()).collect();
    let whole = json!({"id": format!("resp_{}", question.step), "object": "response", "created_at": 1,
        "model": question.model, "status": "completed", "output": items, "usage": usage});
    if !question.stream {
        return out.json(200, &[], &whole);
    }
    out.events()?;
    let mut number = 0;
    let mut event = |kind: &str, mut data: Value| {
        data["type"] = json!(kind);
        data["sequence_number"] = json!(number);
        number += 1;
        out.event(kind, &data.to_string())
    };
    let mut begun = whole.clone();
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    event("response.created", json!({"response": begun}))?;
    let mut empty = said.clone();
    empty["content"] = json!([]);
    event("response.output_item.added", json!({"output_index": 0, "item": empty}))?;
    for word in answer.words() {
        let delta = json!({"item_id": id, "output_index": 0, "content_index": 0, "delta": word});
        event("response.output_text.delta", delta)?;
    }
    event("response.output_item.done", json!({"output_index": 0, "item": said}))?;
    if let Some(call) = call {
        event("response.output_item.added", json!({"output_index": 1, "item": call}))?;
        event("response.output_item.done", json!({"output_index": 1, "item": call}))?;
    }
    event("response.completed", json!({"response": whole}))?;
    out.done()
}

fn candidate(question: &Question, parts: &[Value], usage: Option<&Charged>) -> Value {
    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
    let mut whole = json!({"modelVersion": question.model, "responseId": format!("r_{}", question.step)});
    if let Some(usage) = usage {
        candidate["finishReason"] = json!("STOP");
        let prompt = usage.input + usage.cache_read;
        whole["usageMetadata"] = json!({"promptTokenCount": prompt, "candidatesTokenCount": usage.output,
            "cachedContentTokenCount": usage.cache_read, "totalTokenCount": prompt + usage.output});
    }
    whole["candidates"] = json!([candidate]);
    whole
}

fn gemini(question: &Question, answer: &Answer, out: &mut Out<'_>) -> std::io::Result<()> {
    let call = answer
        .call
        .as_ref()
        .map(|(name, args)| json!({"functionCall": {"id": call_id(question), "name": name, "args": args}}));
    let text = json!({"text": answer.text});
    if !question.stream {
        let parts: Vec<Value> = [text].into_iter().chain(call).collect();
        return out.json(200, &[], &candidate(question, &parts, Some(&answer.usage)));
    }
    out.events()?;
    for word in answer.words() {
        out.event("", &candidate(question, &[json!({"text": word})], None).to_string())?;
    }
    let last = call.unwrap_or_else(|| json!({"text": ""}));
    out.event("", &candidate(question, &[last], Some(&answer.usage)).to_string())?;
    out.done()
}
