use super::*;
use crate::domain::workflow::{Asks, Capture, PhaseKind, Prompt, Run};

/// A library with one prompt and one script.
struct Shelf;

impl Surroundings for Shelf {
    fn prompt(&self, name: &str) -> Option<Result<(String, String), Problem>> {
        let text = match name {
            "good.md" => {
                "# {{ title }}\n{{ acceptance_criteria_list }}\n{% if context.review %}{{ context.review }}{% endif %}"
            }
            "typo.md" => "# {{ title }}\n\n{{ descripton }}\n",
            "broken.md" => "a\nb\n{% if title %}",
            "roles/tester.md" => {
                "---\nagent: [claude]\nmodel: [small, large]\nallowedTools: [Read]\nmaxTurns: 9\n---\nYou test {{ branch }}."
            }
            "roles/odd.md" => "---\nagent: cluade\nmodle: x\n---\nYou are {{ odd }}.",
            _ => return None,
        };
        Some(Ok((format!("prompts/{name}"), text.to_owned())))
    }

    fn prompt_names(&self) -> Vec<String> {
        ["good.md", "typo.md", "roles/tester.md", "roles/odd.md"].map(str::to_owned).to_vec()
    }

    fn agent_names(&self) -> Vec<String> {
        vec!["claude".to_owned()]
    }

    fn unpriced(&self, agent: Option<&str>, model: Option<&str>) -> Option<String> {
        let named = || format!("model `{}` of agent `{}`", model.unwrap_or("?"), agent.unwrap_or("claude"));
        (model == Some("mystery")).then(named)
    }

    fn has_command(&self, name: &str) -> Option<Result<(), Problem>> {
        ["check.sh", "true"].contains(&name).then_some(Ok(()))
    }

    fn workflow(&self, name: &str) -> Option<Result<Workflow, Vec<Problem>>> {
        match name {
            "measure" => Some(load(MEASURE).map(|loaded| loaded.value).map_err(|_| Vec::new())),
            "circle" => Some(Err(vec![Problem::in_file("circle.yaml", "workflow `w` calls itself: w → circle → w")])),
            _ => None,
        }
    }

    fn workflow_names(&self) -> Vec<String> {
        vec!["measure".to_owned(), "circle".to_owned()]
    }

    fn poll_interval(&self) -> u64 {
        7
    }
}

/// A workflow that others call.
const MEASURE: &str = "name: measure\nphases:\n  - {id: run, type: script, run: 'true', capture: {coverage: stdout}}\n";

fn load(text: &str) -> Result<Loaded<Workflow>, String> {
    parse("w.yaml", text, &Shelf).map_err(|problems| problems.iter().map(|problem| format!("{problem}\n")).collect())
}

/// A workflow of the given phases and an end.
fn with(phases: &str) -> String {
    format!("name: w\nphases:\n{phases}  - {{id: done, type: terminal}}\n")
}

fn refused(phases: &str) -> String {
    match load(&with(phases)) {
        Err(problems) => problems,
        Ok(loaded) => panic!("accepted: {loaded:?}"),
    }
}

#[test]
fn every_type_of_phase_is_read_with_its_defaults() {
    let loaded = load(&with(
        "  - {id: a, type: agent, promptTemplate: good.md, onSuccess: b, onFailure: a, maxRetries: 2, model: big, maxTurns: 5}\n\
         \x20 - {id: b, type: script, run: 'make test', onSuccess: c, retry: {attempts: 3, backoffSeconds: 60}}\n\
         \x20 - {id: c, type: poll, command: check.sh, args: ['{{ repo }}', 7], onSuccess: d, maxVisits: 4, capture: {review: stdout, n: 'echo 1'}}\n\
         \x20 - {id: d, type: approval, asks: merge, message: 'Land {{ title }}?', onSuccess: e}\n\
         \x20 - {id: e, type: script, builtin: land, onSuccess: done, onFailure: bad}\n\
         \x20 - {id: bad, type: terminal, notify: true}\n",
    ))
    .unwrap();
    assert_eq!(loaded.warnings, []);
    let phases = loaded.value.phases;
    assert_eq!((phases[0].retry.attempts, phases[0].timeout_seconds, phases[0].max_visits), (3, Some(3600), 10));
    let PhaseKind::Agent { prompt, model, max_turns, .. } = &phases[0].kind else { panic!() };
    assert_eq!(*prompt, Prompt::Template { name: "good.md".to_owned() });
    assert_eq!((model.as_deref(), *max_turns), (Some("big"), Some(5)));
    assert_eq!((phases[1].retry.attempts, phases[1].retry.backoff_seconds, phases[1].timeout_seconds), (3, 60, None));
    let PhaseKind::Poll { run: Run::Command { args, .. }, interval_seconds } = &phases[2].kind else { panic!() };
    assert_eq!((args.as_slice(), *interval_seconds), (["{{ repo }}".to_owned(), "7".to_owned()].as_slice(), 7));
    assert_eq!((phases[2].timeout_seconds, phases[2].max_visits), (Some(86_400), 4));
    assert_eq!(phases[2].capture["review"], Capture::Stdout);
    assert!(matches!(&phases[3].kind, PhaseKind::Approval(approval) if approval.asks == Asks::Merge));
    assert!(matches!(phases[5].kind, PhaseKind::Terminal { needs_attention: true }));
}

