//! Finds the program of a session before it is started, so that what is missing is named.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::slots::runtime::Launch;

/// Returns the absolute path of the program that `launch` starts, or says what is missing.
pub(super) fn find(launch: &Launch) -> Result<PathBuf, String> {
    let cwd = &launch.cwd;
    if !cwd.is_absolute() {
        return Err(format!("the working directory `{}` is not an absolute path", cwd.display()));
    }
    if !cwd.is_dir() {
        return Err(format!("the working directory `{}` does not exist or is not a directory", cwd.display()));
    }
    let name = launch.argv.first().filter(|name| !name.is_empty()).ok_or("no program is given to start")?;
    let program = if name.contains('/') { cwd.join(name) } else { search(name, launch)? };
    check(&program)?;
    Ok(program)
}

fn search(name: &str, launch: &Launch) -> Result<PathBuf, String> {
    let path = launch.env.iter().rev().find(|(key, _)| key == "PATH").map(|(_, value)| value.as_str());
    let path = path.ok_or_else(|| format!("the program `{name}` cannot be looked up: the session has no PATH"))?;
    std::env::split_paths(path)
        .map(|folder| launch.cwd.join(folder).join(name))
        .find(|candidate| candidate.is_file() && access(candidate, Access::EXEC_OK).is_ok())
        .ok_or_else(|| format!("the program `{name}` was not found in PATH ({path})"))
}

fn check(program: &Path) -> Result<(), String> {
    let shown = program.display();
    let Ok(metadata) = fs::metadata(program) else {
        return Err(format!("the program `{shown}` does not exist"));
    };
    if !metadata.is_file() {
        return Err(format!("`{shown}` is not a program but a directory or a special file"));
    }
    if access(program, Access::EXEC_OK).is_err() {
        return Err(format!("the program `{shown}` is not executable (try chmod +x)"));
    }
    match interpreter(program) {
        Some(interpreter) if !interpreter.exists() => {
            Err(format!("`{shown}` needs the interpreter `{}`, which does not exist", interpreter.display()))
        }
        _ => Ok(()),
    }
}

/// Returns the interpreter named in the first line of a script; `None` if it is no script or cannot be read.
fn interpreter(program: &Path) -> Option<PathBuf> {
    let mut head = Vec::new();
    File::open(program).ok()?.take(256).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?.trim_ascii();
    let name = line.split(u8::is_ascii_whitespace).next().filter(|name| name.starts_with(b"/"))?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(name)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn launch(argv: &[&str], cwd: &Path) -> Launch {
        Launch {
            session: "p~t~1".parse().unwrap(),
            argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
            cwd: cwd.to_owned(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            cols: 80,
            rows: 24,
            separate_stdout: false,
            recording_limit: 64 << 20,
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let temp = tempfile::tempdir().unwrap();
        let here = temp.path();
        fs::write(here.join("plain"), "x").unwrap();
        fs::write(here.join("script"), "#!/no/such/shell -e\n").unwrap();
        fs::set_permissions(here.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
        let problem = |argv: &[&str], cwd: &Path| find(&launch(argv, cwd)).unwrap_err();
        assert!(problem(&["sh"], &here.join("gone")).contains("gone` does not exist"));
        assert!(problem(&["sh"], Path::new("relative")).contains("not an absolute path"));
        assert!(problem(&[], here).contains("no program"));
        assert!(problem(&["no-such-program"], here).contains("`no-such-program` was not found in PATH"));
        assert!(problem(&["./gone"], here).contains("does not exist"));
        assert!(problem(&["./plain"], here).contains("not executable"));
        assert!(problem(&["./script"], here).contains("interpreter `/no/such/shell`"));
        assert!(problem(&["/"], here).contains("directory"));
        assert!(find(&launch(&["sh"], here)).unwrap().is_absolute());
    }
}
