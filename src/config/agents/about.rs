//! What a record says about the agent's program for the person who sets it up: how it is installed, where it keeps what,
//! and what it may do. Nothing here is read or run; `aotui agents check` does that.

use crate::config::fields::{Fields, Report};

/// What is known about an agent's program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// How it is installed, a command for a person; `None` where nobody said.
    pub install: Option<String>,
    /// Arguments with which it prints its version and leaves; empty means it has none.
    pub version_args: Vec<String>,
    /// How one logs in.
    pub login: Login,
    /// Where it notes that a person trusts a repository; `None` means it does not ask.
    pub trust: Option<Trust>,
    /// What it does without asking, in words; `None` where nobody said.
    pub may: Option<String>,
    /// Arguments that let it do everything without asking.
    pub unasked: Vec<String>,
    /// Arguments with which a person takes up the conversation `{{ conversation }}`; empty means nobody said.
    pub resume: Vec<String>,
    /// Where the file of the conversation `{conversation}` is, one of them; spelled as those of [`Login`], and `*` stands for
    /// any text within a name. Empty means nobody said.
    pub transcripts: Vec<String>,
}

/// Where an agent's credentials are. Only whether they are there is ever looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Login {
    /// Variables, one of which is enough.
    pub env: Vec<String>,
    /// Files, one of which is enough; `~/` is the home, `${NAME}` a variable, and a file with an unset one does not count.
    pub files: Vec<String>,
    /// What to do to log in, for a person.
    pub how: Option<String>,
}

/// Where an agent notes that a person trusts a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// JSON or TOML files, of which the first that is there counts; spelled as those of [`Login`].
    pub files: Vec<String>,
    /// The names of the members on the way to the note; `{repo}` is the repository.
    pub keys: Vec<String>,
}

/// Reads the keys over `about`, whose values stay where the record says nothing; reports defects.
pub(super) fn parse(about: &mut About, fields: &mut Fields<'_>, report: &mut Report) {
    if let Some(text) = fields.text("install", report) {
        about.install = Some(text.value);
    }
    if let Some(text) = fields.text("may", report) {
        about.may = Some(text.value);
    }
    set(&mut about.version_args, "versionArgs", fields, report);
    set(&mut about.unasked, "unasked", fields, report);
    set(&mut about.transcripts, "transcripts", fields, report);
    if let Some(resume) = super::templates(fields.texts("resume", report), report) {
        about.resume = resume;
    }
    if let Some(mut login) = fields.get("login").and_then(|node| Fields::of(node, "`login`", report)) {
        set(&mut about.login.env, "env", &mut login, report);
        set(&mut about.login.files, "files", &mut login, report);
        if let Some(text) = login.text("how", report) {
            about.login.how = Some(text.value);
        }
        login.refuse_unknown(report);
    }
    if let Some(mut trust) = fields.get("trust").and_then(|node| Fields::of(node, "`trust`", report)) {
        let mut known = about.trust.take().unwrap_or_default();
        set(&mut known.files, "files", &mut trust, report);
        set(&mut known.keys, "keys", &mut trust, report);
        trust.refuse_unknown(report);
        about.trust = Some(known);
    }
}

fn set(to: &mut Vec<String>, key: &'static str, fields: &mut Fields<'_>, report: &mut Report) {
    if let Some(texts) = fields.texts(key, report) {
        *to = super::plain(texts);
    }
}
