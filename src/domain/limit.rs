//! Rate-limit windows: how much of what a provider allows an account for a stretch of time is used up, as far as the
//! programs of agents tell. Not durable: it is told again before long, and nothing is decided by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plain::plain_line;
use super::time::Timestamp;

/// Longest name kept, in characters.
const MAX_NAME: usize = 24;
/// Most windows kept of an account.
const MOST: usize = 6;
/// Longest time to a reset that is believed, in seconds.
const LONGEST: u64 = 32 * 86_400;

/// One window, as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitWindow {
    /// What it is called: `5h`, `7d`.
    pub name: String,
    /// How much of it is used up, in percent; `None` where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_percent: Option<u8>,
    /// When it begins anew.
    pub resets_at: Timestamp,
}

impl LimitWindow {
    /// Returns it with a plain and bounded name, and with no more than all of it used up.
    #[must_use]
    pub fn cleaned(self) -> Self {
        let name = plain_line(&self.name.replace('_', " "), MAX_NAME);
        Self { name, used_percent: self.used_percent.map(|used| used.min(100)), ..self }
    }
}

/// What is known of the windows of all accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits(BTreeMap<String, Vec<LimitWindow>>);

impl Limits {
    /// Takes in what was told of a window of `account` at the moment `now`; returns whether it says anything new.
    pub fn note(&mut self, account: &str, told: LimitWindow, now: Timestamp) -> bool {
        if told.resets_at <= now || told.resets_at > now.plus_seconds(LONGEST) {
            return false;
        }
        let known = self.0.entry(account.to_owned()).or_default();
        known.retain(|window| window.resets_at > now);
        if known.contains(&told) {
            return false;
        }
        known.retain(|window| window.name != told.name);
        let has_room = known.len() < MOST;
        if has_room {
            known.push(told);
        }
        has_room
    }

    /// Lists the windows that have not begun anew by `now` with their accounts, the one that is used up most first.
    pub fn open(&self, now: Timestamp) -> Vec<(&str, &LimitWindow)> {
        let all = self.0.iter().flat_map(|(account, windows)| windows.iter().map(|window| (account.as_str(), window)));
        let mut open: Vec<_> = all.filter(|(_, window)| window.resets_at > now).collect();
        open.sort_by_key(|(_, window)| (std::cmp::Reverse(window.used_percent), window.resets_at));
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn window(name: &str, used: u8, seconds: u64) -> LimitWindow {
        LimitWindow { name: name.into(), used_percent: Some(used), resets_at: NOW.plus_seconds(seconds) }
    }

    #[test]
    fn the_newest_word_on_a_window_counts_until_its_reset() {
        let mut limits = Limits::default();
        assert!(limits.note("claude", window("5h", 61, 600), NOW));
        assert!(limits.note("claude", window("7d", 80, 90_000), NOW));
        assert!(limits.note("claude", window("5h", 62, 600), NOW));
        assert!(!limits.note("claude", window("5h", 62, 600), NOW), "nothing new, so nobody is told");
        let shown = |now| limits.open(now).iter().map(|(_, window)| window.name.clone()).collect::<Vec<_>>();
        assert_eq!(shown(NOW), ["7d", "5h"]);
        assert_eq!(shown(NOW.plus_seconds(600)), ["7d"]);
    }

    #[test]
    fn what_nobody_can_believe_is_not_kept_and_there_is_no_end_of_room_for_it() {
        let mut limits = Limits::default();
        assert!(!limits.note("claude", window("5h", 62, 0), NOW), "it has begun anew");
        let far = LimitWindow { resets_at: Timestamp(i64::MAX), ..window("5h", 1, 1) };
        assert!(!limits.note("claude", far, NOW));
        let kept = (0..1000).filter(|n| limits.note("claude", window(&format!("w{n}"), 1, 60), NOW)).count();
        assert_eq!(kept, MOST);
        assert_eq!(limits.open(NOW).len(), MOST);
        let bad = LimitWindow { name: format!("\x1b[2J{}", "x".repeat(999)), ..window("", 255, 9) }.cleaned();
        assert_eq!(bad.used_percent, Some(100));
        assert!(bad.name.chars().count() < 60 && !bad.name.contains('\x1b'), "{}", bad.name);
    }
}
