use std::collections::BTreeMap;

use super::*;
use crate::config::triage::TriageRule;
use crate::domain::budget::Budget;
use crate::domain::command::Command;
use crate::domain::fleet::{Fleet, Input, Outbox};
use crate::domain::ids::PlanId;
use crate::domain::time::Timestamp;

fn problems(of: &[Problem]) -> Vec<String> {
    of.iter().map(ToString::to_string).collect()
}

fn fleet() -> Fleet {
    let mut fleet = Fleet::default();
    fleet.policy.dispatch = false;
    let plan = serde_json::from_value(serde_json::json!({ "id": "shop", "name": "shop" })).unwrap();
    let brief = serde_json::from_value(serde_json::json!({ "key": "shop/GH-7", "title": "Old work" })).unwrap();
    for command in [Command::PutPlan { plan }, Command::PutTicket { brief, order: 40, blocked_by: vec![] }] {
        fleet.step(Timestamp(0), Input::Command(command), &mut Outbox::default());
    }
    fleet
}

fn settled_on(fleet: &Fleet, list: &List, triage: &[TriageRule]) -> Result<Settled, Vec<String>> {
    let ground = Ground {
        label: "list",
        fleet,
        plan: &PlanId::new("shop").unwrap(),
        workflow: None,
        triage,
        chosen: &BTreeMap::new(),
        judge: &|choice| match choice {
            Choice::Workflow(name) if name.as_str() == "nope" => Err(("there is no workflow".into(), "x".into())),
            _ => Ok(()),
        },
    };
    settle(list, &ground).map_err(|found| problems(&found))
}

/// Reads and settles a list; a ticket becomes `ID TITLE < BLOCKERS`.
fn import(text: &str, form: Form) -> Result<(Vec<String>, Vec<String>), Vec<String>> {
    let list = read("list", text, form).map_err(|found| problems(&found))?;
    let settled = settled_on(&fleet(), &list, &[])?;
    let lines = settled.tickets.iter().map(|one| {
        let blockers: Vec<&str> = one.ticket.blocked_by.iter().map(|key| key.ticket.as_str()).collect();
        let line = format!("{} {} < {}", one.ticket.brief.key.ticket, one.ticket.brief.title, blockers.join(","));
        line.trim_end_matches([' ', '<']).to_owned()
    });
    Ok((lines.collect(), problems(&settled.notes)))
}

fn first(text: &str, form: Form) -> crate::domain::command::NewTicket {
    let list = read("list", text, form).unwrap();
    settled_on(&fleet(), &list, &[]).unwrap().tickets.remove(0).ticket
}

const CHECKLIST: &str = "\
# Shop

Some words.

## Money

- [ ] PAY-1: Reject `negative` amounts
      in the till
  - every amount is checked
  - [ ] the error names the line
  - [x] written down

  More about it, which depends on #7.

  ```sh
  - [ ] no item
  ```
- [x] PAY-2: Rounding
- [ ] Refunds (after: PAY-1, PAY-2) (workflow: careful)
  * nested
    * deeper

## Docs
* [ ] [DOC-9] Say so in the manual (depends on Refunds)
";

#[test]
fn a_checklist_becomes_tickets_with_criteria_and_blockers() {
    let (tickets, notes) = import(CHECKLIST, Form::Markdown).unwrap();
    assert_eq!(
        tickets,
        [
            "PAY-1 Reject `negative` amounts in the till < GH-7",
            "T-1 Refunds < PAY-1",
            "DOC-9 Say so in the manual < T-1"
        ]
    );
    assert_eq!(
        notes,
        ["list:11:3: left out, it is checked: “written down”", "list:18:1: left out, it is checked: “Rounding”"]
    );
    let ticket = first(CHECKLIST, Form::Markdown);
    assert_eq!(ticket.brief.acceptance_criteria, ["every amount is checked", "the error names the line"]);
    assert_eq!(
        ticket.brief.description,
        "More about it, which depends on #7.\n\n```sh\n- [ ] no item\n```\n\nPart of: Shop / Money"
    );
    assert_eq!(ticket.order, 50);
}

#[test]
fn a_list_without_boxes_is_one_too_and_words_that_look_like_ids_stay_words() {
    let (tickets, _) = import("- UTF-8 in titles\n- #12 Sort (after #7)\n1. x\n", Form::Markdown).unwrap();
    assert_eq!(tickets, ["T-1 UTF-8 in titles", "GH-12 Sort < GH-7", "T-2 x"]);
}