#[test]
fn a_workflow_in_the_other_system_s_words_loads_unchanged() {
    let text = "name: standard\ndescription: Full loop\ntags: [default]\nphases:\n\
        \x20 - id: setup\n    type: script\n    command: check.sh\n    args: [\"{{ repo }}\", \"{{branch}}\", \"{{ worktree }}\"]\n\
        \x20   capture: {worktree: stdout}\n    onSuccess: implement\n    onFailure: abort\n\
        \x20 - id: implement\n    type: agent\n    promptTemplate: good.md\n    maxRetries: 1\n    onSuccess: self_review\n    onFailure: escalate\n\
        \x20 - id: self_review\n    type: agent\n    promptTemplate: good.md\n    allowedTools: [Read, Glob, Grep, Bash]\n    maxTurns: 20\n\
        \x20   capture: {self_review_feedback: stdout}\n    onSuccess: create_pr\n    onFailure: implement\n\
        \x20 - id: create_pr\n    type: agent\n    agent: null\n    promptTemplate: good.md\n    onSuccess: await_review\n    onFailure: escalate\n\
        \x20   capture:\n      pr_url: gh pr view --json url -q .url\n      pr_number: gh pr view --json number -q .number\n\
        \x20 - id: await_review\n    type: poll\n    command: check.sh\n    args: [\"{{ repo }}\", \"{{ pr_number }}\"]\n    intervalSeconds: 60\n\
        \x20   timeoutSeconds: 86400\n    onSuccess: complete\n    onFailure: escalate\n\
        \x20 - {id: complete, type: terminal}\n  - {id: escalate, type: terminal, notify: true}\n  - {id: abort, type: terminal, notify: true}\n";
    let loaded = load(text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((loaded.value.phases.len(), loaded.warnings.len()), (8, 0));
    let again = load(&text.replace(
        "maxRetries: 1\n    onSuccess: self_review\n    onFailure: escalate",
        "maxRetries: 2\n    onSuccess: self_review\n    onFailure: retry",
    ));
    let phase = &again.unwrap().value.phases[1];
    assert_eq!((phase.retry.attempts, &phase.on_failure), (3, &None), "as its documents say, then a person looks");
    assert_eq!(loaded.value.digest.len(), 16);
}

#[test]
fn an_unknown_key_is_an_error_with_the_nearest_key() {
    let problems = refused("  - {id: a, type: script, run: x, onSucess: done}\n");
    assert!(
        problems.contains("w.yaml:3:35: unknown key `onSucess` in phase `a` (did you mean `onSuccess`?)"),
        "{problems}"
    );
    assert!(load("name: w\nphase: []\nphases: [{id: done, type: terminal}]\n").unwrap_err().contains("w.yaml:2:1"));
}

#[test]
fn an_edge_that_leads_nowhere_names_the_nearest_phase() {
    let problems = refused("  - {id: build, type: script, run: x, onSuccess: dnoe}\n");
    assert!(
        problems.contains("w.yaml:3:50: `onSuccess` leads to `dnoe`, which is no phase (did you mean `done`?)"),
        "{problems}"
    );
}

#[test]
fn all_defects_of_a_file_are_told_at_once_in_its_order() {
    let problems = refused(
        "  - {id: a, type: scrpt, command: x}\n\
         \x20 - {id: b, type: agent, command: x, onSuccess: nope}\n\
         \x20 - {id: b, type: poll, run: x, builtin: land, intervalSeconds: 0}\n\
         \x20 - {id: d, type: script, builtin: lnad, asks: review}\n\
         \x20 - {id: '../e', type: agent, prompt: x, promptTemplate: good.md, maxTurns: many}\n\
         \x20 - {type: approval, asks: merg}\n\
         \x20 - {id: g, type: terminal, onSuccess: a, timeoutSeconds: 5}\n\
         \x20 - just text\n\
         \x20 - {id: i, type: agent, promptTemplate: god.md, retry: {attempts: 0}, maxRetries: 1}\n\
         \x20 - {id: j, type: script, run: x, capture: {'a b': stdout, c: [x]}, maxVisits: -3}\n",
    );
    for expected in [
        "w.yaml:3:19: phase `a` has the unknown type `scrpt` (did you mean `script`?)",
        "`command` means nothing in phase `b`, which is of type agent",
        "phase `b` has no prompt",
        "`onSuccess` leads to `nope`",
        "w.yaml:5:10: there are two phases called `b`, the first in line 4",
        "phase `b` has more than one thing to run",
        "`intervalSeconds` of phase `b` should be from 1 to",
        "there is no builtin `lnad` (did you mean `land`?)",
        "`asks` means nothing in phase `d`",
        "phase id `../e` is not valid",
        "phase `../e` has two prompts",
        "`maxTurns` of phase `../e` should be a number, not a text",
        "phase 6 has no `id`",
        "an approval cannot ask for `merg` (did you mean `merge`?)",
        "`onSuccess` means nothing in phase `g`, which ends the ticket",
        "`timeoutSeconds` means nothing in phase `g`",
        "phase 8 should be a map of keys and values, not a text",
        "there is no prompt file `god.md` (did you mean `good.md`?)",
        "`attempts` of `retry` of phase `i` should be from 1 to 100",
        "phase `i` has both `retry` and `maxRetries`",
        "`a b` is not usable as the key of a capture",
        "capture `c` should be `stdout` or a shell command, not a list",
        "`maxVisits` of phase `j` should be from 1 to 1000",
    ] {
        assert!(problems.contains(expected), "missing {expected:?} in\n{problems}");
    }
    let lines: Vec<u32> =
        problems.lines().map(|line| line.split(':').nth(1).and_then(|line| line.parse().ok()).unwrap()).collect();
    assert!(lines.is_sorted(), "{problems}");
}

#[test]
fn names_and_phases_have_to_be_there() {
    assert!(load("").unwrap_err().contains("should be a map"));
    assert!(load("phases: [{id: a, type: terminal}]\n").unwrap_err().contains("the workflow has no `name`"));
    assert!(load("name: w\n").unwrap_err().contains("the workflow has no `phases`"));
    assert!(load("name: w\nphases: []\n").unwrap_err().contains("w.yaml:2:9: `phases` should be a list with at least"));
    assert!(load("name: a/b\nphases: [{id: a, type: terminal}]\n").unwrap_err().contains("w.yaml:1:7: workflow name"));
}

#[test]
fn phases_nobody_reaches_are_warned_about_and_a_graph_without_an_end_is_refused() {
    let loaded =
        load(&with("  - {id: a, type: script, run: x, onSuccess: done}\n  - {id: lost, type: script, run: x}\n"))
            .unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].to_string().starts_with("w.yaml:4:10: no edge leads to phase `lost`"));
    let problems =
        refused("  - {id: a, type: script, run: x, onSuccess: b}\n  - {id: b, type: script, run: x, onSuccess: a}\n");
    assert!(problems.contains("no ticket can ever complete"), "{problems}");
    assert!(load("name: w\nphases: [{id: a, type: approval}]\n").is_ok(), "an approval without edges ends complete");
}

