//! This process's own terminal: raw while a console has it, and what is typed at it.

use std::fs::File;
use std::io::{self, Read};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

/// Each key as it is typed, nothing echoed, no signals; as it was before when this is dropped.
pub struct Raw(Termios);

impl Raw {
    pub fn begin() -> io::Result<Raw> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        Ok(Raw(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing any more.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.0);
    }
}

/// What is typed, until nobody wants it or it has ended. Read by a thread of its own, since a terminal's read waits for a
/// key whatever else happens; it ends with the process.
pub fn typed() -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let mut keys = File::from(rustix::io::dup(io::stdin())?);
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(length @ 1..) = keys.read(&mut buffer) {
            if sender.blocking_send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
