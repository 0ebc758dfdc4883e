//! Times of interleaved rounds, and the table of them.

use std::time::{Duration, Instant};

/// What a measurement gives, or why there is none.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Named series of times, in the order of their first mention.
#[derive(Default)]
pub(crate) struct Figures(Vec<(&'static str, Vec<f64>)>);

impl Figures {
    /// Adds a time, in milliseconds.
    pub(crate) fn add(&mut self, name: &'static str, millis: f64) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, series)) => series.push(millis),
            None => self.0.push((name, vec![millis])),
        }
    }

    /// Does some work, adds how long it took, and returns that, in milliseconds.
    pub(crate) fn time(&mut self, name: &'static str, work: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
        let started = Instant::now();
        work()?;
        let took = millis(started.elapsed());
        self.add(name, took);
        Ok(took)
    }

    /// Prints a table; every median also as a multiple of the median of `floor`.
    pub(crate) fn print(&self, title: &str, floor: &str) {
        let base = self.0.iter().find(|(name, _)| *name == floor).map_or(f64::NAN, |(_, series)| median(series));
        println!("\n{title}");
        println!("  {:<52} {:>9} {:>9} {:>5} {:>8}", "", "median ms", "p95 ms", "n", "ratio");
        for (name, series) in &self.0 {
            let (middle, high) = (median(series), at(series, 0.95));
            let ratio = middle / base;
            let digits = if ratio < 0.1 { 3 } else { 2 };
            println!("  {name:<52} {middle:>9.2} {high:>9.2} {:>5} {ratio:>7.digits$}x", series.len());
        }
    }
}

/// Returns a duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Returns how many rounds the command line asks for, as in `cargo bench --bench status -- 50`.
pub(crate) fn rounds(default: usize) -> usize {
    std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(default)
}

fn median(series: &[f64]) -> f64 {
    at(series, 0.5)
}

fn at(series: &[f64], share: f64) -> f64 {
    let mut sorted = series.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}