#[test]
fn a_template_tag_in_shell_text_is_refused_at_its_line() {
    let problems = refused("  - id: a\n    type: script\n    run: |\n      set -x\n      echo {{ title }}\n");
    assert!(problems.starts_with("w.yaml:7:"), "{problems}");
    assert!(problems.contains("$AOTUI_TITLE"), "{problems}");
}

#[test]
fn unknown_variables_are_found_where_they_are_written() {
    let problems = refused(
        "  - {id: a, type: script, command: check.sh, args: [x, '{{ brnch }}'], capture: {pr_url: stdout}, onSuccess: b}\n\
         \x20 - id: b\n    type: agent\n    onSuccess: c\n    prompt: |\n      Hello\n        {{ titel }} {{ pr_url }} {{ context.pr_url }}\n\
         \x20 - {id: c, type: agent, promptTemplate: typo.md, onSuccess: d}\n\
         \x20 - {id: d, type: approval, message: '{{ context.pr_ulr }}', onSuccess: e}\n\
         \x20 - {id: e, type: agent, promptTemplate: broken.md}\n",
    );
    for expected in [
        "w.yaml:3:60: unknown variable `brnch` (did you mean `branch`?)",
        "w.yaml:9:12: unknown variable `titel` (did you mean `title`?)",
        "prompts/typo.md:3:4: unknown variable `descripton` (did you mean `description`?)",
        "unknown variable `context.pr_ulr` (did you mean `context.pr_url`?)",
        "prompts/broken.md:3:1: syntax error",
    ] {
        assert!(problems.contains(expected), "missing {expected:?} in\n{problems}");
    }
}

