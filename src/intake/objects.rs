//! Items that come as objects: a plan with its tickets in our own form, a list of any program, or what a tracker gives
//! out (`gh issue list --json …`, an answer of Linear's API).
//!
//! In our own form a key nobody knows is a defect. In a foreign list it is only told: trackers say more than is wanted.

use super::{Item, List, Marked, Need, PlanWords, markdown, phrases};
use crate::config::fields::{Report, meant, scalar};
use crate::config::json;
use crate::config::yaml::{Node, Value};

/// What the one line that says what is wanted is called.
pub(super) const TITLES: [&str; 3] = ["title", "summary", "name"];

/// How states of an item are called in which nothing is to be done.
const DONE: [&str; 8] = ["closed", "done", "complete", "completed", "canceled", "cancelled", "merged", "duplicate"];

/// Deepest place in which a list is looked for.
const MAX_DEPTH: usize = 6;

/// Reads JSON.
pub(super) fn read(label: &str, text: &str, report: &mut Report) -> List {
    let root = match json::parse(label, text) {
        Ok(root) => root,
        Err(problem) => {
            report.errors.push(problem);
            return List::default();
        }
    };
    match root.get("tickets").map(|tickets| (&tickets.value, tickets)) {
        Some((Value::List(tickets), _)) => own(&root, tickets, report),
        Some((_, tickets)) => {
            report.error(tickets.at, format!("`tickets` should be a list, not {}", tickets.kind()), "");
            List::default()
        }
        None => found(&root, MAX_DEPTH).map(|items| of_rows(items, report)).unwrap_or_default(),
    }
}

/// Reads objects of any program.
pub(super) fn of_rows(rows: &[Node], report: &mut Report) -> List {
    let mut list = List::default();
    let mut blocks: Vec<(String, Need)> = Vec::new();
    let (mut unused, mut known): (Vec<(String, &Node)>, Vec<&str>) = (Vec::new(), Vec::new());
    for row in rows {
        let Some(mut object) = Object::of(row, report) else { continue };
        let mut item = object.item(report);
        object.foreign(&mut item, &mut blocks);
        list.items.push(item);
        unused.extend(object.unknown());
        known = object.asked;
    }
    for (blocked, need) in blocks {
        let named = |item: &&mut Item| item.id.as_ref().is_some_and(|id| id.text.eq_ignore_ascii_case(&blocked));
        if let Some(item) = list.items.iter_mut().find(named) {
            item.needs.push(need);
        }
    }
    unused.sort_by(|a, b| (&a.0, a.1.at.line, a.1.at.column).cmp(&(&b.0, b.1.at.line, b.1.at.column)));
    unused.dedup_by(|a, b| a.0 == b.0);
    for (key, node) in unused {
        // Only a slip is worth a question: trackers say much that is like nothing here.
        let slip = known.iter().find(|known| strsim::normalized_levenshtein(&normal(known), &normal(&key)) > 0.75);
        let hint = slip.map(|known| format!("did you mean `{known}`?")).unwrap_or_default();
        report.warn(node.at, format!("`{key}` is not used"), hint);
    }
    list
}

/// Reads a plan with its tickets.
fn own(root: &Node, tickets: &[Node], report: &mut Report) -> List {
    let mut list = List::default();
    let plan = root.get("plan").unwrap_or(root);
    if let Some(mut object) = Object::of(plan, report) {
        list.plan = Some(object.plan());
        if root.get("plan").is_some() {
            let mut around = Object::of(root, report);
            around.iter_mut().for_each(|around| {
                around.pick(&["plan"]);
                around.pick(&["tickets"]);
                around.refuse_unknown("the list", report);
            });
        }
        object.refuse_unknown("the plan", report);
    }
    let entries = match plan.get("tickets").map(|node| &node.value) {
        Some(Value::List(entries)) if root.get("plan").is_some() => entries.as_slice(),
        _ => &[],
    };
    for ticket in tickets {
        let Some(mut object) = Object::of(ticket, report) else { continue };
        let mut item = object.item(report);
        object.refuse_unknown("a ticket", report);
        // A plan's own file keeps order and blockers of its tickets.
        let id = item.id.as_ref().map(|id| id.text.clone());
        let entry = entries.iter().find(|entry| entry.get("ticketId").and_then(scalar).map(|text| text.value) == id);
        if let Some(mut object) = entry.filter(|_| id.is_some()).and_then(|entry| Object::of(entry, report)) {
            object.place(&mut item);
        }
        list.items.push(item);
    }
    list
}

/// Finds the first list of objects that have a title, or an object that has one.
fn found(node: &Node, depth: usize) -> Option<&[Node]> {
    let has_title = |node: &Node| match &node.value {
        Value::Map(entries) => entries.iter().any(|(key, _)| TITLES.contains(&normal(&key.text).as_str())),
        _ => false,
    };
    match &node.value {
        Value::List(items) if items.iter().any(has_title) => Some(items),
        Value::Map(_) if has_title(node) => Some(std::slice::from_ref(node)),
        Value::Map(entries) if depth > 0 => entries.iter().find_map(|(_, value)| found(value, depth - 1)),
        _ => None,
    }
}

