//! What it costs that a session outlives aotui: its start, a keystroke, a flood of output and memory, each with a holder
//! and beside the same program on a terminal of our own.
//!
//! `cargo bench --bench holder`, or `-- ROUNDS` after it.

mod figures;
mod place;

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use aotui::adapters::runtime::HolderRuntime;
use aotui::domain::ids::SessionId;
use aotui::domain::session::StoppedBy;
use aotui::holder::client::{Client, Hint};
use aotui::holder::recording::{Piece, Recording};
use aotui::slots::runtime::{Launch, Runtime};
use figures::{Figures, millis, rounds};
use place::{AOTUI, Outcome, Place, finish, tickets};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const KEYS: usize = 50;
const FLOOD: usize = 100_000_000;
const IDLE_SESSIONS: u32 = 20;

const PROCESS: &str = "floor: `sh -c :`, start to end";
const ECHO: &str = "floor: a byte through a terminal and `cat`";
const DRAIN: &str = "floor: the same read from a terminal and thrown away";

/// Answers every byte with itself, at once.
const CAT: &str = "stty raw -echo; printf ready; exec cat";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let place = Place::new(&tickets(0), 0, ":")?;
    let mut bench = Bench { runtime: runtime(&place), place, sessions: 0 };
    let (mut starts, mut keys, mut floods) = <(Figures, Figures, Figures)>::default();
    for _ in 0..rounds(20) {
        starts.time(PROCESS, || finish(bench.place.program("sh").args(["-c", ":"])))?;
        let started = Instant::now();
        let session = bench.start(":").await?;
        starts.add("session: until its program runs", millis(started.elapsed()));
        bench.runtime.wait(session).await;
        starts.add("session: until its end is recorded and known", millis(started.elapsed()));
        bench.echo(&mut keys).await?;
    }
    for _ in 0..3 {
        let flood = format!("head -c {FLOOD} /dev/zero");
        let started = Instant::now();
        Terminal::start(&bench.place, &flood)?.drain()?;
        floods.add(DRAIN, millis(started.elapsed()));
        let started = Instant::now();
        let session = bench.start(&flood).await?;
        bench.runtime.wait(session).await;
        floods.add("session, recorded within its limit", millis(started.elapsed()));
    }
    starts.print("start of a session", PROCESS);
    keys.print("key to echo", ECHO);
    floods.print(&format!("{} MB of output", FLOOD / 1_000_000), DRAIN);
    bench.memory().await
}

fn runtime(place: &Place) -> HolderRuntime {
    HolderRuntime::new(place.path("sessions"), vec![OsString::from(AOTUI), OsString::from("hold")])
}

struct Bench {
    place: Place,
    runtime: HolderRuntime,
    sessions: u32,
}

impl Bench {
    async fn start(&mut self, script: &str) -> Outcome<SessionId> {
        self.sessions += 1;
        let session: SessionId = format!("bench~holder~{}", self.sessions).parse()?;
        let launch = Launch {
            session: session.clone(),
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            cwd: self.place.repo(),
            env: vec![("PATH".to_owned(), std::env::var("PATH")?)],
            cols: 80,
            rows: 24,
            separate_stdout: false,
            recording_limit: 64_000_000,
        };
        self.runtime.start(launch).await.map_err(|error| error.message)?;
        Ok(session)
    }

    /// Types into a program on a terminal of our own and into one in a session, in turn.
    async fn echo(&mut self, keys: &mut Figures) -> Outcome<()> {
        let mut direct = Terminal::start(&self.place, CAT)?;
        direct.read_to("ready")?;
        let session = self.start(CAT).await?;
        let dir = self.runtime.session_dir(&session);
        let mut held = Client::connect(&dir).await?;
        let recording = Recording::open(&dir)?;
        let (mut at, mut buffer) = (0, [0; 64]);
        while at < 5 {
            at = recording.total()?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..KEYS {
            keys.time(ECHO, || direct.echo())?;
            let started = Instant::now();
            held.sender.input(b"k").await?;
            while !matches!(held.hints.next().await?, Some(Hint::Grew(total)) if total > at) {}
            let Piece::Bytes(1) = recording.read_at(&mut buffer, at)? else { return Err("no echo".into()) };
            keys.add("session: through the holder's socket and back", millis(started.elapsed()));
            at += 1;
        }
        self.runtime.stop(session, StoppedBy::Person, Duration::ZERO).await.map_err(|error| error.message)?;
        Ok(())
    }

    /// Prints what idle sessions take.
    async fn memory(&mut self) -> Outcome<()> {
        let mut sessions = Vec::new();
        for _ in 0..IDLE_SESSIONS {
            sessions.push(self.start("read line").await?);
        }
        let (mut holders, mut programs) = (Memory::default(), Memory::default());
        for session in &sessions {
            let record = self.runtime.session_dir(session).holder()?.ok_or("no holder")?;
            holders.add(record.holder.pid)?;
            programs.add(record.child.ok_or("no program")?.pid)?;
        }
        println!("\nmemory of one of {IDLE_SESSIONS} sessions that wait, KiB");
        programs.print("floor: its program, `sh`");
        holders.print("its holder");
        for session in sessions {
            self.runtime.stop(session, StoppedBy::Person, Duration::ZERO).await.map_err(|error| error.message)?;
        }
        Ok(())
    }
}

/// Memory of several processes, in KiB.
#[derive(Default)]
struct Memory {
    processes: u64,
    rss: u64,
    pss: u64,
}

impl Memory {
    fn add(&mut self, pid: u32) -> Outcome<()> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_ascii_whitespace().next()?.parse::<u64>().ok()
        };
        self.processes += 1;
        self.rss += value("Rss:").ok_or("no Rss")?;
        self.pss += value("Pss:").ok_or("no Pss")?;
        Ok(())
    }

    fn print(&self, name: &str) {
        let (rss, pss) = (self.rss / self.processes, self.pss / self.processes);
        println!("  {name:<52} {pss:>9} its own share, {rss:>9} with what is shared");
    }
}

/// A program on a terminal of our own.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    output: Box<dyn Read + Send>,
}

impl Terminal {
    fn start(place: &Place, script: &str) -> Outcome<Self> {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size)?;
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", script]);
        command.cwd(place.repo());
        let child = pair.slave.spawn_command(command)?;
        drop(pair.slave);
        let (keys, output) = (pair.master.take_writer()?, pair.master.try_clone_reader()?);
        Ok(Self { child, _master: pair.master, keys, output })
    }

    fn read_to(&mut self, text: &str) -> Outcome<()> {
        let mut seen = Vec::new();
        let mut byte = [0];
        while !seen.ends_with(text.as_bytes()) {
            self.output.read_exact(&mut byte)?;
            seen.push(byte[0]);
        }
        Ok(())
    }

    fn echo(&mut self) -> Outcome<()> {
        self.keys.write_all(b"k")?;
        self.keys.flush()?;
        Ok(self.output.read_exact(&mut [0])?)
    }

    fn drain(&mut self) -> Outcome<()> {
        let mut buffer = vec![0; 16 * 1024];
        while matches!(self.output.read(&mut buffer), Ok(1..)) {}
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}
