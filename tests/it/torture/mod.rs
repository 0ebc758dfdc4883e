//! Nothing dies: the built program is killed at any moment, by chance and at every durable step, until all is done; then
//! the journal, the snapshots, the repository and what the scripts themselves wrote down have to agree.
//!
//! `cargo test` runs a short version of each. The long one is
//! `cargo test --test it torture -- --ignored --nocapture --test-threads 1`; larger numbers and a seed to replay come
//! from the environment (see [`number`]).

mod chance;
mod check;
mod field;
mod random;
mod steps;
mod witness;

use std::fs;

use chance::Chance;
use field::Pace;

/// Returns a number from the environment: `AOTUI_TORTURE_` with `KILLS`, `TICKETS`, `PASSES`, `PAIRS` or `SEED`.
/// `AOTUI_TORTURE_POINT` names the point to try, or how the names of some begin.
fn number(name: &str, default: u64) -> u64 {
    let name = format!("AOTUI_TORTURE_{name}");
    match std::env::var(&name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => default,
    }
}

/// Returns the seed of this run: the one that was asked for, or a new one. It is printed when a test fails.
fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number("SEED", now.as_nanos() as u64 % 1_000_000);
    println!("AOTUI_TORTURE_SEED={seed}");
    seed
}

#[test]
fn the_checker_sees_what_it_is_there_to_see() {
    let field = steps::undisturbed();
    let sees = |what: &str| {
        let wrong = check::broken(&field, &check::Known::default());
        assert!(wrong.iter().any(|wrong| wrong.contains(what)), "`{what}` is not seen: {wrong:#?}");
    };
    let log = field.home.path("witness/log");
    let told = fs::read_to_string(&log).unwrap();
    fs::write(&log, format!("{told}begin repo~T-0~1\nbegin repo~T-9~1\noverlap repo~T-1~1\n")).unwrap();
    sees("repo~T-0~1 was started 2 times");
    sees("repo~T-9~1 was started without an intent");
    sees("repo~T-1~1 began while an earlier session");
    let output = field.sessions().join("repo~T-0~1/output.raw");
    let recorded = fs::read_to_string(&output).unwrap();
    fs::write(&output, recorded.replace("line 3 of", "lime 3 of")).unwrap();
    sees("the recording of repo~T-0~1 has a hole");
    field.home.git(&field.repo, &["branch", "--quiet", "-D", "aotui/repo/T-1"]);
    sees("the branch of T-1 is gone");
    field.home.git(&field.repo, &["commit", "--quiet", "--allow-empty", "-m", "T-1: Make T-1"]);
    sees("T-1 landed 2 times");
    let ticket = field.home.state().join("plans/repo/tickets/T-0.json");
    let snapshot = fs::read_to_string(&ticket).unwrap();
    fs::write(&ticket, snapshot.replacen("\"attempt\": ", "\"attempt\": 7", 1)).unwrap();
    sees("the snapshot of T-0 is not what the journal says");
    let mut left = std::process::Command::new("sleep").arg("60").env("LEFT", field.home.path("")).spawn().unwrap();
    sees(&format!("process {} is left", left.id()));
    left.kill().unwrap();
    left.wait().unwrap();
}

#[test]
fn nothing_is_lost_run_twice_or_left_behind_by_a_few_random_kills() {
    random::run(Chance::new(seed()), random::Size { kills: 16, tickets: 8, at_once: 4, pace: Pace::Walking });
}

#[test]
#[ignore = "takes minutes: cargo test --test it torture -- --ignored --nocapture --test-threads 1"]
fn nothing_is_lost_run_twice_or_left_behind_by_hundreds_of_random_kills() {
    let size =
        random::Size { kills: number("KILLS", 200), tickets: number("TICKETS", 50), at_once: 8, pace: Pace::Walking };
    random::run(Chance::new(seed()), size);
}

#[test]
fn no_item_of_a_list_is_done_twice_or_skipped_by_a_few_random_kills() {
    random::run(Chance::new(seed()), random::Size { kills: 10, tickets: 3, at_once: 4, pace: Pace::Dividing });
}

#[test]
#[ignore = "takes minutes: cargo test --test it torture -- --ignored --nocapture --test-threads 1"]
fn no_item_of_a_list_is_done_twice_or_skipped_by_hundreds_of_random_kills() {
    let size =
        random::Size { kills: number("KILLS", 200), tickets: number("TICKETS", 20), at_once: 8, pace: Pace::Dividing };
    random::run(Chance::new(seed()), size);
}

#[test]
fn a_fault_at_a_durable_step_costs_nothing_a_few_of_them() {
    steps::some(Chance::new(seed()), 6);
}

#[test]
#[ignore = "takes minutes: cargo test --test it torture -- --ignored --nocapture --test-threads 1"]
fn a_fault_at_a_durable_step_costs_nothing_at_each_of_them() {
    steps::each(number("PASSES", 1), &std::env::var("AOTUI_TORTURE_POINT").unwrap_or_default());
}

#[test]
#[ignore = "takes minutes: cargo test --test it torture -- --ignored --nocapture --test-threads 1"]
fn a_kill_while_a_kill_is_recovered_from_costs_nothing() {
    steps::pairs(Chance::new(seed()), number("PAIRS", 20));
}
