//! Agent records as a person reads them: the bundled file with what the settings lay over it, as YAML again.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::BUNDLED;
use crate::config::yaml::{self, Key, Mark, Node, Value};
use crate::domain::problem::Problem;

/// Parts of a record that are laid over each other key by key; every other value is replaced as a whole.
const PARTS: [&str; 3] = ["env", "headless", "terminal"];

/// Returns the record of `name` as YAML, laid over the bundled one as it counts; `settings` is the text of the settings
/// file the user calls `label`. `None` means neither has one.
pub fn as_yaml(name: &str, label: &str, settings: &str) -> Result<Option<String>, Problem> {
    let bundled = BUNDLED.iter().find(|(known, _)| *known == name);
    let base = bundled.map(|(name, text)| yaml::parse(name, text)).transpose()?;
    let settings = yaml::parse(label, settings)?;
    let own = settings.get("agents").and_then(|agents| agents.get(name)).cloned();
    let merged = match (base, own) {
        (Some(base), Some(own)) if own.get("command").is_none() => laid_over(base, own),
        (base, own) => match own.or(base) {
            Some(record) => record,
            None => return Ok(None),
        },
    };
    let text = serde_saphyr::to_string(&Shown(&merged));
    text.map(Some).map_err(|error| Problem::in_file(label, format!("agent `{name}` cannot be shown: {error}")))
}

fn laid_over(base: Node, over: Node) -> Node {
    let (mut entries, over) = match (base.value, over.value) {
        (Value::Map(base), Value::Map(over)) => (base, over),
        (base, Value::Null) => return Node { at: base_mark(), value: base },
        (_, value) => return Node { at: base_mark(), value },
    };
    for (key, value) in over {
        match entries.iter_mut().find(|(known, _)| known.text == key.text) {
            Some((_, known)) if PARTS.contains(&key.text.as_str()) => *known = laid_over(known.clone(), value),
            Some((_, known)) => *known = value,
            None => entries.push((Key { at: base_mark(), text: key.text }, value)),
        }
    }
    Node { at: base_mark(), value: Value::Map(entries) }
}

/// Where something stands does not matter in what is only shown.
fn base_mark() -> Mark {
    Mark::default()
}

struct Shown<'n>(&'n Node);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.0.value {
            Value::Null => to.serialize_unit(),
            Value::Flag(flag, _) => to.serialize_bool(*flag),
            Value::Number(number, spelled) => match spelled.parse::<i64>() {
                Ok(whole) => to.serialize_i64(whole),
                Err(_) => to.serialize_f64(*number),
            },
            Value::Text(text) => to.serialize_str(text),
            Value::List(items) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Shown(item))?;
                }
                list.end()
            }
            Value::Map(entries) => {
                let mut map = to.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(&key.text, &Shown(value))?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AgentRecord, parse};
    use super::*;
    use crate::config::fields::Report;

    fn record(name: &str, text: &str) -> AgentRecord {
        let mut report = Report::new("shown");
        let record = parse(name, AgentRecord::default(), &yaml::parse("shown", text).unwrap(), &mut report);
        assert_eq!((report.errors, report.warnings), (vec![], vec![]), "{text}");
        record.unwrap()
    }

    #[test]
    fn what_is_shown_is_the_record_in_force() {
        for (name, text) in BUNDLED {
            let shown = as_yaml(name, "config.yaml", "").unwrap().unwrap();
            assert_eq!(record(name, &shown), record(name, text), "{shown}");
        }
    }

    #[test]
    fn what_the_settings_say_is_laid_over_and_one_with_a_command_stands_alone() {
        let settings =
            "agents:\n  claude: {model: opus, env: {A: '1'}, headless: {mustEnd: false}}\n  pi: {command: my-pi}\n";
        let claude = record("claude", &as_yaml("claude", "c", settings).unwrap().unwrap());
        assert_eq!(claude.model.as_deref(), Some("opus"));
        assert_eq!(claude.env.keys().collect::<Vec<_>>(), ["A", "DISABLE_AUTOUPDATER"]);
        let headless = claude.headless.unwrap();
        assert!(!headless.stream.must_end && headless.args.is_some());
        assert_eq!(as_yaml("pi", "c", settings).unwrap().unwrap().trim(), "command: my-pi");
        assert_eq!(as_yaml("none", "c", settings).unwrap(), None);
    }
}
