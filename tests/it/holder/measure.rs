//! What sessions cost.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use super::Place;

/// Prints what a start costs; run it with `--ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
async fn measure_starts() {
    let place = Arc::new(Place::new());
    let started = Instant::now();
    for _ in 0..20 {
        tokio::process::Command::new("sh").args(["-c", "exit 0"]).status().await.unwrap();
    }
    println!("for comparison, a plain process, start to exit: {:.2} ms each", started.elapsed().as_secs_f64() * 50.0);
    let started = Instant::now();
    for n in 0..20 {
        place.start(n, "exit 0").await;
    }
    println!("sequential start: {:.2} ms each", started.elapsed().as_secs_f64() * 50.0);
    let started = Instant::now();
    for n in 20..40 {
        place.start(n, "exit 0").await;
        place.exit_of(n).await;
    }
    println!("sequential start to exit record: {:.2} ms each", started.elapsed().as_secs_f64() * 50.0);
    let started = Instant::now();
    place.start(50, "head -c 100000000 /dev/zero").await;
    place.exit_of(50).await;
    println!("recording 100 MB: {:.2} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    let starts = (100..120).map(|n| {
        let place = Arc::clone(&place);
        tokio::spawn(async move { place.start(n, "read line").await })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap();
    }
    println!("20 at once: {:.2} ms in all", started.elapsed().as_secs_f64() * 1000.0);
    let memory = fs::read_to_string(format!("/proc/{}/smaps_rollup", place.holder(100).holder.pid)).unwrap();
    for line in
        memory.lines().filter(|line| line.starts_with("Rss") || line.starts_with("Pss:") || line.starts_with("Private"))
    {
        println!("{line}");
    }
}
