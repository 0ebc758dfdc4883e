//! What a piece of the screen is, so that views never name a colour.

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident = $name:literal $(, falls back to $fallback:ident)?;)*) => {
        /// What a piece of the screen is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Role {
            $($(#[$doc])* $role,)*
        }

        impl Role {
            /// Every role; a role comes after the one it falls back to.
            pub(crate) const ALL: &'static [Role] = &[$(Role::$role),*];

            /// Returns its name in theme files.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Role::$role => $name,)* }
            }

            /// Returns the role whose style it starts from.
            pub(crate) fn fallback(self) -> Option<Role> {
                match self { $(Role::$role => roles!(@fallback $($fallback)?),)* }
            }
        }
    };
    (@fallback) => { None };
    (@fallback $role:ident) => { Some(Role::$role) };
}

roles! {
    /// Plain text.
    Text = "text";
    /// Text that matters less.
    Muted = "text.muted", falls back to Text;
    /// Text that stands out.
    Strong = "text.strong", falls back to Text;
    /// The one accent: the product's name, the selection's mark.
    Accent = "accent", falls back to Text;
    /// A key that can be pressed.
    Key = "key", falls back to Accent;
    /// Thin lines between parts.
    Rule = "rule", falls back to Muted;
    /// Thin lines around what has the keys.
    RuleFocus = "rule.focus", falls back to Accent;
    /// The selected row; its background matters.
    Selected = "selected";
    /// Something good.
    Good = "good", falls back to Text;
    /// Something to be careful about.
    Warn = "warn", falls back to Text;
    /// Something bad.
    Bad = "bad", falls back to Text;
    /// The count of tickets that need a person.
    Badge = "badge", falls back to Accent;
    /// Letters that were found.
    Match = "match", falls back to Accent;
    /// Headings of zones.
    Zone = "zone", falls back to Text;
    /// Zone `respond`.
    Respond = "zone.respond", falls back to Zone;
    /// Zone `failed`.
    Failed = "zone.failed", falls back to Zone;
    /// Zone `merge`.
    Merge = "zone.merge", falls back to Zone;
    /// Zone `review`.
    Review = "zone.review", falls back to Zone;
    /// Zone `working`.
    Working = "zone.working", falls back to Zone;
    /// Zone `waiting`.
    Waiting = "zone.waiting", falls back to Zone;
    /// Zone `done`.
    Done = "zone.done", falls back to Zone;
}
