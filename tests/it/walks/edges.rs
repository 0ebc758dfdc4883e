//! Every edge of every bundled workflow, walked without running anything: the engine itself decides, and what each phase
//! comes to is told by the story.

use std::collections::BTreeSet;
use std::path::Path;

use aotui::config::library::{Library, Source};
use aotui::config::paths::Places;
use aotui::config::settings::Settings;
use aotui::domain::ids::WalkName;
use aotui::domain::simulate::{Attempt, Choices, Chosen, simulate};
use aotui::domain::workflow::{Way, Workflow};

/// One story a line: the workflow, what phases come to (`PHASE=OUTCOME,…` or `WALK=…`), where the ticket itself went (`!` marks
/// a phase that failed, `:` what its agent judged), and how it ended.
const STORIES: &str = "
minimal | | run | complete
minimal | run=fail | run! | ended in a phase that asks for your attention

verify | | test | complete
verify | test=fail | test! | left to you: exited with code 2

review | | review:pass | complete
review | review=fail,fail,fail | review! review! review! | left to you: exited with code 2
review | review=fail,pass | review! review:pass | complete
review | review=verdict:fail | review:fail | ended in a phase that asks for your attention

merge | | verify land | complete
merge | verify=fail | verify! resolve verify land | complete
merge | land=fail | verify land! resolve verify land | complete
merge | land=fail resolve=fail | verify land! resolve! | left to you: exited with code 2
merge | land=fail,fail,fail,fail,fail | verify land! resolve verify land! resolve verify land! resolve verify land! resolve verify land! | left to you: phase `resolve` was entered 4 times, as often as its maxVisits allows

standard | | implement test review land | complete
standard | implement=fail | implement! | left to you: exited with code 2
standard | test=fail,pass review=fail,pass | implement test! implement test review! implement test review land | complete
standard | land=fail retest=fail,pass | implement test review land! resolve retest! resolve retest land | complete
standard | land=fail resolve=fail | implement test review land! resolve! | left to you: exited with code 2
standard | land=fail,fail,fail,fail,fail | implement test review land! resolve retest land! resolve retest land! resolve retest land! resolve retest land! | left to you: phase `resolve` was entered 4 times, as often as its maxVisits allows
standard | test=fail,fail,fail,fail,fail | implement test! implement test! implement test! implement test! implement test! | left to you: phase `implement` was entered 5 times, as often as its maxVisits allows

bugfix | | reproduce shown mend verify review merge | complete
bugfix | reproduce=fail | reproduce! | left to you: exited with code 2
bugfix | shown=fail,pass verify=fail,pass review=fail,pass | reproduce shown! reproduce shown mend verify! mend verify review! mend verify review merge | complete
bugfix | mend=fail | reproduce shown mend! | left to you: exited with code 2
bugfix | merge.merge/land=fail resolve=fail | reproduce shown mend verify review merge! | left to you: workflow `merge` failed

gated | | discussion execute validate:pass compact land | complete
gated | discussion=fail,fail,fail | discussion! discussion! discussion! | left to you: exited with code 2
gated | validate=verdict:fail | discussion execute validate:fail execute validate:pass compact land | complete
gated | execute=fail,fail,fail | discussion execute! execute! execute! | left to you: exited with code 2
gated | validate=fail,fail,fail | discussion execute validate! validate! validate! | left to you: exited with code 2
gated | validate=verdict:hold,verdict:hold,verdict:hold | discussion execute validate! validate! validate! | left to you: gate `verdict`: the verdict is `hold`
gated | compact=fail,fail,fail | discussion execute validate:pass compact! compact! compact! | left to you: exited with code 2
gated | land=fail | discussion execute validate:pass compact land! resolve land | complete
gated | land=fail resolve=fail,fail,fail | discussion execute validate:pass compact land! resolve! resolve! resolve! | left to you: exited with code 2
gated | land=fail,fail,fail,fail,fail | discussion execute validate:pass compact land! resolve land! resolve land! resolve land! resolve land! | left to you: phase `resolve` was entered 4 times, as often as its maxVisits allows