#[test]
fn an_agent_nobody_has_is_found_before_the_night_starts() {
    let problems = refused("  - {id: a, type: agent, agent: cluade, prompt: x}\n");
    assert!(problems.contains("there is no agent `cluade` in the settings (did you mean `claude`?)"), "{problems}");
}

proptest::proptest! {
    #[test]
    fn no_damage_to_a_file_makes_reading_it_panic(
        at in 0..1500_usize,
        cut in 0..40_usize,
        new in "[ \\-:{}\\[\\]|>&*!%'\"#\n\ta-z0-9~é\u{0}\u{feff}]{0,8}",
    ) {
        let mut text: Vec<char> = include_str!("../../../workflows/standard.yaml").chars().collect();
        let end = (at + cut).min(text.len());
        text.splice(at.min(end)..end, new.chars());
        let text: String = text.into_iter().collect();
        if let Err(problems) = parse("w.yaml", &text, &Shelf) {
            assert!(problems.iter().all(|problem| problem.line.is_some()), "{problems:?}");
        }
    }

    #[test]
    fn no_template_makes_checking_or_rendering_it_panic(text in "[{}%# a-z.|'\\-\n\\[\\]()é]{0,40}") {
        for defect in crate::config::template::defects("t", &text, &|_| false) {
            assert!(defect.line >= 1 && defect.column >= 1);
        }
        let _ = crate::config::template::render("t", &text, &minijinja::Value::UNDEFINED, |_| None);
    }
}

#[test]
fn a_program_nobody_has_is_a_warning_because_it_may_come_later() {
    let loaded = load(&with("  - {id: a, type: script, command: no-such-thing, onSuccess: done}\n")).unwrap();
    assert!(
        loaded.warnings[0].to_string().starts_with("w.yaml:3:36: `no-such-thing` is neither"),
        "{:?}",
        loaded.warnings
    );
    assert!(load(&with("  - {id: a, type: script, command: ./x.sh, onSuccess: done}\n")).unwrap().warnings.is_empty());
}

#[test]
fn an_unknown_key_is_answered_with_every_known_one_once() {
    let problems = load("name: w\nphases:\n  - {id: a, type: terminal, zzzzzzzz: 1}\n").unwrap_err();
    assert_eq!(problems.matches("onSuccess").count(), 1, "{problems}");
}

