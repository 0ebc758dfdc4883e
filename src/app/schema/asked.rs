//! Makes a schema by asking a reader: a good file is changed in one place after the other, and what the reader says of it
//! tells which keys it knows there and which values it takes.

use serde_json::{Map, Value, json};

/// What no key and no value is called.
const STRANGE: &str = "§";

/// A reader of files: what it says of one, each complaint with its hint.
pub(super) struct Reader<'a> {
    pub(super) read: &'a dyn Fn(&Value) -> Vec<(String, String)>,
    /// The keys it knows at the top, where it does not name them when it refuses one.
    pub(super) top: Option<Vec<&'static str>>,
}

/// One step on the way to a value.
#[derive(Clone)]
enum Step {
    Key(String),
    Item(usize),
}

impl Reader<'_> {
    /// Returns the schema of the files the reader takes; `sample` is a good one with everything in it that has parts.
    pub(super) fn schema(&self, sample: &Value) -> Value {
        assert_eq!((self.read)(sample), [], "the sample has to be good");
        self.of(sample, &mut Vec::new())
    }

    fn of(&self, sample: &Value, path: &mut Vec<Step>) -> Value {
        let value = at(sample, path).cloned();
        let mut schema = Map::new();
        if !path.is_empty() {
            self.values(sample, path, value.as_ref(), &mut schema);
        }
        match value {
            Some(Value::Object(map)) => self.keys(sample, path, &map, &mut schema),
            Some(Value::Array(items)) => {
                let all = (0..items.len()).map(|n| self.below(sample, path, Step::Item(n)));
                schema.insert("items".to_owned(), all.reduce(merged).unwrap_or_else(|| json!({})));
            }
            _ => {}
        }
        Value::Object(schema)
    }

    fn below(&self, sample: &Value, path: &mut Vec<Step>, step: Step) -> Value {
        path.push(step);
        let schema = self.of(sample, path);
        path.pop();
        schema
    }

    /// Asks which values are taken at a place.
    fn values(&self, sample: &Value, path: &[Step], known: Option<&Value>, schema: &mut Map<String, Value>) {
        let say = |probe: Value| self.news(sample, path, probe);
        let is_taken = |said: &[(String, String)]| !said.iter().any(|(text, _)| is_about_kind(text));
        let takes = |probe: Value| is_taken(&say(probe));
        let strange = say(json!(STRANGE));
        if strange.iter().any(|(text, _)| text.contains("means nothing in")) {
            return;
        }
        let is = |of: fn(&Value) -> bool| known.is_some_and(of);
        let kinds = [
            ("string", is(Value::is_string) || is_taken(&strange) || takes(json!("1m"))),
            ("number", is(Value::is_number) || takes(json!(1))),
            ("boolean", is(Value::is_boolean) || takes(json!(true))),
            ("array", is(Value::is_array) || takes(json!([])) || takes(json!([STRANGE]))),
            ("object", is(Value::is_object) || takes(json!({}))),
        ];
        let taken: Vec<&str> = kinds.iter().filter(|(_, taken)| *taken).map(|(kind, _)| *kind).collect();
        let names = strange.iter().find_map(|(text, hint)| names(text, hint));
        match names {
            Some(names) => {
                schema.insert("enum".to_owned(), json!(names));
            }
            _ if taken.len() < kinds.len() => {
                schema.insert("type".to_owned(), json!(taken));
            }
            _ => {}
        }
        if !taken.contains(&"number") || taken.contains(&"boolean") {
            return;
        }
        let range = say(json!(-1)).into_iter().find_map(|(text, _)| {
            let (min, max) = text.rsplit_once("should be from ")?.1.split_once(" to ")?;
            Some((min.parse::<i64>().ok()?, max.parse::<i64>().ok()?))
        });
        if let Some((min, max)) = range {
            schema.insert("minimum".to_owned(), json!(min));
            schema.insert("maximum".to_owned(), json!(max));
        }
    }

    /// Asks which keys are known in a map, and which of them have to be there.
    fn keys(&self, sample: &Value, path: &mut Vec<Step>, map: &Map<String, Value>, schema: &mut Map<String, Value>) {
        let Some(keys) = self.known(sample, path, map) else {
            let any = map.keys().map(|key| self.below(sample, path, Step::Key(key.clone())));
            schema.insert("additionalProperties".to_owned(), any.reduce(merged).unwrap_or_else(|| json!({})));
            return;
        };
        let is_needed = |key: &String| {
            let mut without = map.clone();
            without.remove(key);
            let said = if path.is_empty() {
                (self.read)(&Value::Object(without))
            } else {
                self.news(sample, path, Value::Object(without))
            };
            let missing = [format!("has no `{key}`"), format!("missing field `{key}`")];
            said.iter().any(|(text, _)| missing.iter().any(|words| text.contains(words)))
        };
        let needed: Vec<&String> = map.keys().filter(|key| is_needed(key)).collect();
        if !needed.is_empty() {
            schema.insert("required".to_owned(), json!(needed));
        }
        let properties: Map<String, Value> =
            keys.into_iter().map(|key| (key.clone(), self.below(sample, path, Step::Key(key)))).collect();
        schema.insert("properties".to_owned(), Value::Object(properties));
        schema.insert("additionalProperties".to_owned(), json!(false));
    }

    /// Returns the keys the reader names when it is given a strange one; `None` where it takes any.
    fn known(&self, sample: &Value, path: &[Step], map: &Map<String, Value>) -> Option<Vec<String>> {
        let mut stranger = map.clone();
        stranger.insert(STRANGE.to_owned(), Value::Null);
        let said = if path.is_empty() {
            (self.read)(&Value::Object(stranger))
        } else {
            self.news(sample, path, Value::Object(stranger))
        };
        let refuses = |text: &str| ["unknown key `§`", "unknown field `§`"].iter().any(|words| text.contains(words));
        let (text, hint) = said.into_iter().find(|(text, _)| refuses(text))?;
        if let Some(top) = self.top.as_ref().filter(|_| path.is_empty()) {
            return Some(top.iter().map(|key| (*key).to_owned()).collect());
        }
        if let Some(names) = hint.strip_prefix("known: ") {
            return Some(names.split(", ").map(|name| name.trim_matches('`').to_owned()).collect());
        }
        let expected = text.split_once("expected ")?.1;
        Some(expected.split('`').skip(1).step_by(2).map(str::to_owned).collect())
    }

    /// Returns what the reader says when there is another value at a place.
    fn news(&self, sample: &Value, path: &[Step], probe: Value) -> Vec<(String, String)> {
        let mut changed = sample.clone();
        set(&mut changed, path, probe);
        (self.read)(&changed)
    }
}