#[test]
fn every_defect_of_a_checklist_has_its_place() {
    for (text, expected) in [
        ("", "list:1:1: there is nothing to be done in this list (write one line"),
        ("- [ ] a (after: nope)\n", "list:1:17: `T-1` is blocked by `nope`, which is neither in the list"),
        ("\n- [ ] A-1: a\n- [ ] a-1: b\n", "list:3:7: the id `a-1` is there twice"),
        (
            "- [ ] A-1: a (after: A-2)\n- [ ] A-2: b (after: A-1)\n",
            "list:1:1: dependencies go in a circle: A-1 → A-2 → A-1",
        ),
        ("- [ ] A-1: a (after A-1)\n", "list:1:21: `A-1` is blocked by `A-1`, which is the ticket itself"),
        ("- [ ] a (workflow: nope)\n", "list:1:20: there is no workflow"),
        ("- [ ] a (workflow: ../x)\n", "list:1:20: workflow name `../x` is not valid"),
        ("- [ ] a\n- [ ]\n- [ ] b", "list:2:1: this has no title"),
        ("- [ ] same\n- [ ] same\n- [ ] b (after: same)\n", "which is the name of several"),
    ] {
        let found = import(text, Form::Markdown).unwrap_err();
        assert!(found.join("\n").contains(expected), "{text}: {found:?}");
    }
}

#[test]
fn our_own_form_is_taken_strictly() {
    let text = r#"{
  "plan": {"id": "shop", "tickets": [{"ticketId": "B", "order": 1, "blockedBy": ["A"]}, {"ticketId": "A", "order": 0}]},
  "tickets": [
    {"planId": "shop", "ticketId": "B", "title": "Second", "description": "depends on #99", "x-mine": 1},
    {"ticketId": "A", "title": "First", "acceptanceCriteria": ["it works"], "branch": "me/a", "status": "queued"}
  ]
}"#;
    let (tickets, notes) = import(text, Form::Json).unwrap();
    assert_eq!((tickets, notes), (vec!["A First".to_owned(), "B Second < A".to_owned()], vec![]));
    assert_eq!(first(text, Form::Json).brief.branch.as_deref(), Some("me/a"));
    let bad = text.replace("acceptanceCriteria", "acceptenceCriteria");
    let found = import(&bad, Form::Json).unwrap_err();
    assert!(found[0].starts_with("list:5:63: unknown key `acceptenceCriteria` in a ticket (did you mean"), "{found:?}");
}

#[test]
fn issues_of_a_forge_keep_their_numbers() {
    let text = r#"[{"number":12,"title":"Sort","body":"Blocked by #7 and #13.\r\n\r\n- [ ] sorted by date\r\n- [x] agreed","labels":[{"name":"bug"}],
"state":"OPEN","url":"https://github.com/a/b/issues/12"},{"number":13,"title":"Filter","body":"needs #99","state":"OPEN"},{"number":14,"title":"Old","state":"CLOSED","comments":[]}]"#;
    let (tickets, notes) = import(text, Form::Json).unwrap();
    assert_eq!(tickets, ["GH-12 Sort < GH-7,GH-13", "GH-13 Filter"]);
    assert_eq!(
        notes,
        [
            "list:2:95: `GH-13` seems to depend on `#99`, which is neither in the list nor in the plan: not in blockedBy",
            "list:2:123: left out, it is closed: “Old”",
            "list:2:178: `comments` is not used",
        ]
    );
    let ticket = first(text, Form::Json);
    assert_eq!(ticket.brief.acceptance_criteria, ["sorted by date"]);
    assert_eq!(ticket.brief.link.as_deref(), Some("https://github.com/a/b/issues/12"));
}

#[test]
fn an_answer_of_linear_is_a_list_too() {
    let text = r#"{"data": {"team": {"issues": {"pageInfo": {}, "nodes": [
      {"id": "0d3f", "identifier": "ENG-1", "title": "Model", "state": {"name": "Todo", "type": "unstarted"},
       "labels": {"nodes": [{"name": "Bug"}]}, "relations": {"nodes": [{"type": "blocks", "relatedIssue": {"identifier": "ENG-2"}}]}},
      {"id": "0d40", "identifier": "ENG-2", "title": "Screen", "description": null, "state": {"name": "Backlog", "type": "backlog"}},
      {"id": "0d41", "identifier": "ENG-3", "title": "Shipped", "state": {"name": "Shipped", "type": "completed"}}]}}}}"#;
    let (tickets, notes) = import(text, Form::Json).unwrap();
    assert_eq!(tickets, ["ENG-1 Model", "ENG-2 Screen < ENG-1"]);
    assert_eq!(notes, ["list:5:7: left out, it is completed: “Shipped”"]);
}