overnight | | triage research prd tech-research design spec build verify reviews approve merge | complete
overnight | triage=fail | triage! | left to you: exited with code 2
overnight | research=fail | triage research! | left to you: exited with code 2
overnight | prd=fail | triage research prd! | left to you: exited with code 2
overnight | tech-research=fail | triage research prd tech-research! | left to you: exited with code 2
overnight | design=fail | triage research prd tech-research design! | left to you: exited with code 2
overnight | spec=fail | triage research prd tech-research design spec! | left to you: exited with code 2
overnight | build=fail | triage research prd tech-research design spec build! | left to you: exited with code 2
overnight | verify=fail reviews.security=verdict:fail approve=fail | triage research prd tech-research design spec build verify! build verify reviews! build verify reviews approve! build verify reviews approve merge | complete
overnight | reviews.security=fail,fail,fail reviews.tests=verdict:fail | triage research prd tech-research design spec build verify reviews! build verify reviews approve merge | complete
overnight | merge.merge/verify.verify/test=fail resolve=fail | triage research prd tech-research design spec build verify reviews approve merge! | left to you: workflow `merge` failed

six-roles | | product-owner approve-product architect approve-architecture story-author build accept land | complete
six-roles | product-owner=fail | product-owner! | left to you: exited with code 2
six-roles | architect=fail | product-owner approve-product architect! | left to you: exited with code 2
six-roles | story-author=fail | product-owner approve-product architect approve-architecture story-author! | left to you: exited with code 2
six-roles | approve-product=fail,pass approve-architecture=fail,pass | product-owner approve-product! product-owner approve-product architect approve-architecture! architect approve-architecture story-author build accept land | complete
six-roles | executor=fail tester=verdict:fail accept=fail land=fail | product-owner approve-product architect approve-architecture story-author build accept! mend accept land! resolve land | complete
six-roles | build.3/developer=fail | product-owner approve-product architect approve-architecture story-author build! | left to you: item 3 of 3 failed
six-roles | accept=fail mend=fail,fail,fail | product-owner approve-product architect approve-architecture story-author build accept! mend! mend! mend! | left to you: exited with code 2
six-roles | land=fail resolve=fail,fail,fail | product-owner approve-product architect approve-architecture story-author build accept land! resolve! resolve! resolve! | left to you: exited with code 2

demo | | implement test land | complete
demo | implement=fail | implement! | left to you: exited with code 2
demo | test=fail land=fail retest=fail | implement test! implement test land! resolve retest! resolve retest land | complete
demo | land=fail resolve=fail | implement test land! resolve! | left to you: exited with code 2

demo-merge | | implement test merge land | complete
demo-merge | implement=fail | implement! | left to you: exited with code 2
demo-merge | test=fail merge=fail land=fail retest=fail | implement test! implement test merge! implement test merge land! resolve retest! resolve retest land | complete
demo-merge | land=fail resolve=fail | implement test merge land! resolve! | left to you: exited with code 2

demo-spec | | spec approve-spec implement test land | complete
demo-spec | spec=fail | spec! | left to you: exited with code 2
demo-spec | approve-spec=fail test=fail land=fail retest=fail | spec approve-spec! spec approve-spec implement test! implement test land! resolve retest! resolve retest land | complete
demo-spec | implement=fail | spec approve-spec implement! | left to you: exited with code 2
demo-spec | land=fail resolve=fail | spec approve-spec implement test land! resolve! | left to you: exited with code 2

demo-poll | window=notyet,notyet,pass | implement test window land | complete
demo-poll | implement=fail | implement! | left to you: exited with code 2
demo-poll | test=fail land=fail retest=fail | implement test! implement test window land! resolve retest! resolve retest land | complete
demo-poll | window=fail | implement test window! | left to you: exited with code 2
demo-poll | land=fail resolve=fail | implement test window land! resolve! | left to you: exited with code 2
";

fn bundled() -> Vec<Workflow> {
    let temp = tempfile::tempdir().unwrap();
    let home = temp.path().display().to_string();
    let places = Places::find(None, temp.path(), |name| (name == "AOTUI_HOME").then(|| home.clone())).unwrap();
    let library = Library::new(&Settings::defaults(&places, Path::new("/bin/aotui")), "/usr/bin:/bin");
    let listed = library.workflows(None).into_iter();
    listed.filter(|one| one.source == Source::Bundled).map(|one| one.result.unwrap().value).collect()
}

