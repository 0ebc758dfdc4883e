//! Rules that say which workflow and which agent new work gets, by its title and its labels.

use super::fields::{Fields, Report};
use super::yaml::{Node, Value};
use crate::domain::ids::{AgentName, WorkflowName};
use crate::domain::pattern;

/// Most rules.
const MAX_RULES: usize = 1000;

/// One rule. Patterns know `*` and no letter case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TriageRule {
    /// What one of the labels has to be; `None` means any, or none.
    label: Option<String>,
    /// What the title has to be; `None` means anything.
    title: Option<String>,
    /// The workflow; `None` means that of the plan.
    pub workflow: Option<WorkflowName>,
    /// The agent; `None` means that of the plan.
    pub agent: Option<AgentName>,
}

impl TriageRule {
    /// Returns whether it is about work of this title with these labels.
    pub fn fits(&self, title: &str, labels: &[String]) -> bool {
        let fits = |pattern: &str, text: &str| pattern::fits(&pattern.to_lowercase(), &text.trim().to_lowercase());
        self.title.as_deref().is_none_or(|pattern| fits(pattern, title))
            && self.label.as_deref().is_none_or(|pattern| labels.iter().any(|label| fits(pattern, label)))
    }

    /// Returns what it goes by, in a few words.
    pub fn words(&self) -> String {
        let label = self.label.as_ref().map(|label| format!("label {label}"));
        let title = self.title.as_ref().map(|title| format!("title {title}"));
        let words: Vec<String> = label.into_iter().chain(title).collect();
        if words.is_empty() { "any".to_owned() } else { words.join(", ") }
    }
}

/// Reads `triage` of the settings; the first rule that fits wins.
pub(super) fn rules(node: &Node, report: &mut Report) -> Vec<TriageRule> {
    let Value::List(items) = &node.value else {
        let message = format!("`triage` of the settings should be a list, not {}", node.kind());
        report.error(node.at, message, "begin each rule with `- when:`");
        return Vec::new();
    };
    items.iter().take(MAX_RULES).filter_map(|item| rule(item, report)).collect()
}

fn rule(node: &Node, report: &mut Report) -> Option<TriageRule> {
    let mut fields = Fields::of(node, "a rule of `triage`", report)?;
    let mut rule = TriageRule::default();
    if let Some(mut when) = fields.get("when").and_then(|node| Fields::of(node, "`when` of a rule", report)) {
        rule.label = when.text("label", report).map(|text| text.value);
        rule.title = when.text("title", report).map(|text| text.value);
        when.refuse_unknown(report);
    }
    let (workflow, agent) = (fields.text("workflow", report), fields.text("agent", report));
    fields.refuse_unknown(report);
    if workflow.is_none() && agent.is_none() {
        report.error(node.at, "a rule of `triage` says nothing", "give it a `workflow`, an `agent` or both");
    }
    if let Some(text) = workflow {
        rule.workflow = WorkflowName::new(text.value).map_err(|bad| report.error(text.at, bad.to_string(), "")).ok();
    }
    if let Some(text) = agent {
        rule.agent = AgentName::new(text.value).map_err(|bad| report.error(text.at, bad.to_string(), "")).ok();
    }
    Some(rule)
}

#[cfg(test)]
impl TriageRule {
    /// Returns a rule about a label.
    pub(crate) fn of(label: &str, workflow: &str) -> Self {
        let workflow = WorkflowName::new(workflow).ok();
        Self { label: Some(label.to_owned()), workflow, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml;

    fn read(text: &str) -> (Vec<TriageRule>, Vec<String>) {
        let mut report = Report::new("f");
        let rules = rules(&yaml::parse("f", text).unwrap(), &mut report);
        (rules, report.errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_title_and_the_labels_choose() {
        let (rules, errors) = read(
            "- {when: {label: bug, title: 'Fix *'}, workflow: bugfix}\n- {when: {title: '* docs'}, agent: pi}\n- workflow: standard\n",
        );
        assert_eq!(errors, Vec::<String>::new());
        let of = |title: &str, labels: &[&str]| {
            let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
            rules.iter().position(|rule| rule.fits(title, &labels))
        };
        assert_eq!(of("fix the login", &["UI", "Bug"]), Some(0));
        assert_eq!(of("fix the login", &["UI"]), Some(2));
        assert_eq!(of("Better Docs", &[]), Some(1));
        assert_eq!(rules[0].words(), "label bug, title Fix *");
        assert_eq!(rules[2].words(), "any");
    }

    #[test]
    fn a_rule_with_a_mistake_is_pointed_at() {
        for (text, part) in [
            ("- {when: {lable: bug}, workflow: x}", "f:1:11: unknown key `lable`"),
            ("- {when: {label: bug}}", "says nothing"),
            ("- {workflow: '../x'}", "is not valid"),
            ("label: bug", "should be a list"),
        ] {
            assert!(read(text).1.join("\n").contains(part), "{text}: {:?}", read(text).1);
        }
    }
}
