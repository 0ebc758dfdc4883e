//! Reads rules about agents: what they may do, what they may use up, and what tokens cost.

use super::fields::{Fields, Report};
use super::yaml::{Node, Value};
use crate::domain::budget::{Budget, Price, Prices};
use crate::domain::permission::{Decision, PermissionRule};
use crate::domain::rules::{Cap, Capped, Window};

/// Most seconds of a budget: a year.
const YEAR: u32 = 31_536_000;

/// The prices every installation has, as a file.
const PRICES: &str = include_str!("../../assets/prices.yaml");

/// Most rules in one place.
const MAX_RULES: usize = 1000;

/// Reads a budget.
pub(crate) fn budget(node: &Node, what: &str, report: &mut Report) -> Budget {
    let Some(mut fields) = Fields::of(node, what, report) else { return Budget::default() };
    let budget = budget_of(&mut fields, report);
    fields.refuse_unknown(report);
    budget
}

/// Reads the keys of a budget.
pub(crate) fn budget_of(fields: &mut Fields<'_>, report: &mut Report) -> Budget {
    Budget {
        tokens: fields.amount("tokens", 1.0, report),
        cost_micros: fields.amount("cost", 1e6, report),
        turns: fields.amount("turns", 1.0, report),
        wall_seconds: wall_clock(fields, report),
    }
}

fn wall_clock(fields: &mut Fields<'_>, report: &mut Report) -> Option<u64> {
    // The name it has in plan.json means the same here.
    let named = fields.duration("wallClockSeconds", YEAR, report);
    if let (Some(node), Some(_)) = (fields.get("wallClock"), named) {
        let message = format!("{} has both `wallClock` and `wallClockSeconds`", fields.what);
        report.error(node.at, message, "leave one of them out");
    }
    fields.duration("wallClock", YEAR, report).or(named)
}

/// Reads the budget of the settings, which is for any stretch of time that is so long.
pub(crate) fn window(node: &Node, report: &mut Report) -> Option<Window> {
    let mut fields = Fields::of(node, "`budget` of the settings", report)?;
    let hours = fields.number("hours", 1, 24 * 31, report).unwrap_or(24);
    let budget = budget_of(&mut fields, report);
    fields.refuse_unknown(report);
    Some(Window { budget, hours })
}

/// Reads how much may be at work at the same time: `{agents: {claude: 2}, accounts: …, repositories: {"*": 1}}`.
pub(crate) fn caps(node: &Node, report: &mut Report) -> Vec<Cap> {
    let Some(mut fields) = Fields::of(node, "`caps`", report) else { return Vec::new() };
    let mut caps = Vec::new();
    let kinds = [("agents", Capped::Agent), ("accounts", Capped::Account), ("repositories", Capped::Repository)];
    for (key, of) in kinds {
        for (name, node) in fields.entries(key, report) {
            match node.value {
                Value::Number(most, _) if (1.0..=1000.0).contains(&most) && most.fract() == 0.0 => {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "the range was just checked"
                    )]
                    caps.push(Cap { of, name: name.value, most: most as u32 });
                }
                _ => {
                    let message = format!("the cap of `{}` should be a whole number from 1 to 1000", name.value);
                    report.error(node.at, message, "it is how many tickets may be at work at the same time");
                }
            }
        }
    }
    fields.refuse_unknown(report);
    caps
}

/// Reads rules about what agents may do; `what` is where they stand.
pub(crate) fn permissions(node: &Node, what: &str, report: &mut Report) -> Vec<PermissionRule> {
    let Value::List(items) = &node.value else {
        let message = format!("`permissions` of {what} should be a list, not {}", node.kind());
        report.error(node.at, message, "begin each rule with `- allow:`, `- ask:` or `- deny:`");
        return Vec::new();
    };
    items.iter().take(MAX_RULES).filter_map(|item| permission(item, report)).collect()
}