#[test]
fn branches_lists_and_calls_are_read() {
    let loaded = load(&with(
        "  - id: reviews\n\
         \x20   type: parallel\n\
         \x20   join: 2\n\
         \x20   branches:\n\
         \x20     - {name: security, type: agent, prompt: 'Look at {{ part }}: {{ title }}', capture: {verdict: stdout}}\n\
         \x20     - {name: cover, workflow: measure}\n\
         \x20     - name: twice\n\
         \x20       phases:\n\
         \x20         - {id: a, type: script, run: 'true', onSuccess: b}\n\
         \x20         - {id: b, type: approval, message: '{{ context.reviews_security }}?'}\n\
         \x20   onSuccess: parts\n\
         \x20 - id: parts\n\
         \x20   type: foreach\n\
         \x20   over: {file: docs/tasks.json, pointer: /tasks}\n\
         \x20   concurrency: 2\n\
         \x20   do: {type: agent, prompt: 'Do {{ item }}, the {{ itemNumber }}th', retry: {attempts: 2}}\n\
         \x20   onSuccess: verify\n\
         \x20 - {id: verify, type: workflow, workflow: measure, onSuccess: say}\n\
         \x20 - {id: say, type: script, command: 'true', args: ['{{ verify_coverage }} {{ reviews_cover_coverage }}'], onSuccess: done}\n",
    ))
    .unwrap();
    assert_eq!(loaded.warnings, []);
    let phases = loaded.value.phases;
    let PhaseKind::Parallel { branches, join: crate::domain::workflow::Join::Atleast { n: 2 }, fail_fast: false } =
        &phases[0].kind
    else {
        panic!("{:?}", phases[0].kind)
    };
    let ids = |at: usize| branches[at].workflow.phases.iter().map(|phase| phase.id.to_string()).collect::<Vec<_>>();
    assert_eq!(
        (ids(0), ids(1), ids(2)),
        (vec!["security".into(), "done".into(), "failed".into()], vec!["run".into()], vec!["a".into(), "b".into()])
    );
    assert_eq!(branches[0].workflow.phases[0].timeout_seconds, Some(3600));
    let PhaseKind::Foreach { body, concurrency: 2, .. } = &phases[1].kind else { panic!("{:?}", phases[1].kind) };
    assert_eq!(body.phases[0].retry.attempts, 2);
    assert!(matches!(&phases[2].kind, PhaseKind::Workflow { workflow } if workflow.name.as_str() == "measure"));
}

#[test]
fn what_is_wrong_with_phases_within_phases_is_pointed_at() {
    let parallel = |rest: &str| refused(&format!("  - id: p\n    type: parallel\n    onSuccess: done\n{rest}"));
    let said = parallel(
        "    branches:\n      - {name: a, type: agent, prompt: '{{ titel }}'}\n      - {name: a, workflow: mesure}\n",
    );
    assert!(said.contains("w.yaml:7:") && said.contains("titel") && said.contains("did you mean `title`?"), "{said}");
    assert!(said.contains("w.yaml:8:") && said.contains("did you mean `measure`?"), "{said}");
    let said = parallel("    join: 3\n    branches:\n      - {name: a, type: script, run: 'true'}\n");
    assert!(said.contains("w.yaml:6:") && said.contains("3 of 1 branches"), "{said}");
    let said = parallel(
        "    branches:\n      - {type: script, run: 'true'}\n      - {name: done, type: script, run: 'true'}\n",
    );
    assert!(said.contains("branch 1 has no `name`") && said.contains("`done` is the name of an end"), "{said}");
    let said = parallel(
        "    branches:\n      - {name: x, phases: [{id: t, type: terminal}]}\n      - {name: c, workflow: circle}\n",
    );
    assert!(said.contains("`x` ends before it begins"), "{said}");
    assert!(said.contains("w → circle → w"), "{said}");
    let foreach = |rest: &str| refused(&format!("  - id: f\n    type: foreach\n    onSuccess: done\n{rest}"));
    assert!(
        foreach("    over: {file: ../secret}\n    do: {type: script, run: 'true'}\n").contains("below the worktree")
    );
    assert!(foreach("    over: list\n    do: {type: script, run: 'true'}\n").contains("there is no list `list`"));
    assert!(foreach("    over: tasks\n").contains("one thing to do"));
    let said =
        foreach("    over: tasks\n    do: {type: script, run: 'true', onSuccess: x}\n    capture: {a: stdout}\n");
    assert!(said.contains("unknown key `onSuccess`") && said.contains("`capture` means nothing"), "{said}");
    let long = "x".repeat(60);
    let said = parallel(&format!(
        "    branches:\n      - name: {long}\n        phases:\n          - {{id: {long}, type: workflow, workflow: measure}}\n"
    ));
    assert!(said.contains("the longest name of a walk"), "{said}");
}

#[test]
fn a_phase_may_name_agents_that_stand_in_and_models_that_are_stronger() {
    let lists = "  - {id: a, type: agent, prompt: go, agent: [claude], model: [small, large, huge], onSuccess: done}\n";
    let workflow = load(&with(lists)).unwrap().value;
    let PhaseKind::Agent { agent, instead, model, stronger, .. } = &workflow.phases[0].kind else { panic!() };
    assert_eq!(
        (agent.as_ref().map(|name| name.as_str()), instead.len(), model.as_deref()),
        (Some("claude"), 0, Some("small"))
    );
    assert_eq!(stronger.as_slice(), ["large", "huge"]);
    let unknown = refused("  - {id: a, type: agent, prompt: go, agent: [claude, codx], onSuccess: done}\n");
    assert!(unknown.contains("w.yaml:3:54: there is no agent `codx` in the settings"), "{unknown}");
    let empty = refused("  - {id: a, type: agent, prompt: go, model: [], onSuccess: done}\n");
    assert!(empty.contains("`model` of phase `a` is an empty list"), "{empty}");
}