/// Returns a key without what programs differ in: letter case, `_`, `-` and blanks.
pub(super) fn normal(key: &str) -> String {
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// An object being taken apart.
struct Object<'n> {
    node: &'n Node,
    entries: &'n [(crate::config::yaml::Key, Node)],
    /// The keys that mean something.
    asked: Vec<&'static str>,
}

impl<'n> Object<'n> {
    fn of(node: &'n Node, report: &mut Report) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            report.error(node.at, format!("this should be an object, not {}", node.kind()), "");
            return None;
        };
        Some(Self { node, entries, asked: Vec::new() })
    }

    /// Returns the value of the first of these keys that has one.
    fn pick(&mut self, names: &[&'static str]) -> Option<&'n Node> {
        self.asked.extend(names);
        names.iter().find_map(|name| {
            let entry = self.entries.iter().find(|(key, _)| normal(&key.text) == normal(name))?;
            Some(&entry.1).filter(|node| node.value != Value::Null)
        })
    }

    fn word(&mut self, names: &[&'static str]) -> Option<Marked> {
        let text = self.pick(names).and_then(scalar)?;
        let trimmed = text.value.trim().to_owned();
        (!trimmed.is_empty()).then_some(Marked { text: trimmed, at: text.at })
    }

    fn unknown(&self) -> Vec<(String, &'n Node)> {
        let is_known = |key: &str| key.starts_with("x-") || self.asked.iter().any(|asked| normal(asked) == normal(key));
        let unknown = self.entries.iter().filter(|(key, _)| !is_known(&key.text));
        unknown.map(|(key, node)| (key.text.clone(), node)).collect()
    }

    fn refuse_unknown(&self, what: &str, report: &mut Report) {
        for (key, node) in self.unknown() {
            let message = format!("unknown key `{key}` in {what}");
            let hint = meant(&key, self.asked.iter().copied());
            report.error(node.at, message, format!("{hint} call it `x-…` to keep it"));
        }
    }

    fn plan(&mut self) -> PlanWords {
        for of_the_file in ["tickets", "createdAt", "createdBy", "status", "seq", "written"] {
            self.pick(&[of_the_file]);
        }
        PlanWords {
            id: self.word(&["id"]),
            name: self.word(&["name"]),
            repo: self.word(&["repo"]),
            workflow: self.word(&["workflow"]),
            agent: self.word(&["agent"]),
            base: self.word(&["base"]),
            worktree_root: self.word(&["worktreeRoot"]),
        }
    }

    fn item(&mut self, report: &mut Report) -> Item {
        // What the files of `another-orchestrator` have besides, which means nothing here.
        for of_the_file in ["planId", "currentPhase", "phaseHistory", "context", "retries", "error"] {
            self.pick(&[of_the_file]);
        }
        let mut item = Item { at: self.node.at, ..Item::default() };
        self.name(&mut item);
        item.title = self.word(&TITLES).map(|title| title.text).unwrap_or_default();
        let description = self.pick(&["description", "body"]);
        item.description = match description.map(|node| (node, scalar(node))) {
            Some((_, Some(text))) => text.value.trim_end().replace("\r\n", "\n"),
            Some((node, None)) => {
                report.error(node.at, format!("the description should be a text, not {}", node.kind()), "");
                String::new()
            }
            None => String::new(),
        };
        let criteria = self.pick(&["acceptanceCriteria", "criteria"]);
        item.criteria = criteria.map(|node| texts(node, &['\n', ';'])).unwrap_or_default();
        item.labels = self.pick(&["labels", "label", "tags"]).map(|node| texts(node, &[',', ';'])).unwrap_or_default();
        item.link = self.word(&["linearUrl", "link", "htmlUrl", "url"]).map(|link| link.text);
        item.workflow = self.word(&["workflow"]);
        item.agent = self.word(&["agent"]);
        item.face = self.word(&["face"]);
        item.budget = self.budget(report);
        item.repo = self.word(&["repo"]);
        item.branch = self.word(&["branch"]);
        item.worktree = self.word(&["worktree"]);
        item.done = self.done();
        self.place(&mut item);
        item
    }

    /// Reads what its agents may use up: a text, or an object of limits.
    fn budget(&mut self, report: &mut Report) -> Option<Marked> {
        let node = self.pick(&["budget"])?;
        let limit = |key: &str, node: &Node| scalar(node).map(|value| format!("{key}={}", value.value));
        let text = match &node.value {
            Value::Map(entries) => entries.iter().map(|(key, value)| limit(&key.text, value)).collect(),
            _ => scalar(node).map(|text| vec![text.value]),
        };
        let Some(limits) = text else {
            report.error(node.at, "`budget` should be a text or an object of limits", "as in {\"tokens\": 200000}");
            return None;
        };
        let text = limits.join(",");
        (!text.is_empty()).then_some(Marked { text, at: node.at })
    }

    /// Reads what it is called.
    fn name(&mut self, item: &mut Item) {
        let number = self.word(&["number"]);
        let given = self.word(&["ticketId", "identifier", "key"]);
        let id = self.word(&["id"]);
        match (given, number, id) {
            (Some(given), ..) => item.id = Some(given),
            (None, Some(number), _) => {
                item.alias = Some(format!("#{}", number.text));
                item.id = Some(Marked { text: format!("GH-{}", number.text), at: number.at });
            }
            (None, None, Some(id)) => {
                item.alias = Some(format!("#{}", id.text));
                item.id = Some(id);
            }
            (None, None, None) => {}
        }
    }

    /// Reads its place among the others.
    fn place(&mut self, item: &mut Item) {
        if let Some(Node { value: Value::Number(order, _), .. }) = self.pick(&["order"]) {
            item.order = Some(*order);
        }
        let Some(node) = self.pick(&["blockedBy", "dependsOn", "dependencies", "after"]) else { return };
        let names = texts(node, &[',', ';']).into_iter();
        item.needs.extend(names.map(|text| Need { name: Marked { text, at: node.at }, explicit: true }));
    }

    fn done(&mut self) -> Option<String> {
        let state = self.pick(&["state", "status"]);
        let words = state.into_iter().flat_map(|state| match &state.value {
            Value::Map(_) => ["type", "name"].iter().filter_map(|key| state.get(key).and_then(scalar)).collect(),
            _ => scalar(state).into_iter().collect::<Vec<_>>(),
        });
        let mut words = words.map(|word| word.value);
        let state = words.find(|word| DONE.contains(&word.trim().to_lowercase().as_str()));
        let ticked = self.pick(&["closed", "done", "completed"]).is_some_and(|node| match &node.value {
            Value::Flag(flag, _) => *flag,
            other => {
                matches!(other, Value::Text(text) if ["true", "yes", "x", "1"].contains(&text.to_lowercase().as_str()))
            }
        });
        state.map(|state| format!("it is {}", state.trim().to_lowercase())).or(ticked.then(|| "it is done".to_owned()))
    }

    /// Reads what only other programs say, and say in prose.
    fn foreign(&mut self, item: &mut Item, blocks: &mut Vec<(String, Need)>) {
        if item.criteria.is_empty() {
            item.criteria = markdown::open_boxes(&item.description);
        }
        let at = self.pick(&["description", "body"]).map_or(self.node.at, |node| node.at);
        let prose = phrases::names(&item.description).into_iter();
        let prose = prose.map(|(_, name)| Need { name: Marked { text: name.to_owned(), at }, explicit: false });
        item.needs.extend(prose);
        let named = |node: Option<&Node>| node.and_then(|node| node.get("identifier")).and_then(scalar);
        for relation in self.pick(&["inverseRelations"]).map(nodes).unwrap_or_default() {
            if let Some(id) = named(relation.get("issue")).filter(|_| is_blocking(relation)) {
                let name = Marked { text: id.value, at: id.at };
                item.needs.push(Need { name, explicit: false });
            }
        }
        for relation in self.pick(&["relations"]).map(nodes).unwrap_or_default() {
            if let (Some(blocked), Some(own)) = (named(relation.get("relatedIssue")), &item.id)
                && is_blocking(relation)
            {
                let name = Marked { text: own.text.clone(), at: relation.at };
                blocks.push((blocked.value, Need { name, explicit: false }));
            }
        }
    }
}

fn is_blocking(relation: &Node) -> bool {
    relation.get("type").and_then(scalar).is_some_and(|kind| kind.value == "blocks")
}

/// Returns the objects of a list, or of a page of one.
fn nodes(node: &Node) -> Vec<&Node> {
    match &node.get("nodes").unwrap_or(node).value {
        Value::List(items) => items.iter().collect(),
        _ => Vec::new(),
    }
}

/// Returns the texts of a list, of the names of its objects, or of a text with separators.
fn texts(node: &Node, separators: &[char]) -> Vec<String> {
    let texts: Vec<String> = match &node.value {
        Value::List(_) | Value::Map(_) => {
            let text = |node: &Node| {
                let named = ["identifier", "ticketId", "name", "title", "text"].iter().find_map(|key| node.get(key));
                scalar(named.unwrap_or(node)).map(|text| text.value)
            };
            nodes(node).into_iter().filter_map(text).collect()
        }
        _ => scalar(node).map(|text| text.value.split(separators).map(str::to_owned).collect()).unwrap_or_default(),
    };
    let texts = texts.iter().map(|text| text.trim().to_owned());
    texts.filter(|text| !text.is_empty()).collect()
}