#[test]
fn a_table_with_a_header_is_a_list() {
    let text = "Title;ID;Acceptance Criteria;blocked_by\r\n\"Sort; \"\"by\"\" date\";S-1;\"works\nfast\";\r\nFilter;;;S-1\r\n\r\n";
    assert_eq!(import(text, Form::Csv).unwrap().0, ["S-1 Sort; \"by\" date", "T-1 Filter < S-1"]);
    assert_eq!(first(text, Form::Csv).brief.acceptance_criteria, ["works", "fast"]);
    for (text, expected) in [
        (
            "titel,id\nx,1\n",
            "list:1:1: no column is called `title` (the first line names the columns; did you mean `titel`?)",
        ),
        ("title,id\n\"a\nb\",A-1,more\n", "list:3:8: the line has 3 fields, and 2 columns have a name"),
        ("title,id\nx,a b\n", "list:2:3: ticket id `a b` is not valid"),
        ("title,id\nx,A\n\"never closed,B\n", "list:3:1: the quote that begins here is never closed"),
        ("title,id\n,A\n", "list:2:1: this has no title"),
    ] {
        let found = import(text, Form::Csv).unwrap_err();
        assert!(found.join("\n").contains(expected), "{text}: {found:?}");
    }
}

#[test]
fn the_form_is_told_by_the_name_or_the_beginning() {
    for (name, text, form) in [
        ("a.md", "{", Form::Markdown),
        ("a.JSON", "", Form::Json),
        ("a.tsv", "", Form::Csv),
        ("-", " [\n {\"title\": 1}]", Form::Json),
        ("-", "[T-1]: x", Form::Markdown),
        ("-", "id,title\n1,x", Form::Csv),
        ("notes.txt", "- [ ] x, title", Form::Markdown),
    ] {
        assert_eq!(Form::of(name, text), form, "{name} {text}");
    }
}

#[test]
fn what_the_plan_has_already_is_left_alone() {
    let (tickets, notes) = import("- [ ] old work\n- [ ] #7 Renamed since\n- [ ] New\n", Form::Markdown).unwrap();
    assert_eq!(tickets, ["T-1 New"]);
    assert!(notes[0].contains("`GH-7` of plan `shop` has this title"), "{notes:?}");
    assert!(notes[1].contains("plan `shop` has a ticket `GH-7` already"), "{notes:?}");
}

#[test]
fn hostile_texts_stay_data() {
    let text = "- [ ] $(touch pwned) \u{1b}[2J\u{202e} ../../x {{ title }}\n  - `; rm -rf /`\n";
    let ticket = first(text, Form::Markdown);
    assert_eq!(ticket.brief.key.ticket.as_str(), "T-1");
    assert!(!ticket.brief.title.contains(['\u{1b}', '\u{202e}']), "{:?}", ticket.brief.title);
    for text in
        ["- [ ] ".repeat(5000), "[".repeat(100_000), "\"".repeat(1000), format!("title\n{}", ",".repeat(10_000))]
    {
        for form in [Form::Markdown, Form::Json, Form::Csv] {
            let _whatever_comes_is_no_panic = import(&text, form);
        }
    }
}

#[test]
fn a_rule_chooses_where_nobody_did_and_is_named() {
    let rule: TriageRule = TriageRule::of("bug*", "careful");
    let list = read("list", "## Bugs\n- [ ] a\n- [ ] b (workflow: own)\n## Other\n- [ ] c\n", Form::Markdown).unwrap();
    let settled = settled_on(&fleet(), &list, &[rule]).unwrap();
    let told: Vec<_> = settled
        .tickets
        .iter()
        .map(|one| (one.ticket.brief.workflow.as_ref().map(ToString::to_string), one.why.clone()))
        .collect();
    assert_eq!(
        told,
        [(Some("careful".to_owned()), Some("label bug*".to_owned())), (Some("own".to_owned()), None), (None, None)]
    );
}

#[test]
fn a_list_says_what_its_tickets_may_use_up() {
    let limits = Budget { tokens: Some(200_000), cost_micros: Some(5_000_000), ..Budget::default() };
    for (text, form) in [
        ("- [ ] x (workflow: standard) (budget: tokens=200k, cost=5)", Form::Markdown),
        (r#"[{"title": "x", "budget": {"tokens": 200000, "cost": 5.0}}]"#, Form::Json),
        (r#"{"tickets": [{"title": "x", "budget": "tokens=200k,cost=5"}]}"#, Form::Json),
        ("title,budget\nx,\"tokens=200k,cost=5\"\n", Form::Csv),
        ("title,budget\nx,tokens=200k;cost=5\n", Form::Csv),
    ] {
        let brief = first(text, form).brief;
        assert_eq!((brief.title.as_str(), brief.budget), ("x", Some(limits)), "{text}");
    }
    for (text, form, expected) in [
        ("- [ ] x (budget: token=5)", Form::Markdown, "list:1:18: a budget has no `token` (did you mean `tokens`?)"),
        (r#"[{"title": "x", "budget": {"cost": "much"}}]"#, Form::Json, "`cost` of a budget cannot be `much`"),
        (r#"[{"title": "x", "budget": [1]}]"#, Form::Json, "`budget` should be a text or an object of limits"),
        ("title,budget\nx,5000\n", Form::Csv, "list:2:3: `5000` is no part of a budget"),
    ] {
        let found = import(text, form).unwrap_err();
        assert!(found.join("\n").contains(expected), "{text}: {found:?}");
    }
}
