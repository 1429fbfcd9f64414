//! A program at a terminal of its own, and the person who types and reads there.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

/// How long a person looks at a screen on which nothing changes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks of somebody who waits.
const PAUSE: Duration = Duration::from_secs(2);

pub struct Terminal {
    child: Child,
    person: File,
    screen: String,
}

impl Terminal {
    pub fn of(mut command: Command) -> Result<Terminal> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let person = openpt(flags).context("no pseudo-terminal")?;
        grantpt(&person)?;
        unlockpt(&person)?;
        let program = ioctl_tiocgptpeer(&person, flags)?;
        command.stdin(program.try_clone()?).stdout(program.try_clone()?).stderr(program);
        let child = command.spawn()?;
        // The program's side is open in the command, too: only then does the screen end with the program.
        drop(command);
        Ok(Terminal { child, person: person.into(), screen: String::new() })
    }

    pub fn types(&mut self, keys: &str) -> Result<()> {
        Ok(self.person.write_all(keys.as_bytes())?)
    }

    /// Types these keys again and again, as a person does at a dark screen, until these words are on it, after all that was
    /// read before.
    pub fn wakes(&mut self, keys: &str, words: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        let mut next = Instant::now();
        loop {
            if let Some(at) = self.screen.find(words) {
                self.screen.drain(..at + words.len());
                return Ok(());
            }
            let now = Instant::now();
            ensure!(now < end, "`{words}` is not on the screen: {}", self.screen);
            if now >= next {
                self.types(keys)?;
                next = now + PAUSE;
            }
            let more = self.looks(next)?;
            ensure!(more, "the program ended, and `{words}` is not on its screen: {}", self.screen);
        }
    }

    /// How the program ended, and what it showed last.
    pub fn ended(mut self) -> Result<(ExitStatus, String)> {
        let end = Instant::now() + PATIENCE;
        while self.looks(end)? {
            ensure!(Instant::now() < end, "it does not end; on its screen: {}", self.screen);
        }
        Ok((self.child.wait()?, std::mem::take(&mut self.screen)))
    }

    /// Reads what has come by then. False where nothing comes any more.
    fn looks(&mut self, end: Instant) -> Result<bool> {
        let left = Timespec::try_from(end.saturating_duration_since(Instant::now()))?;
        if poll(&mut [PollFd::new(&self.person, PollFlags::IN)], Some(&left))? == 0 {
            return Ok(true);
        }
        let mut buffer = [0; 4096];
        match self.person.read(&mut buffer) {
            // EIO: nobody has the other side open any more.
            Ok(0) => Ok(false),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error.into()),
            Ok(length) => {
                self.screen += &String::from_utf8_lossy(&buffer[..length]);
                Ok(true)
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
