//! What went wrong with `another-orchestrator`, and the stories that show that it does not go wrong here.
//!
//! [`ROWS`] names for each known defect the stories that would fail with it. Those that are told nowhere else are told here,
//! on files in that system's own form.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::harness::until;
use crate::older::Older;

/// Each defect, and the names of the stories that would fail with it.
const ROWS: &[(&str, &[&str])] = &[
    (
        "state files are torn, updates lost, and invalid files invisible",
        &[
            "its_directory_is_used_as_it_is",
            "files_edited_while_the_engine_runs_are_taken_up_and_a_broken_one_stops_nothing",
            "a_second_engine_is_refused_and_told_who_is_there",
            "nothing_is_lost_run_twice_or_left_behind_by_a_few_random_kills",
        ],
    ),
    (
        "no recovery after a crash: tickets stuck, agents twice in one worktree, agents without a parent",
        &[
            "its_directory_is_used_as_it_is",
            "sessions_outlive_the_engine_and_are_found_again_with_what_they_did_meanwhile",
            "what_was_approved_while_no_engine_ran_is_begun_once",
            "what_a_killed_holder_leaves_is_ended_before_the_session_counts_as_vanished",
        ],
    ),
    ("what setup printed is taken for the worktree, which is never removed", &["its_directory_is_used_as_it_is"]),
    (
        "a review that fails is ignored",
        &["its_directory_is_used_as_it_is", "a_reviewer_that_approves_failing_code_lets_nothing_pass"],
    ),
    ("the workflow for bugs cannot run", &["a_bug_is_shown_before_it_is_mended"]),
    (
        "retries do not do what they say, and loops have no end",
        &["a_phase_is_tried_as_often_as_it_says_and_a_loop_has_an_end"],
    ),
    (
        "pauses are lost, plans do not come back, and Ctrl-C fails what runs",
        &[
            "its_commands_mean_what_they_meant",
            "a_pause_lets_the_running_phase_end_and_starts_nothing",
            "sessions_outlive_the_engine_and_are_found_again_with_what_they_did_meanwhile",
        ],
    ),
    ("slots are counted twice", &["as_many_work_as_there_are_slots_and_the_order_of_the_plan_counts"]),
    (
        "timeouts do not hold against grandchildren",
        &["a_timeout_ends_the_whole_tree_and_causes_are_kept", "nothing_is_left_after_a_stop_whichever_way_it_went"],
    ),
    (
        "causes of failures are thrown away",
        &["a_timeout_ends_the_whole_tree_and_causes_are_kept", "a_missing_agent_command_is_named"],
    ),
    (
        "order is ignored, plans are never complete, and who waits for a failed ticket is not told so",
        &[
            "as_many_work_as_there_are_slots_and_the_order_of_the_plan_counts",
            "its_directory_is_used_as_it_is",
            "a_timeout_ends_the_whole_tree_and_causes_are_kept",
        ],
    ),
    (
        "the agents it comes with do not work with their programs",
        &["a_settings_file_of_the_other_system_loads_and_says_what_it_ignores"],
    ),
    (
        "the planner knows nothing of what it plans for",
        &["the_skills_say_what_is_so", "what_an_agent_drafts_is_shown_and_taken_in_when_the_person_says_yes"],
    ),
    ("everything waits for a tick", &["a_chain_of_tickets_waits_for_no_tick"]),
    ("ids lead out of the state directory", &["ids_that_could_leave_their_place_are_refused"]),
    ("prompts that are long cannot be given", &["values_are_made_fit_for_the_kernel_or_refused_with_words"]),
];