/// Returns the words a reader names where it does not take one; `None` where it complains of something else.
fn names(text: &str, hint: &str) -> Option<Vec<String>> {
    if let Some((_, expected)) = text.split_once("unknown variant `§`, expected ") {
        return Some(expected.split('`').skip(1).step_by(2).map(str::to_owned).collect());
    }
    let refuses = ["cannot be `§`", "unknown type `§`", "cannot ask for `§`"].iter().any(|words| text.contains(words));
    let names = hint.strip_prefix("known: ").filter(|_| refuses)?;
    Some(names.split(", ").map(str::to_owned).collect())
}

fn is_about_kind(text: &str) -> bool {
    (text.contains("should be") && !text.contains("should be from"))
        || text.contains("invalid type")
        || text.contains("did not match any variant")
}

fn at<'a>(value: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Item(n) => value.get(n),
    })
}

fn set(value: &mut Value, path: &[Step], to: Value) {
    match (path.split_first(), value) {
        (None, value) => *value = to,
        (Some((Step::Key(key), rest)), Value::Object(map)) => {
            set(map.entry(key.clone()).or_insert(Value::Null), rest, to)
        }
        (Some((Step::Item(n), rest)), Value::Array(items)) => set(&mut items[*n], rest, to),
        _ => panic!("there is no such place"),
    }
}

/// Returns what takes whatever either takes, as far as both say something.
fn merged(one: Value, other: Value) -> Value {
    let (Value::Object(mut one), Value::Object(other)) = (one, other) else { return json!({}) };
    for (key, value) in other {
        let known = one.remove(&key);
        let merged = match (key.as_str(), known) {
            (_, None) => value,
            ("properties", Some(Value::Object(mut known))) => {
                for (name, schema) in value.as_object().unwrap().clone() {
                    let merged = match known.remove(&name) {
                        Some(before) => merged(before, schema),
                        None => schema,
                    };
                    known.insert(name, merged);
                }
                Value::Object(known)
            }
            ("items" | "additionalProperties", Some(known)) if known.is_object() && value.is_object() => {
                merged(known, value)
            }
            ("required", Some(known)) => {
                let both = known.as_array().unwrap().iter().filter(|name| value.as_array().unwrap().contains(name));
                both.cloned().collect()
            }
            ("type" | "enum", Some(known)) => {
                let mut all = known.as_array().unwrap().clone();
                all.extend(
                    value.as_array().unwrap().iter().filter(|kind| !known.as_array().unwrap().contains(kind)).cloned(),
                );
                Value::Array(all)
            }
            (_, Some(known)) => known,
        };
        one.insert(key, merged);
    }
    // Who takes anything is not bound by what another takes.
    Value::Object(one)
}
