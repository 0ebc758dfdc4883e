//! What the file of a conversation says was used up. Read by what its lines say, whatever else is in them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;

use crate::domain::usage::Usage;

/// Most bytes read.
const MAX_FILE: u64 = 256 * 1024 * 1024;
/// Longest line understood, in bytes; a longer one is passed over.
const MAX_LINE: u64 = 8 * 1024 * 1024;

/// What a conversation used up, and with which model it worked last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Used {
    pub(super) usage: Usage,
    pub(super) model: Option<String>,
}

/// Reads the transcript of a conversation of Claude Code; what cannot be read used up nothing.
pub(super) fn read(path: &Path) -> Used {
    let Ok(file) = File::open(path) else { return Used::default() };
    // Not a pipe or a device, which might never end.
    if !file.metadata().is_ok_and(|meta| meta.is_file()) {
        return Used::default();
    }
    let mut lines = BufReader::new(file.take(MAX_FILE));
    let mut sum = Sum::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        match lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return sum.used(),
            Ok(_) => sum.add(&line),
        }
    }
}

#[derive(Default)]
struct Sum {
    /// What each message used up: it is told again with every part of it.
    messages: HashMap<String, Usage>,
    model: Option<String>,
    cost_micros: Option<u64>,
}

impl Sum {
    fn add(&mut self, line: &[u8]) {
        let Ok(line) = serde_json::from_slice::<Value>(line) else { return };
        match line.get("type").and_then(Value::as_str) {
            Some("assistant") => self.add_message(&line),
            Some("cost-state") => {
                let dollars = line.get("totalCostUSD").and_then(Value::as_f64).filter(|dollars| *dollars >= 0.0);
                self.cost_micros = dollars.map(|dollars| (dollars * 1e6).round() as u64).or(self.cost_micros);
            }
            _ => {}
        }
    }

    fn add_message(&mut self, line: &Value) {
        let Some(message) = line.get("message") else { return };
        let (Some(id), Some(usage)) = (message.get("id").and_then(Value::as_str), message.get("usage")) else { return };
        let count = |name: &str| usage.get(name).and_then(Value::as_u64).unwrap_or_default();
        let usage = Usage {
            input: count("input_tokens"),
            output: count("output_tokens"),
            cache_read: count("cache_read_input_tokens"),
            cache_write: count("cache_creation_input_tokens"),
            turns: 0,
            cost_micros: None,
        };
        self.messages.insert(id.to_owned(), usage);
        // Messages that the program made up itself name no model.
        let model = message.get("model").and_then(Value::as_str).filter(|model| !model.starts_with('<'));
        self.model = model.map(str::to_owned).or(self.model.take());
    }

    fn used(self) -> Used {
        let usage = self.messages.into_values().fold(Usage::default(), Usage::plus);
        Used { usage: Usage { cost_micros: self.cost_micros, ..usage }, model: self.model }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_told_in_parts_counts_once_and_rubbish_counts_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.jsonl");
        let part = |id: &str, output: u64| {
            format!(
                r#"{{"type":"assistant","message":{{"id":"{id}","model":"m-1","usage":{{"input_tokens":100,"output_tokens":{output},"cache_read_input_tokens":7}}}}}}"#
            )
        };
        let lines = [
            part("a", 1),
            part("a", 50),
            "not json".to_owned(),
            r#"{"type":"assistant","message":7}"#.to_owned(),
            part("b", 20),
            r#"{"type":"cost-state","totalCostUSD":0.02156}"#.to_owned(),
            r#"{"type":"assistant","message":{"id":"c","model":"<synthetic>","usage":{}}}"#.to_owned(),
            r#"{"type":"assistant","message":{"id":"d""#.to_owned(),
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let used = read(&path);
        let usage =
            Usage { input: 200, output: 70, cache_read: 14, cache_write: 0, turns: 0, cost_micros: Some(21_560) };
        assert_eq!(used, Used { usage, model: Some("m-1".to_owned()) });
        assert_eq!(read(Path::new("/nowhere/at/all")), Used::default());
        assert_eq!(read(dir.path()), Used::default());
    }
}
