//! Standby power: what the cards of machines that are off do all the time, which is to listen for a magic packet
//! (AMD, "Magic Packet Technology", publication 20213).

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Error, Result};

use crate::power::Machine;

/// What senders agree on; a card looks at every frame, whatever its port.
pub(crate) const PORT: u16 = 9;

/// Between two looks at whether it is over.
const BREATH: Duration = Duration::from_millis(200);

/// Ends with its last word.
pub struct Standby {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Standby {
    pub(crate) fn listen(socket: UdpSocket, machines: Vec<Arc<Machine>>) -> Result<Standby> {
        socket.set_read_timeout(Some(BREATH)).context("a socket for magic packets")?;
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let thread = thread::spawn(move || {
            let mut frame = [0; 2048];
            while !seen.load(Ordering::SeqCst) {
                match socket.recv(&mut frame) {
                    Ok(length) => wake(&machines, &frame[..length]),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    Err(error) => {
                        let error = error.into();
                        return machines.iter().for_each(|machine| note(machine, &error));
                    }
                }
            }
        });
        Ok(Standby { over, thread: Some(thread) })
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn note(machine: &Machine, error: &Error) {
    machine.note(machine.attempt(), &format!("standby: {error:#}"));
}

fn wake(machines: &[Arc<Machine>], frame: &[u8]) {
    let Some(mac) = magic(frame) else { return };
    let has = |machine: &&Arc<Machine>| machine.hardware().nics.iter().any(|nic| nic.mac == mac);
    for machine in machines.iter().filter(has) {
        if let Err(error) = machine.on() {
            note(machine, &error.context("woken, and did not come"));
        }
    }
}

/// Whose card is called: six bytes of ones, then its address sixteen times, anywhere in the frame.
pub fn magic(frame: &[u8]) -> Option<String> {
    const LENGTH: usize = 6 + 16 * 6;
    let called = frame.windows(LENGTH).find(|window| {
        let (ones, addresses) = window.split_at(6);
        ones == [0xff; 6] && addresses.chunks(6).all(|address| address == &addresses[..6])
    })?;
    let text: Vec<String> = called[6..12].iter().map(|byte| format!("{byte:02x}")).collect();
    Some(text.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0x52, 0x54, 0, 0x77, 0, 3];

    fn packet() -> Vec<u8> {
        [[0xff; 6].to_vec(), MAC.repeat(16)].concat()
    }

    #[test]
    fn a_card_knows_its_name_wherever_it_stands() {
        let called = Some("52:54:00:77:00:03".to_string());
        assert_eq!(magic(&packet()), called);
        let inside = [b"before".to_vec(), packet(), b"secure".to_vec()].concat();
        assert_eq!(magic(&inside), called);
        for end in 0..packet().len() {
            assert_eq!(magic(&packet()[..end]), None);
        }
        let mut other = packet();
        other[50] ^= 1;
        assert_eq!(magic(&other), None);
    }
}
