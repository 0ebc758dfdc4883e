//! A scripted stand-in for the services that models are behind, on the loopback interface.
//!
//! Which step comes next is worked out from the conversation in the request, so an agent that is started again, or takes
//! its conversation up, gets the right answer. Nothing but the counts of faults and of what was charged is kept.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::dialects::{Answer, Dialect};
use super::scripts::{Fault, Script};

/// What was charged for the answers that were not cut off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Charged {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cache_read: u64,
}

/// A running server; ends with this value.
pub(crate) struct Server {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    script: Script,
    /// The worktree agents are to write in, as some of them want whole paths.
    cwd: PathBuf,
    faults: AtomicUsize,
    charged: Mutex<Charged>,
    over: AtomicBool,
    seen: Mutex<Vec<String>>,
}

impl Server {
    pub(crate) fn start(script: Script, cwd: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            script,
            cwd,
            faults: AtomicUsize::new(0),
            charged: Mutex::default(),
            over: AtomicBool::new(false),
            seen: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.over.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&serving);
                // An agent that goes away in the middle is its own business.
                std::thread::spawn(move || shared.serve(&stream).ok());
            }
        });
        Self { port, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn charged(&self) -> Charged {
        *self.shared.charged.lock().unwrap()
    }

    /// One line for each request, for the message of a test that fails.
    pub(crate) fn seen(&self) -> String {
        self.shared.seen.lock().unwrap().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        let _wakes_the_listener = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let (line, body) = read_request(stream)?;
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = path.split('?').next().unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut out = Out { stream };
        let Some(dialect) = Dialect::of(method, path) else {
            self.note(format!("{line} (not a question)"));
            return out.json(
                if method == "HEAD" || path.ends_with("/models") { 200 } else { 404 },
                &[],
                &Dialect::other(path),
            );
        };
        let question = dialect.read(path, &body);
        // Titles, probes and the like come without tools, and must not move the script on.
        if question.tools.is_empty() && !question.edits {
            self.note(format!("{line} (aside)"));
            return dialect.answer(&question, &Answer::aside(), &mut out);
        }
        let step = question.step;
        match self.script.fault.filter(|fault| self.strikes(fault, step)) {
            Some(Fault::Status { status, kind, message, retry_after, .. }) => {
                self.note(format!("{line} step {step}: {status}"));
                let after = retry_after.map(|seconds| ("retry-after", seconds.to_string()));
                let (status, error) = dialect.error(status, kind, message, retry_after);
                return out.json(status, after.as_slice(), &error);
            }
            Some(Fault::Hang) => {
                self.note(format!("{line} step {step}: hangs"));
                while !self.over.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(50));
                }
                return Ok(());
            }
            Some(Fault::Drop { .. }) => {
                self.note(format!("{line} step {step}: cut off"));
                return dialect.cut_off(&question, &mut out);
            }
            None => {}
        }
        let answer = Answer::of(&self.script, &question, &self.cwd);
        self.note(format!("{line} step {step}: {}", answer.text));
        // An agent may be gone as soon as it has read all, and its test may ask at once.
        self.charge(&answer);
        dialect.answer(&question, &answer, &mut out)
    }

    fn charge(&self, answer: &Answer) {
        let mut charged = self.charged.lock().unwrap();
        charged.input += answer.usage.input;
        charged.output += answer.usage.output;
        charged.cache_read += answer.usage.cache_read;
    }

    fn strikes(&self, fault: &Fault, step: usize) -> bool {
        let (at, times) = match fault {
            Fault::Status { at, times, .. } | Fault::Drop { at, times } => (*at, *times),
            Fault::Hang => (None, None),
        };
        at.is_none_or(|at| at == step) && self.faults.fetch_add(1, Ordering::Relaxed) < times.unwrap_or(usize::MAX)
    }

    fn note(&self, line: String) {
        self.seen.lock().unwrap().push(line);
    }
}

fn read_request(stream: &TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        chunked |= header.starts_with("transfer-encoding:") && header.contains("chunked");
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16).unwrap_or(0);
            reader.by_ref().take(size).read_to_end(&mut body)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                break;
            }
        }
    } else {
        reader.take(length).read_to_end(&mut body)?;
    }
    Ok((first.trim().to_owned(), body))
}

/// One response.
pub(crate) struct Out<'s> {
    stream: &'s TcpStream,
}

impl Out<'_> {
    pub(crate) fn json(&mut self, status: u16, headers: &[(&str, String)], body: &Value) -> std::io::Result<()> {
        let body = body.to_string();
        let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        write!(self.stream, "{head}content-length: {}\r\n\r\n{body}", body.len())
    }

    /// Begins a stream of events. It is in chunks, so that one which is cut off can be told from one that ended.
    pub(crate) fn events(&mut self) -> std::io::Result<()> {
        let head = "content-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close";
        write!(self.stream, "HTTP/1.1 200 Scripted\r\n{head}\r\n\r\n")
    }

    /// Sends one event; `name` may be empty.
    pub(crate) fn event(&mut self, name: &str, data: &str) -> std::io::Result<()> {
        let name = if name.is_empty() { String::new() } else { format!("event: {name}\n") };
        let event = format!("{name}data: {data}\n\n");
        write!(self.stream, "{:x}\r\n{event}\r\n", event.len())
    }

    pub(crate) fn done(&mut self) -> std::io::Result<()> {
        write!(self.stream, "0\r\n\r\n")
    }
}
