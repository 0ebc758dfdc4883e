//! How fast the screen is with many tickets: first frame, key to frame, and what it costs to do nothing.
//!
//! `cargo bench --bench screen`, or `-- ROUNDS` after it.

mod figures;
mod place;

use std::fs;
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use aotui::terminal::Screen;
use figures::{Figures, millis, rounds};
use place::{AOTUI, Outcome, Place, finish, tickets};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const TICKETS: usize = 1000;
const KEYS: usize = 20;
const IDLE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(20);

const PROCESS: &str = "floor: git --version, first byte";
const ECHO: &str = "floor: a byte through a terminal and `cat`";

fn main() -> Outcome<()> {
    let place = Place::new(&tickets(TICKETS), 1, ":")?;
    finish(place.program(AOTUI).args(["pause-plan", "repo"]))?;
    let (mut first, mut keys) = <(Figures, Figures)>::default();
    let mut idle = None;
    for _ in 0..rounds(10) {
        first_frame(&mut first, PROCESS, &place, &["git", "--version"], |line| line.contains("version"))?;
        first_frame(&mut first, "aotui --version, first byte", &place, &[AOTUI, "--version"], |line| {
            line.contains("aotui")
        })?;
        let mut echo = Terminal::start(&place, &["sh", "-c", "stty raw -echo; printf ready; exec cat"])?;
        echo.until(|line| line.contains("ready"))?;
        for key in ["a", "b"].into_iter().cycle().take(KEYS) {
            keys.time(ECHO, || echo.press(key).and_then(|()| echo.changed(|line| line.contains("ready"))))?;
        }
        let name = "aotui, first frame that shows a ticket";
        let mut screen = first_frame(&mut first, name, &place, &[AOTUI], is_selected)?;
        for _ in 0..KEYS {
            keys.time("aotui, `j` until the next ticket is selected", || {
                screen.press("j").and_then(|()| screen.changed(is_selected))
            })?;
        }
        if idle.is_none() {
            let used = screen.cpu_millis()?;
            std::thread::sleep(IDLE);
            idle = Some(screen.cpu_millis()? - used);
        }
        screen.press("q")?;
        screen.child.wait()?;
    }
    first.print(&format!("a screen of 120x36 on {TICKETS} tickets: start"), PROCESS);
    keys.print("key to frame", ECHO);
    let idle = idle.unwrap_or(f64::NAN);
    println!("\nCPU time of {} s in which nothing happens: {idle} ms, counted in ticks of 10 ms", IDLE.as_secs());
    Ok(())
}

/// Starts a program and adds the time until a line is on its screen.
fn first_frame(
    figures: &mut Figures,
    name: &'static str,
    place: &Place,
    argv: &[&str],
    is_it: impl Fn(&str) -> bool,
) -> Outcome<Terminal> {
    let started = Instant::now();
    let mut terminal = Terminal::start(place, argv)?;
    terminal.until(is_it)?;
    figures.add(name, millis(started.elapsed()));
    Ok(terminal)
}

fn is_selected(line: &str) -> bool {
    line.contains('▸') && line.contains("T-")
}

/// A program in a terminal.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    _terminal: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: Screen,
}

impl Terminal {
    fn start(place: &Place, argv: &[&str]) -> Outcome<Self> {
        let pair = native_pty_system().openpty(PtySize { rows: 36, cols: 120, pixel_width: 0, pixel_height: 0 })?;
        let mut command = CommandBuilder::from_argv(argv.iter().map(Into::into).collect());
        command.cwd(place.repo());
        command.env_clear();
        place.env().iter().for_each(|(name, value)| command.env(name, value));
        let child = pair.slave.spawn_command(command)?;
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader()?;
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 64 * 1024];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let keys = pair.master.take_writer()?;
        Ok(Self { child, _terminal: pair.master, keys, output, screen: Screen::new(120, 36) })
    }

    fn press(&mut self, keys: &str) -> Outcome<()> {
        self.keys.write_all(keys.as_bytes())?;
        Ok(self.keys.flush()?)
    }

    /// Waits until a line is on the screen.
    fn until(&mut self, is_it: impl Fn(&str) -> bool) -> Outcome<()> {
        self.read_until(|screen| screen.iter().any(|line| is_it(line)))
    }

    /// Waits until a line is not what it was.
    fn changed(&mut self, is_it: impl Fn(&str) -> bool) -> Outcome<()> {
        let found = |screen: &[String]| screen.iter().find(|line| is_it(line)).cloned();
        let before = found(&self.screen.contents());
        self.read_until(|screen| found(screen).is_some_and(|line| Some(line) != before))
    }

    fn read_until(&mut self, is_so: impl Fn(&[String]) -> bool) -> Outcome<()> {
        while !is_so(&self.screen.contents()) {
            self.screen.process(&self.output.recv_timeout(PATIENCE)?);
            // Terminals answer what programs ask them; a program may wait for that.
            let answers = self.screen.take_answers();
            self.keys.write_all(&answers)?;
        }
        Ok(())
    }

    /// Returns the CPU time the program has used, in milliseconds.
    fn cpu_millis(&self) -> Outcome<f64> {
        let pid = self.child.process_id().ok_or("the program has ended")?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let ticks: Result<Vec<f64>, _> = fields.map(str::parse).collect();
        Ok(ticks?.iter().sum::<f64>() * 10.0)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}