#[test]
fn a_role_says_who_works_in_a_phase_as_far_as_the_phase_does_not() {
    let kind = |more: &str| {
        let phase = format!("  - {{id: a, type: agent, prompt: go, role: tester, onSuccess: done{more}}}\n");
        load(&with(&phase)).unwrap().value.phases[0].kind.clone()
    };
    let PhaseKind::Agent { role, agent, model, stronger, allowed_tools, max_turns, .. } = kind("") else { panic!() };
    assert_eq!((role.unwrap().as_str(), agent.unwrap().as_str(), max_turns), ("tester", "claude", Some(9)));
    assert_eq!((model.as_deref(), stronger, allowed_tools), (Some("small"), vec!["large".into()], vec!["Read".into()]));
    let own = kind(", maxTurns: 2, allowedTools: [Bash, Edit], model: huge");
    let PhaseKind::Agent { model, stronger, allowed_tools, max_turns, .. } = own else { panic!() };
    assert_eq!((model.as_deref(), stronger.len(), allowed_tools.len(), max_turns), (Some("huge"), 0, 2, Some(2)));
    let PhaseKind::Agent { model, .. } = kind(", agent: claude") else { panic!() };
    assert_eq!(model, None, "models are named for the agent beside them");
}

#[test]
fn a_role_that_is_not_there_or_has_defects_is_pointed_at() {
    let unknown = refused("  - {id: a, type: agent, prompt: go, role: testre, onSuccess: done}\n");
    assert!(unknown.starts_with("w.yaml:3:44: there is no role `testre`"), "{unknown}");
    assert!(unknown.contains("did you mean `tester`?") && unknown.lines().count() == 1, "{unknown}");
    let odd = "type: agent, prompt: go, role: odd, onSuccess: done}";
    let odd = refused(&format!("  - {{id: a, {odd}\n  - {{id: b, {odd}\n"));
    for said in [
        "roles/odd.md:2:8: there is no agent `cluade` in the settings (did you mean `claude`?)",
        "roles/odd.md:3:1: unknown key `modle` in role `odd` (did you mean `model`?)",
        "roles/odd.md:5:12: ",
    ] {
        assert_eq!(odd.matches(said).count(), 1, "{said}: {odd}");
    }
    let elsewhere = refused("  - {id: a, type: script, run: 'true', role: tester, onSuccess: done}\n");
    assert!(elsewhere.contains("`role` means nothing in phase `a`"), "{elsewhere}");
}

#[test]
fn an_exit_code_and_a_value_of_printed_json_can_be_captured() {
    let text = "  - {id: a, type: script, run: 'true', capture: {code: exitCode, pr: 'stdout#/pr/number', own: '/bin/date'}, onSuccess: done}\n";
    let capture = load(&with(text)).unwrap().value.phases[0].capture.clone();
    assert_eq!(capture["code"], Capture::ExitCode);
    assert_eq!(capture["pr"], Capture::Json { pointer: "/pr/number".to_owned() });
    assert_eq!(capture["own"], Capture::Command { script: "/bin/date".to_owned() });
}

#[test]
fn a_budget_of_money_for_a_model_without_a_price_is_warned_of_where_it_stands() {
    let text = |model: &str, budget: &str| {
        format!(
            "name: w\nphases:\n  - id: a\n    type: agent\n    prompt: do it\n    model: {model}\n    budget: {budget}\n    onSuccess: done\n  - {{id: done, type: terminal}}\n"
        )
    };
    let warned = |model, budget| {
        let loaded = load(&text(model, budget)).unwrap();
        loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let said = warned("[known, mystery]", "{cost: 2}");
    assert!(said.contains(":7:20: phase `a` has a budget of money, and model `mystery`"), "{said}");
    assert!(said.contains("`prices`"), "{said}");
    assert_eq!(warned("known", "{cost: 2}"), "");
    assert_eq!(warned("mystery", "{tokens: 2000}"), "");
}
