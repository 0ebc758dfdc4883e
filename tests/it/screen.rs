//! The screen, driven through a terminal as a person would: keys in, rendered screen out.

use std::path::PathBuf;

use crate::harness::{App, Home, until};

const LEAVE: &str = "\x1c";
const ENTER: &str = "\r";
const ESC: &str = "\x1b";

/// A home with a demo in it, slow enough for its longest story to be there still when a busy machine gets to it.
fn demo() -> (Home, PathBuf) {
    let home = Home::with_speed(2);
    let dir = home.path("demo");
    (home, dir)
}

/// Starts the demo and waits for its first frame, as a person does before the first key.
fn start_demo(home: &Home, dir: &std::path::Path, size: (u16, u16)) -> App {
    let app = App::start(home, &home.path(""), &["demo", "--dir", &dir.display().to_string()], size);
    app.see("LED-1");
    app
}

/// Selects a ticket by filtering for it.
fn select(app: &mut App, id: &str) {
    app.press("/");
    app.press(id);
    app.press(ENTER);
    app.wait(&format!("{id} is selected"), |screen| {
        screen.lines().any(|line| line.contains('▸') && line.split_whitespace().any(|word| word == id))
    });
}

fn unfilter(app: &mut App) {
    app.press(ESC);
}

#[test]
fn the_demo_shows_every_zone_and_answers_to_keys_and_its_sessions_survive_a_quit() {
    let (home, dir) = demo();
    let mut app = start_demo(&home, &dir, (130, 45));
    for zone in ["RESPOND", "FAILED", "MERGE", "REVIEW", "WORKING", "WAITING"] {
        app.see(zone);
    }

    select(&mut app, "LED-3");
    app.see("wants to use");
    app.press("a");
    app.wait("LED-3 goes on after its permission", |screen| !screen.contains("wants to use"));
    unfilter(&mut app);

    select(&mut app, "LED-8");
    app.wait("LED-8 waits for its approval", |screen| screen.contains("approve"));
    app.press("a");
    unfilter(&mut app);

    select(&mut app, "LED-4");
    app.wait("LED-4 failed", |screen| screen.contains("FAILED"));
    app.press("r");
    app.wait("LED-4 goes on after its retry", |screen| !screen.contains("FAILED"));
    unfilter(&mut app);

    select(&mut app, "LED-6");
    app.see("MERGE");
    app.press("m");
    app.wait("LED-6 lands", |screen| !screen.contains("MERGE"));
    unfilter(&mut app);

    select(&mut app, "LED-5");
    app.press(ENTER);
    app.see("leaves");
    app.press("a word from the sofa\r");
    app.see("noted: a word from the sofa");
    app.press(LEAVE);
    app.press("q");
    assert_eq!(app.ended(), 0);
    assert!(String::from_utf8_lossy(&app.raw()).contains("go on"), "it says that the agents go on");
    assert!(!home_processes(&home, &dir).is_empty(), "the agents were ended with the screen");

    let mut app = start_demo(&home, &dir, (130, 45));
    select(&mut app, "LED-5");
    app.see("noted: a word from the sofa");
    app.press("q");
    assert_eq!(app.ended(), 0);
}

/// Processes of the demo's sessions.
fn home_processes(home: &Home, dir: &std::path::Path) -> Vec<i32> {
    home.processes_naming(&dir.join("home/state/sessions").display().to_string())
}

#[test]
fn a_killed_screen_loses_nothing_and_a_second_one_is_a_monitor() {
    let (home, dir) = demo();
    let mut app = start_demo(&home, &dir, (120, 40));
    app.see("RESPOND");
    let mut monitor = start_demo(&home, &dir, (120, 40));
    monitor.see("RESPOND");
    select(&mut monitor, "LED-3");
    monitor.see("wants to use");
    monitor.press("a");
    monitor.wait("the monitor's answer counts", |screen| !screen.contains("wants to use"));
    unfilter(&mut monitor);
    // The one whose agent stays until somebody talks to it.
    select(&mut monitor, "LED-5");
    monitor.see("WORKING");
    // It is at work before there is a session, while its worktree is made.
    let works = || (!home.processes_naming("~LED-5~").is_empty()).then_some(());
    until("LED-5 has a session", String::new, works);
    monitor.press("q");
    assert_eq!(monitor.ended(), 0);
    app.kill();
    assert!(!home_processes(&home, &dir).is_empty());
    let app = start_demo(&home, &dir, (120, 40));
    app.see("WORKING");
    drop(app);
}

#[test]
fn any_size_draws_and_the_terminal_is_given_back() {
    let (home, dir) = demo();
    let mut app = start_demo(&home, &dir, (80, 24));
    app.see("LED-1");
    for size in [(40, 12), (20, 5), (3, 2), (200, 60), (80, 24)] {
        app.resize(size.0, size.1);
        if size.0 >= 40 {
            app.see("LED-");
        }
    }
    app.press("?");
    app.see("approve");
    app.press(ESC);
    app.press("q");
    assert_eq!(app.ended(), 0);
    let raw = String::from_utf8_lossy(&app.raw()).into_owned();
    for (enter, leave) in
        [("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?2004h", "\x1b[?2004l"), ("\x1b[?1000h", "\x1b[?1000l")]
    {
        let (entered, left) = (raw.rfind(enter), raw.rfind(leave));
        assert!(entered.is_some() && left > entered, "{enter:?} is not taken back");
    }
}

#[test]
fn a_signal_ends_the_screen_and_gives_the_terminal_back() {
    let (home, dir) = demo();
    let mut app = start_demo(&home, &dir, (80, 24));
    app.see("LED-1");
    let pid = rustix::process::Pid::from_raw(i32::try_from(app.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    app.ended();
    until("the alternate screen is left", String::new, || {
        String::from_utf8_lossy(&app.raw()).contains("\x1b[?1049l").then_some(())
    });
}
