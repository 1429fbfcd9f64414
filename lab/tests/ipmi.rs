//! The rack's IPMI BMC by clients that others wrote: `ipmitool`, FreeIPMI and pyghmi. Its board is in memory.

#[path = "ipmi/board.rs"]
mod board;
#[path = "ipmi/freeipmi.rs"]
mod freeipmi;
#[path = "ipmi/ipmitool.rs"]
mod ipmitool;
#[path = "ipmi/pyghmi.rs"]
mod pyghmi;

use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use lab::bmc::User;
use lab::bmc::fault::Faults;
use lab::bmc::ipmi::{Handle, Settings, serve};

use self::board::Memory;

pub const USER: &str = "ADMIN";
pub const PASSWORD: &str = "a-password-of-18-b";

/// A BMC on a port of its own.
pub struct Bench {
    pub board: Arc<Memory>,
    pub faults: Faults,
    /// Serial ports that the BMC opened.
    pub lines: Receiver<UnixStream>,
    pub handle: Handle,
}

impl Bench {
    pub fn new(settings: Settings) -> Bench {
        Bench::at(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), settings)
    }

    pub fn at(socket: UdpSocket, settings: Settings) -> Bench {
        let (board, lines) = Memory::new();
        let users = vec![
            User { name: USER.into(), password: PASSWORD.into() },
            User { name: "watcher".into(), password: "another-password".into() },
        ];
        let faults = Faults::default();
        let handle = serve(socket, board.clone(), faults.clone(), users, settings).unwrap();
        Bench { board, faults, lines, handle }
    }

    pub fn port(&self) -> String {
        self.handle.address.port().to_string()
    }
}

/// What a client printed, once it is content.
pub fn content(mut command: Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", both(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn both(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
pub fn says(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "no {line:?} in:\n{text}");
    }
}
