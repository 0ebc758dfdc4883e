//! Where a planning agent works: a private directory with its prompt, the skills, and room for its drafts.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::cli::{Failure, output};
use crate::config::library::Library;
use crate::store::Layout;

/// A planning agent's directory.
pub(super) struct Desk {
    root: PathBuf,
}

impl Desk {
    /// Makes one.
    pub(super) fn new(layout: &Layout) -> Result<Self, Failure> {
        let name = format!("{}-{}", jiff::Zoned::now().strftime("%Y-%m-%dT%H-%M-%S"), std::process::id());
        let desk = Self { root: layout.planning().join(name) };
        make(&desk.drafts_dir()).map_err(|error| cannot("make", &desk.root, &error))?;
        Ok(desk)
    }

    /// Returns the last one that still has drafts.
    pub(super) fn last(layout: &Layout) -> Result<Self, Failure> {
        let dirs = fs::read_dir(layout.planning()).into_iter().flatten().flatten();
        let mut desks: Vec<PathBuf> = dirs.map(|dir| dir.path()).filter(|path| path.is_dir()).collect();
        desks.sort();
        let desks = desks.into_iter().rev().map(|root| Self { root });
        desks
            .into_iter()
            .find(|desk| !desk.drafts().is_empty())
            .ok_or_else(|| Failure::usage("there are no drafts to go on with").hint("`aotui plan` begins anew"))
    }

    /// Writes the prompt and the skills.
    pub(super) fn furnish(&self, prompt: &str) -> Result<(), Failure> {
        let write = |path: PathBuf, text: &str| {
            let made = path.parent().map_or(Ok(()), make);
            made.and_then(|()| fs::write(&path, text)).map_err(|error| cannot("write", &path, &error))
        };
        write(self.prompt_file(), prompt)?;
        Library::skills().iter().try_for_each(|(name, text)| write(self.skills_dir().join(name), text))
    }

    /// Returns where everything is.
    pub(super) fn place(&self) -> &Path {
        &self.root
    }

    pub(super) fn drafts_dir(&self) -> PathBuf {
        self.root.join("drafts")
    }

    pub(super) fn skills_dir(&self) -> PathBuf {
        self.root.join("skills")
    }

    pub(super) fn prompt_file(&self) -> PathBuf {
        self.root.join("prompt.md")
    }

    /// Lists the drafts that are there.
    pub(super) fn drafts(&self) -> Vec<PathBuf> {
        drafts_in(&self.drafts_dir())
    }

    /// Removes what aotui put there and the drafts that were taken in; what else the agent left stays, and is said.
    pub(super) fn clear(&self, taken: &[PathBuf]) {
        let _stays = fs::remove_dir_all(self.skills_dir());
        for file in taken.iter().chain([&self.prompt_file()]) {
            let _stays = fs::remove_file(file);
        }
        let _stays = fs::remove_dir(self.drafts_dir());
        if fs::remove_dir(&self.root).is_err() {
            output::note(&format!("what else was left in {} stays there", self.root.display()));
        }
    }
}

/// Lists the files in a directory that are drafts, in order. Links and pipes are none.
pub(super) fn drafts_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let is_draft = |path: &PathBuf| {
        let json = path.extension().is_some_and(|extension| extension == "json");
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        json && !hidden && path.symlink_metadata().is_ok_and(|meta| meta.is_file())
    };
    let mut drafts: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_draft).collect();
    drafts.sort();
    drafts
}

fn make(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::error(format!("cannot {what} {}: {error}", path.display()))
}
