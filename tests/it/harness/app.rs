//! The program in a terminal, with a person's hands and eyes.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use aotui::terminal::Screen;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Home, until};

/// A running `aotui` and its terminal. Killed when dropped; its sessions go on, as they should.
pub(crate) struct App {
    child: Box<dyn Child + Send + Sync>,
    terminal: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Mutex<Screen>>,
    raw: Arc<Mutex<Vec<u8>>>,
}

/// Starts `aotui args…` in a terminal and returns that terminal.
pub(crate) fn in_terminal(
    home: &Home,
    dir: &Path,
    args: &[&str],
    size: PtySize,
) -> (Box<dyn MasterPty + Send>, Box<dyn Child + Send + Sync>) {
    let pair = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_aotui"));
    command.args(args);
    command.cwd(dir);
    command.env_clear();
    home.env().iter().for_each(|(name, value)| command.env(name, value));
    let child = pair.slave.spawn_command(command).unwrap();
    (pair.master, child)
}

impl App {
    /// Starts `aotui args…` in a terminal of `cols` by `rows` cells.
    pub(crate) fn start(home: &Home, dir: &Path, args: &[&str], (cols, rows): (u16, u16)) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let (master, child) = in_terminal(home, dir, args, size);
        let keys = master.take_writer().unwrap();
        let mut output = master.try_clone_reader().unwrap();
        let screen = Arc::new(Mutex::new(Screen::new(cols, rows)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let (shown, kept) = (Arc::clone(&screen), Arc::clone(&raw));
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().unwrap().process(&bytes[..count]);
                kept.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { child, terminal: master, keys, screen, raw }
    }

    /// Types bytes.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Returns what is on the screen, line by line.
    pub(crate) fn screen(&self) -> String {
        self.screen.lock().unwrap().contents().join("\n")
    }

    /// Returns the cells of the screen with their colours.
    pub(crate) fn cells(&self) -> Buffer {
        let screen = self.screen.lock().unwrap();
        let (cols, rows) = screen.size();
        let mut cells = Buffer::empty(Rect::new(0, 0, cols, rows));
        screen.render(cells.area, &mut cells);
        cells
    }

    /// Waits until the screen shows something.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        until(what, || self.screen(), || Some(self.screen()).filter(|screen| is_so(screen)))
    }

    /// Waits until a text is on the screen.
    pub(crate) fn see(&self, text: &str) -> String {
        self.wait(&format!("`{text}` on the screen"), |screen| screen.contains(text))
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&mut self, cols: u16, rows: u16) {
        self.screen.lock().unwrap().resize(cols, rows);
        self.terminal.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended and returns its exit code.
    pub(crate) fn ended(&mut self) -> u32 {
        let screen = Arc::clone(&self.screen);
        let seen = || screen.lock().unwrap().contents().join("\n");
        until("the program ends", seen, || self.child.try_wait().unwrap().map(|status| status.exit_code()))
    }

    /// Returns every byte it ever wrote to the terminal.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.raw.lock().unwrap().clone()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}