#[test]
fn every_defect_has_stories_that_would_fail_with_it() {
    let mut known = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut dirs = vec![root.join("src"), root.join("tests")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let names = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
                let async_names = text.lines().filter_map(|line| line.trim_start().strip_prefix("async fn "));
                let all =
                    names.chain(async_names).filter_map(|line| line.split_once("()")).map(|(name, _)| name.to_owned());
                known.extend(all);
            }
        }
    }
    let missing: Vec<_> =
        ROWS.iter().flat_map(|(row, stories)| stories.iter().map(move |story| (row, story))).collect::<Vec<_>>();
    let missing: Vec<_> = missing.into_iter().filter(|(_, story)| !known.contains(**story)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// A directory with one workflow of these phases, whose tickets begin with the first.
fn with(phases: &str) -> Older {
    let older = Older::new();
    older.write("workflows/own.yaml", &format!("name: own\nphases:\n{phases}  - {{id: end, type: terminal}}\n"));
    older
}

fn add(older: &Older, id: &str, first: &str) {
    older.ticket("p", id, &json!({ "workflow": "own", "currentPhase": first }));
}

#[test]
fn as_many_work_as_there_are_slots_and_the_order_of_the_plan_counts() {
    let older = with("  - {id: meet, type: script, command: meet.sh, onSuccess: end}\n");
    // Each waits for the other: with one slot less than said neither gets on.
    older.program(
        "scripts/meet.sh",
        "set -eu\nmkdir -p ../met\n: > \"../met/$AOTUI_TICKET\"\nn=0\nuntil [ \"$(ls ../met | wc -l)\" -ge 2 ]; do\n\
         n=$((n + 1)); [ \"$n\" -lt 600 ] || exit 1; sleep 0.1\ndone\n",
    );
    older.plan("p", "active", &[("A", 1, &[]), ("B", 2, &[])]);
    add(&older, "A", "meet");
    add(&older, "B", "meet");
    let run = older.run(&["daemon", "-c", "2", "--until-done"]);
    assert_eq!(run.code, 0, "{run:?}");

    let older = with("  - {id: note, type: script, command: note.sh, onSuccess: end}\n");
    older.program("scripts/note.sh", "echo \"$AOTUI_TICKET\" >> ../order.txt\n");
    older.plan("p", "active", &[("A", 3, &[]), ("B", 1, &[]), ("C", 2, &[])]);
    ["A", "B", "C"].iter().for_each(|id| add(&older, id, "note"));
    let run = older.run(&["daemon", "-c", "1", "--until-done"]);
    assert_eq!(run.code, 0, "{run:?}");
    let told = older.run(&["events"]);
    assert_eq!(fs::read_to_string(older.dir.join("worktrees/order.txt")).unwrap(), "B\nC\nA\n", "{}", told.stdout);
    let plan = fs::read_to_string(older.dir.join("state/plans/p/plan.json")).unwrap();
    assert!(plan.contains("\"status\": \"complete\""), "{plan}");
}

#[test]
fn a_chain_of_tickets_waits_for_no_tick() {
    let older = with("  - {id: go, type: script, command: go.sh, onSuccess: end}\n");
    older.program("scripts/go.sh", "true\n");
    let config = fs::read_to_string(older.dir.join("config.yaml")).unwrap();
    older.write("config.yaml", &config.replace("pollInterval: 0.1", "pollInterval: 86400"));
    older.plan("p", "active", &[("A", 1, &[]), ("B", 2, &["A"]), ("C", 3, &["B"]), ("D", 4, &["C"]), ("E", 5, &["D"])]);
    ["A", "B", "C", "D", "E"].iter().for_each(|id| add(&older, id, "go"));
    let run = older.run(&["run", "--until-done"]);
    assert_eq!(run.code, 0, "five ticks of a day would be a working week: {run:?}");
}

#[test]
fn a_timeout_ends_the_whole_tree_and_causes_are_kept() {
    let older = with(
        "  - {id: slow, type: script, command: slow.sh, timeoutSeconds: 1}\n  - {id: says, type: script, command: says.sh}\n",
    );
    let config = fs::read_to_string(older.dir.join("config.yaml")).unwrap();
    older.write("config.yaml", &format!("{config}stopGraceSeconds: 1\n"));
    older.program("scripts/slow.sh", "trap '' TERM INT HUP\nsleep 1000 &\necho $! > ../child.txt\nwait\nwait\n");
    older.program("scripts/says.sh", "echo 'cannot reach the server' >&2\nexit 3\n");
    older.plan("p", "active", &[("A", 1, &[]), ("B", 2, &[]), ("C", 3, &["B"])]);
    add(&older, "A", "slow");
    // It stood in its second phase.
    let before =
        json!([{ "phase": "slow", "status": "success", "startedAt": "2026-03-01T10:00:00Z", "completedAt": null }]);
    let ready = json!({ "workflow": "own", "currentPhase": "says", "status": "ready", "phaseHistory": before });
    older.ticket("p", "B", &ready);
    add(&older, "C", "slow");
    let run = older.run(&["run", "--until-done"]);
    assert_eq!(run.code, 3, "{run:?}");
    let why = |id: &str| older.of("p", id)["why"].as_str().unwrap().to_owned();
    assert!(why("A").contains("took longer than its timeout of 1 s"), "{}", why("A"));
    assert_eq!(why("B"), "exited with code 3: cannot reach the server");
    assert_eq!((older.of("p", "C")["zone"].as_str(), why("C")), (Some("waiting"), "blocked by B".to_owned()));
    let child = fs::read_to_string(older.dir.join("worktrees/child.txt")).unwrap();
    let proc = Path::new("/proc").join(child.trim());
    until("the grandchild to be gone", || format!("{}", proc.display()), || (!proc.exists()).then_some(()));
}

#[test]
fn a_phase_is_tried_as_often_as_it_says_and_a_loop_has_an_end() {
    let older = with(
        "  - {id: try, type: script, command: fail.sh, maxRetries: 2, onFailure: back}\n  \
         - {id: back, type: script, command: ok.sh, onSuccess: try, maxVisits: 3}\n",
    );
    older.program("scripts/fail.sh", "echo x >> ../tries.txt\nexit 1\n");
    older.program("scripts/ok.sh", "true\n");
    older.plan("p", "active", &[("A", 1, &[])]);
    add(&older, "A", "try");
    let run = older.run(&["run", "--until-done"]);
    assert_eq!(run.code, 3, "{run:?}");
    let why = older.of("p", "A")["why"].as_str().unwrap().to_owned();
    assert!(why.contains("phase `back` was entered 3 times, as often as its maxVisits allows"), "{why}");
    let tries = fs::read_to_string(older.dir.join("worktrees/tries.txt")).unwrap();
    assert_eq!(tries.lines().count(), 12, "three attempts in each of four visits");
}
