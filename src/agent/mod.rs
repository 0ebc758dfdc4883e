//! What agent programs say, in one vocabulary: their event streams, what an error means, what was used up.
//!
//! Pure: text in, [`Signal`]s and an [`Account`] of the run out. How a program's lines map to signals is data
//! ([`StreamRules`]), so that an agent of the common kind needs no code. It never starts a program, and never decides
//! that work was done well: that is the gates' business.

mod account;
mod asks;
mod face;
mod reset;
mod signal;
mod stream;
mod text;
mod transcript;
mod trouble;

pub use account::{Account, Ending, Exit};
pub use asks::{asks, decision};
pub use face::{FaceRule, FaceRules, Pattern, last};
pub use reset::{Clock, next_chance, reset};
pub use signal::Signal;
pub use stream::{Counting, FIELDS, KINDS, Kind, Rule, StreamRules};
pub use text::read_text;
pub use transcript::{Transcript, activity, headline, recorded};
pub use trouble::{TextRule, Trouble, classify, tries_again};
