//! What the scripts of a run wrote down themselves, outside of the worktrees and out of the engine's hands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What every script reads first. `begin` and `over` write down that a session began and came to its own end; a process
/// of an earlier session of the same ticket that is still alive then is written down too. No other program is run for
/// it, so that it takes no time.
pub(super) const WITNESS: &str = r#"
w="$AOTUI_HOME/../witness"
say() { echo "$1 $AOTUI_SESSION_ID" >>"$w/log"; }
stat() { read -r _ _ state _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ started _ </proc/"$1"/stat; }
begin() {
    # Walks of a ticket may be at work at the same time.
    me="${AOTUI_SESSION_ID%~*}"
    if read -r pid was 2>/dev/null <"$w/$me" && stat "$pid" 2>/dev/null; then
        [ "$started" = "$was" ] && [ "$state" != Z ] && say overlap
    fi
    stat $$
    echo "$$ $started" >"$w/$me"
    say begin
}
lines() { i=0; while [ $i -lt "$1" ]; do i=$((i+1)); echo "line $i of $AOTUI_SESSION_ID"; sleep "$2"; done; }
keep() { mkdir -p "$1"; echo "$AOTUI_TICKET" >"$1/$AOTUI_TICKET.txt"; git add -A; git diff --cached --quiet || git commit --quiet -m "$1 $AOTUI_TICKET"; }
set -e
begin
"#;

/// What was written down, by session.
#[derive(Debug, Default)]
pub(super) struct Witness {
    pub(super) begun: BTreeMap<String, u32>,
    pub(super) over: BTreeMap<String, u32>,
    pub(super) overlapping: BTreeSet<String>,
}

impl Witness {
    pub(super) fn read(dir: &Path) -> Self {
        let mut witness = Self::default();
        for line in fs::read_to_string(dir.join("log")).unwrap_or_default().lines() {
            let (what, session) = line.split_once(' ').unwrap();
            match what {
                "begin" => *witness.begun.entry(session.to_owned()).or_default() += 1,
                "over" => *witness.over.entry(session.to_owned()).or_default() += 1,
                "overlap" => {
                    witness.overlapping.insert(session.to_owned());
                }
                other => panic!("what is `{other}`?"),
            }
        }
        witness
    }
}
