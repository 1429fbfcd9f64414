//! The hardware's watchdog while the agent runs in RAM: a kernel or an agent that hangs is reset, for nobody is there to
//! press the button. An installed system's init does the same for itself.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::time::Duration;

use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

use crate::log::Log;

/// Long enough for a disk that hangs for half a minute, which disks do.
const SECONDS: i32 = 60;

const STROKE: Duration = Duration::from_secs(5);

/// Strokes for ever. On the same thread as the conversation with the server, so that it proves that this one lives.
pub async fn stroke(log: Log) {
    let Ok(mut device) = OpenOptions::new().write(true).open("/dev/watchdog") else {
        log.say("no hardware watchdog here");
        return;
    };
    let seconds = set_timeout(&device);
    log.say(format!("the hardware watchdog resets this machine after {seconds} s without the agent"));
    loop {
        if let Err(error) = device.write_all(b".") {
            log.say(format!("cannot stroke the watchdog: {error}"));
        }
        tokio::time::sleep(STROKE).await;
    }
}

/// Devices begin with anything from 10 s on, and take the nearest that they can.
fn set_timeout(device: &File) -> i32 {
    const SET_TIMEOUT: Opcode = opcode::read_write::<i32>(b'W', 6);
    let mut seconds = SECONDS;
    // SAFETY: WDIOC_SETTIMEOUT reads one int and writes back the one that now counts.
    let answer = unsafe { ioctl(device, Updater::<SET_TIMEOUT, i32>::new(&mut seconds)) };
    if answer.is_ok() { seconds } else { SECONDS }
}
