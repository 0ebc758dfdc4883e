//! Chance that can be had again: a seed gives the same numbers each time.

/// A source of numbers (splitmix64).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Returns a duration up to `most` milliseconds, short ones as likely as long ones.
    pub(super) fn millis(&mut self, most: u64) -> std::time::Duration {
        let most = 1 + self.below(most);
        std::time::Duration::from_millis(self.below(most))
    }

    /// Returns one of them; `None` if there are none.
    pub(super) fn one_of<T>(&mut self, all: Vec<T>) -> Option<T> {
        let at = self.below(all.len().max(1) as u64) as usize;
        all.into_iter().nth(at)
    }
}
