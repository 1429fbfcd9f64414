//! Starts the lab's child processes so that none outlives it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};

use rustix::io::Errno;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

type Order = (Command, Sender<io::Result<Child>>);

/// The kernel sends the death signal when the *thread* that forked ends, not the process: a test's or a pool's thread
/// would take its machines with it. So one thread, which never ends, starts them all.
static SPAWNER: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
    let (orders, inbox) = channel::<Order>();
    std::thread::spawn(move || {
        for (mut command, answer) in inbox {
            let _ = answer.send(command.spawn());
        }
    });
    Mutex::new(orders)
});

pub fn spawn(mut command: Command) -> io::Result<Child> {
    let lab = std::process::id().cast_signed();
    let die_with_the_lab = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The lab may have died before the line above could take effect.
        match getppid() {
            Some(parent) if parent.as_raw_pid() == lab => Ok(()),
            _ => Err(Errno::SRCH.into()),
        }
    };
    // SAFETY: between fork and exec this makes two system calls and does not allocate.
    unsafe { command.pre_exec(die_with_the_lab) };
    let (answer, outcome) = channel();
    let gone = || io::Error::other("the thread that starts children is gone");
    let orders = SPAWNER.lock().unwrap_or_else(PoisonError::into_inner);
    orders.send((command, answer)).map_err(|_| gone())?;
    outcome.recv().map_err(|_| gone())?
}
