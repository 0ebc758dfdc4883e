//! Asks the person at the terminal a yes or no.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};

use super::exit::Failure;

/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1024;

/// Asks and waits for an answer; everything but a yes is a no. `instead` says what to do where nobody can be asked.
pub fn confirm(question: &str, instead: &str) -> Result<bool, Failure> {
    let nobody = || Failure::usage("there is no terminal to ask in, so nothing was done").hint(instead);
    if !io::stdout().is_terminal() {
        return Err(nobody());
    }
    // What is piped in may be the list itself.
    let reader: Box<dyn Read> = if io::stdin().is_terminal() {
        Box::new(io::stdin())
    } else {
        Box::new(File::open("/dev/tty").map_err(|_| nobody())?)
    };
    let failed = |error: io::Error| Failure::error(format!("cannot ask: {error}"));
    let mut stdout = io::stdout().lock();
    write!(stdout, "{question} [y/N] ").and_then(|()| stdout.flush()).map_err(failed)?;
    let mut answer = Vec::new();
    BufReader::new(reader.take(MAX_ANSWER)).read_until(b'\n', &mut answer).map_err(failed)?;
    let answer = String::from_utf8_lossy(&answer).trim().to_lowercase();
    Ok(matches!(answer.as_str(), "y" | "yes"))
}
