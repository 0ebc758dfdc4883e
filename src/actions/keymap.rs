//! Which key means what: the catalogue's keys with the user's on top.

use std::collections::{BTreeMap, HashMap};

use super::catalogue::{Action, UnknownAction};
use super::keys::{BadChord, Chord};
use super::spec::Context;

/// Keys in force.
#[derive(Debug, Clone)]
pub struct Keymap {
    chords: BTreeMap<Action, Vec<Chord>>,
    bound: HashMap<(Context, Chord), Action>,
}

/// Says what is wrong with the user's `keys`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// It names no action.
    #[error("keys: {0}")]
    Action(#[from] UnknownAction),
    /// It names no key.
    #[error("keys: {action}: {error}")]
    Chord {
        /// The action it stands for.
        action: &'static str,
        /// What is wrong with it.
        error: BadChord,
    },
    /// One key is given to two actions in the same place.
    #[error("keys: `{chord}` is given to `{one}` and to `{other}`: keep one of them")]
    Clash {
        /// The key.
        chord: Chord,
        /// The action that keeps it.
        one: &'static str,
        /// The action that goes without it.
        other: &'static str,
    },
}

impl Default for Keymap {
    fn default() -> Self {
        Self::new(&BTreeMap::new()).0
    }
}

impl Keymap {
    /// Returns the catalogue's keys changed by the user's, given by action name, and what is wrong with those. A user's
    /// keys replace all default keys of that action, and take them away from other actions; an empty list unbinds.
    pub fn new(overrides: &BTreeMap<String, Vec<String>>) -> (Self, Vec<KeymapError>) {
        let mut errors = Vec::new();
        let mut own: BTreeMap<Action, Vec<Chord>> = BTreeMap::new();
        for (name, texts) in overrides {
            match name.parse::<Action>() {
                Ok(action) => {
                    own.insert(action, parse(action, texts, &mut errors));
                }
                Err(error) => errors.push(error.into()),
            }
        }
        let mut map = Self { chords: BTreeMap::new(), bound: HashMap::new() };
        for (action, chords) in &own {
            for chord in chords {
                if let Some(taken) = map.bind(*action, *chord) {
                    errors.push(KeymapError::Clash { chord: *chord, one: taken.name(), other: action.name() });
                }
            }
        }
        for action in Action::ALL.iter().filter(|action| !own.contains_key(action)) {
            for chord in action.spec().keys.iter().filter_map(|key| key.parse().ok()) {
                let _taken_by_the_user = map.bind(*action, chord);
            }
        }
        (map, errors)
    }

    /// Gives the chord to the action unless it means something else in one of its places; returns what.
    fn bind(&mut self, action: Action, chord: Chord) -> Option<Action> {
        let contexts = action.spec().contexts;
        let taken = self
            .bound
            .iter()
            .find(|((context, bound), _)| *bound == chord && contexts.iter().any(|mine| mine.overlaps(*context)));
        if let Some((_, other)) = taken {
            return Some(*other);
        }
        self.bound.extend(contexts.iter().map(|context| ((*context, chord), action)));
        self.chords.entry(action).or_default().push(chord);
        None
    }

    /// Returns what a chord means where `contexts`, innermost first, have the keys.
    pub fn resolve(&self, contexts: &[Context], chord: Chord) -> Option<Action> {
        contexts.iter().find_map(|context| self.bound.get(&(*context, chord)).copied())
    }

    /// Returns the keys of an action, the first one first; empty if it has none.
    pub fn chords(&self, action: Action) -> &[Chord] {
        self.chords.get(&action).map_or(&[], Vec::as_slice)
    }
}

fn parse(action: Action, texts: &[String], errors: &mut Vec<KeymapError>) -> Vec<Chord> {
    let mut chords = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(chord) if chords.contains(&chord) => {}
            Ok(chord) => chords.push(chord),
            Err(error) => errors.push(KeymapError::Chord { action: action.name(), error }),
        }
    }
    chords
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(overrides: &[(&str, &[&str])]) -> (Keymap, Vec<String>) {
        let overrides = overrides
            .iter()
            .map(|(name, keys)| ((*name).to_owned(), keys.iter().map(|key| (*key).to_owned()).collect()))
            .collect();
        let (map, errors) = Keymap::new(&overrides);
        (map, errors.iter().map(ToString::to_string).collect())
    }

    fn chord(text: &str) -> Chord {
        text.parse().unwrap()
    }

    #[test]
    fn every_default_key_works() {
        let map = Keymap::default();
        for action in Action::ALL {
            assert_eq!(map.chords(*action).len(), action.spec().keys.len(), "{action}");
            for key in action.spec().keys {
                for context in action.spec().contexts {
                    assert_eq!(map.resolve(&[*context], chord(key)), Some(*action));
                }
            }
        }
    }

    #[test]
    fn an_overlay_about_a_ticket_answers_its_own_keys_before_those_for_reading() {
        let map = Keymap::default();
        let stack = [Context::Ticket, Context::Reader];
        assert_eq!(map.resolve(&stack, chord("a")), Some(Action::Approve));
        assert_eq!(map.resolve(&stack, chord("j")), Some(Action::Down));
        assert_eq!(map.resolve(&stack, chord("/")), None);
    }

    #[test]
    fn the_users_key_replaces_the_default_and_takes_it_from_others() {
        let (map, errors) = with(&[("approve", &["y"]), ("quit", &[])]);
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(map.resolve(&[Context::Fleet], chord("y")), Some(Action::Approve));
        assert_eq!(map.resolve(&[Context::Fleet], chord("a")), None);
        assert_eq!(map.resolve(&[Context::Fleet], chord("q")), None);
        assert_eq!(map.chords(Action::CopyPath), []);
        assert_eq!(map.resolve(&[Context::Confirm], chord("y")), Some(Action::Yes), "another place keeps its key");
    }

    #[test]
    fn mistakes_are_named_and_do_no_harm() {
        let (map, errors) = with(&[("aprove", &["y"]), ("stop", &["hyper-x"]), ("land", &["u"]), ("retry", &["u"])]);
        assert_eq!(errors.len(), 3, "{errors:#?}");
        assert_eq!(errors[0], "keys: there is no action `aprove` (did you mean `approve`?)");
        assert!(errors[1].starts_with("keys: stop: `hyper-x` is not a key"), "{}", errors[1]);
        assert_eq!(errors[2], "keys: `u` is given to `land` and to `retry`: keep one of them");
        assert_eq!(map.resolve(&[Context::Fleet], chord("u")), Some(Action::Land));
        assert_eq!(map.resolve(&[Context::Fleet], chord("a")), Some(Action::Approve));
    }
}