/// Reads one rule: `{allow: Bash, command: "make *"}`, with `*` for every tool.
fn permission(node: &Node, report: &mut Report) -> Option<PermissionRule> {
    let mut fields = Fields::of(node, "a rule of `permissions`", report)?;
    let given = [("allow", Decision::Allow), ("ask", Decision::Ask), ("deny", Decision::Deny)]
        .into_iter()
        .filter_map(|(key, decision)| Some((decision, fields.text(key, report)?)))
        .collect::<Vec<_>>();
    let (command, path) = (fields.text("command", report), fields.text("path", report));
    fields.refuse_unknown(report);
    let [(decision, tool)] = given.as_slice() else {
        let hint = "write `allow`, `ask` or `deny` with the name of a tool, or with \"*\" for every tool";
        report.error(node.at, "a rule of `permissions` should have one of `allow`, `ask` and `deny`", hint);
        return None;
    };
    if let (Some(_), Some(path)) = (&command, &path) {
        report.error(path.at, "a rule of `permissions` has both `command` and `path`", "write two rules");
        return None;
    }
    let plain = tool.value.trim();
    let everything = plain == "*" && command.is_none() && path.is_none();
    if everything && *decision == Decision::Allow {
        let hint = "name a tool, a `command` or a `path`";
        report.error(tool.at, "a rule of `permissions` would allow everything", hint);
        return None;
    }
    Some(PermissionRule {
        decision: *decision,
        tool: (plain != "*").then(|| plain.to_owned()),
        command: command.map(|text| text.value),
        path: path.map(|text| text.value),
    })
}

/// Reads a list of prices in dollars for a million tokens.
pub(crate) fn prices(node: &Node, report: &mut Report) -> Prices {
    let Value::List(items) = &node.value else {
        report.error(node.at, format!("`prices` should be a list, not {}", node.kind()), "");
        return Prices::default();
    };
    Prices(items.iter().take(MAX_RULES).filter_map(|item| price(item, report)).collect())
}

fn price(node: &Node, report: &mut Report) -> Option<Price> {
    let mut fields = Fields::of(node, "an entry of `prices`", report)?;
    let model = fields.text("model", report);
    let input = fields.amount("input", 1e6, report);
    let output = fields.amount("output", 1e6, report);
    let cache_read = fields.amount("cacheRead", 1e6, report);
    let cache_write = fields.amount("cacheWrite", 1e6, report);
    fields.refuse_unknown(report);
    let (Some(model), Some(input), Some(output)) = (model, input, output) else {
        let hint = "give `model`, `input` and `output`, in dollars for a million tokens";
        report.error(node.at, "an entry of `prices` is not complete", hint);
        return None;
    };
    Some(Price {
        model: model.value,
        input,
        output,
        // Where nobody says, what a cache has is counted as if it had not: rather too much than too little.
        cache_read: cache_read.unwrap_or(input),
        cache_write: cache_write.unwrap_or(input),
    })
}

/// Returns the prices every installation has.
pub fn bundled_prices() -> Prices {
    let mut report = Report::new("prices.yaml");
    let node = super::yaml::parse("prices.yaml", PRICES).ok();
    let list = node.as_ref().and_then(|node| node.get("prices"));
    list.map(|list| prices(list, &mut report)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml;

    fn read(text: &str) -> (Vec<PermissionRule>, Vec<String>) {
        let mut report = Report::new("f");
        let rules = permissions(&yaml::parse("f", text).unwrap(), "the settings", &mut report);
        (rules, report.errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_rule_says_what_is_decided_about_which_tool_command_or_path() {
        let (rules, errors) =
            read("- {allow: Bash, command: 'make *'}\n- {deny: '*', path: '**/.env'}\n- {ask: WebFetch}\n");
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(rules[0].command.as_deref(), Some("make *"));
        assert_eq!((rules[1].decision, rules[1].tool.clone()), (Decision::Deny, None));
        assert_eq!(rules[2].tool.as_deref(), Some("WebFetch"));
        for (text, part) in [
            ("- {allow: '*'}", "allow everything"),
            ("- {allow: Bash, deny: Bash}", "one of"),
            ("- {allow: Bash, comand: x}", "did you mean `command`?"),
            ("- {allow: Bash, command: x, path: y}", "both"),
            ("allow: Bash", "should be a list"),
        ] {
            assert!(read(text).1.join("\n").contains(part), "{text}: {:?}", read(text).1);
        }
    }

    #[test]
    fn the_bundled_prices_are_whole_and_known_models_have_one() {
        let mut report = Report::new("prices.yaml");
        let node = yaml::parse("prices.yaml", PRICES).unwrap();
        let prices = prices(node.get("prices").unwrap(), &mut report);
        assert_eq!(report.errors, []);
        assert_eq!(prices, bundled_prices());
        for key in ["source", "date"] {
            assert!(node.get(key).is_some(), "{key}");
        }
        for model in ["claude-opus-4-5", "anthropic/claude-sonnet-4-5", "gpt-5.5", "gemini-2.5-pro"] {
            assert!(prices.of(Some(model)).is_some(), "{model}");
        }
        assert_eq!(prices.of(Some("my-own")), None);
    }
}