fn choices(told: &str) -> Choices {
    let mut choices = Choices::new();
    for one in told.split_whitespace() {
        let (phase, words) = one.split_once('=').unwrap();
        let chosen = words.split(',').map(|word| match word {
            "pass" => Chosen::Pass,
            "fail" => Chosen::Fail,
            "notyet" => Chosen::NotYet,
            other => Chosen::Verdict(other.strip_prefix("verdict:").unwrap().to_owned()),
        });
        choices.insert(phase.to_owned(), chosen.collect());
    }
    choices
}

/// Where the ticket itself went.
fn path(attempts: &[Attempt]) -> String {
    let own = attempts.iter().filter(|attempt| attempt.walk.is_empty());
    let mark = |attempt: &Attempt| match (attempt.outcome, &attempt.verdict) {
        ("pass", Some(verdict)) => format!(":{verdict}"),
        ("pass", None) => String::new(),
        _ => "!".to_owned(),
    };
    own.map(|attempt| format!("{}{}", attempt.phase, mark(attempt))).collect::<Vec<_>>().join(" ")
}

/// An edge in words: workflow, phase, and the way out of it.
fn edge(workflow: &Workflow, phase: &str, way: Way<'_>) -> String {
    let way = match way {
        Way::Success => "success".to_owned(),
        Way::Failure => "failure".to_owned(),
        Way::Verdict(verdict) => format!("verdict {verdict}"),
    };
    format!("{}: {phase} {way}", workflow.name)
}

/// Every edge of a workflow and of what is walked within it.
fn edges(workflow: &Workflow, into: &mut BTreeSet<String>) {
    for phase in &workflow.phases {
        into.extend(phase.ways().into_iter().map(|(way, _)| edge(workflow, phase.id.as_str(), way)));
        phase.workflows_below().into_iter().for_each(|below| edges(below, into));
    }
}

/// The edge that an attempt took; `None` where it was tried again, or left.
fn taken(root: &Workflow, attempt: &Attempt) -> Option<String> {
    let names = attempt.walk.split('/').filter(|name| !name.is_empty());
    let workflow = names.fold(root, |above, name| {
        let name: WalkName = name.parse().unwrap();
        above.phases.iter().find_map(|phase| phase.workflow_below(&name)).unwrap()
    });
    let way = match (attempt.outcome, &attempt.verdict) {
        _ if attempt.to.is_empty() => return None,
        ("pass", Some(verdict)) => Way::Verdict(verdict),
        ("pass", None) => Way::Success,
        ("stopped", _) => return None,
        _ => Way::Failure,
    };
    Some(edge(workflow, &attempt.phase, way))
}

#[test]
fn every_edge_of_every_bundled_workflow_is_walked_by_a_story() {
    let bundled = bundled();
    let (mut missing, mut wrong) = (BTreeSet::new(), Vec::new());
    bundled.iter().for_each(|workflow| edges(workflow, &mut missing));
    for story in STORIES.lines().filter(|line| !line.is_empty()) {
        let parts: Vec<&str> = story.split('|').map(str::trim).collect();
        let [name, told, way, end] = parts.as_slice() else { panic!("{story}") };
        let workflow = bundled.iter().find(|workflow| workflow.name.as_str() == *name).unwrap();
        let walked = simulate(workflow, &choices(told), 3).unwrap();
        let path = path(&walked.attempts);
        if (path.as_str(), walked.end.as_str()) != (way, end) || !walked.unused.is_empty() {
            let unused =
                if walked.unused.is_empty() { String::new() } else { format!("  (unused: {:?})", walked.unused) };
            wrong.push(format!("STORY {name} | {told} | {path} | {}{unused}", walked.end));
        }
        walked
            .attempts
            .iter()
            .filter_map(|attempt| taken(workflow, attempt))
            .for_each(|edge| missing.retain(|open| *open != edge));
    }
    assert!(wrong.is_empty(), "these stories went another way:\n{}", wrong.join("\n"));
    assert!(missing.is_empty(), "no story walks these edges: {missing:#?}");
}
