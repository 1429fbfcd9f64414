//! Why a session failed, and which of all drivers' faults that is. Pure.

use api::bmc::Fault;

use super::message::completion_text;
use super::rakp::{is_about_room, status_text};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing came back, not even to a ping.
    Nothing,
    /// Its host says that nothing listens on that port, or that there is no such host.
    NoPort,
    /// It answers, and not to this.
    Silent(&'static str),
    /// Its own proof in RAKP 2 is not made from our password. `cut`: ours is longer than old BMCs keep.
    Password { cut: bool },
    /// The proofs match and the session keys do not, so its key Kg is not what we think. `given`: we have one.
    Key { given: bool },
    /// A status of table 13-15, and what it answers to.
    Status(u8, &'static str),
    /// It opens sessions with none of our suites: what it offered instead, if it said so.
    Suites(Option<[u8; 3]>),
    /// The privilege of a session could not be raised: a completion code.
    Privilege(u8),
}

impl Failure {
    pub fn fault(&self) -> Fault {
        match self {
            Self::Nothing => Fault::Silent("it answers neither IPMI nor an RMCP ping".into()),
            Self::NoPort => Fault::Unreachable(
                "nothing listens on its IPMI port: is IPMI over LAN switched on, and is this the BMC's address?".into(),
            ),
            Self::Silent(what) => Fault::Hung(format!("it was heard, and does not answer {what}")),
            Self::Password { cut } => Fault::Refused(password_text(*cut)),
            Self::Key { given: true } => {
                Fault::Refused("the BMC key (Kg) that is set for it is not the one it has".into())
            }
            Self::Key { given: false } => {
                Fault::Refused("it has a BMC key (Kg), and none is set for it here".into())
            }
            Self::Status(status, what) => {
                let text = format!("{what}: {} (status {status:#04x})", status_text(*status));
                if is_about_room(*status) { Fault::NoSessions(text) } else { Fault::Refused(text) }
            }
            Self::Suites(None) => {
                Fault::Unsupported("it does neither cipher suite 17 nor 3; enable one of them".into())
            }
            Self::Suites(Some([auth, integrity, cipher])) => Fault::Unsupported(format!(
                "it does neither cipher suite 17 nor 3, and offers the algorithms {auth}/{integrity}/{cipher}"
            )),
            Self::Privilege(code) if is_busy(*code) => refusal("Set Session Privilege Level", *code),
            Self::Privilege(code) => Fault::Refused(format!(
                "the user may not even be an operator in a session: {} ({code:#04x})",
                completion_text(*code)
            )),
        }
    }
}

fn password_text(cut: bool) -> String {
    let mut text = String::from("the password is wrong: what it proved is made from another one");
    if cut {
        text += "; ours has more than 16 bytes, and some BMCs keep only the first 16";
    }
    text
}

/// Of completion codes that ask for patience.
pub fn is_busy(code: u8) -> bool {
    matches!(code, 0xc0 | 0xc3 | 0xc4 | 0xc5 | 0xce | 0xcf | 0xd0..=0xd3)
}

/// A completion code of a command as a fault. Codes from 0x80 on are the command's own, so it gives their text.
pub fn refusal(what: &str, code: u8) -> Fault {
    let text = format!("{what}: {} ({code:#04x})", completion_text(code));
    match code {
        code if is_busy(code) => Fault::Busy(text),
        0xc1 | 0xc2 | 0xcd | 0xd6 => Fault::Unsupported(text),
        0xd4 => Fault::Refused(text),
        0xd5 => Fault::NotObeyed(text),
        // Of a request that the specification allows: this BMC does not do that part of it.
        0xc7..=0xcc => Fault::Unsupported(text),
        _ => Fault::NotObeyed(text),
    }
}

/// An answer that is shorter than its command's answer can be.
pub fn short(what: &str) -> Fault {
    Fault::Garbled(format!("{what}: the answer is shorter than the specification allows"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_say_what_to_do_and_whose_fault_it_is() {
        let cut = Failure::Password { cut: true }.fault().to_string();
        assert!(cut.starts_with("refused: ") && cut.contains("first 16"), "{cut}");
        let full = Failure::Status(0x01, "opening a session").fault();
        assert_eq!(
            full.to_string(),
            "no session left: opening a session: it has no room for another session (status 0x01)"
        );
        assert!(matches!(Failure::Status(0x0b, "RAKP 1").fault(), Fault::NoSessions(_)));
        assert!(matches!(Failure::Status(0x0d, "RAKP 1").fault(), Fault::Refused(_)));
        assert!(matches!(Failure::Nothing.fault(), Fault::Silent(_)));
        assert!(matches!(Failure::NoPort.fault(), Fault::Unreachable(_)));
        assert!(matches!(Failure::Silent("Get Device ID").fault(), Fault::Hung(_)));
        assert!(matches!(Failure::Privilege(0xc0).fault(), Fault::Busy(_)));
        assert!(matches!(Failure::Privilege(0x81).fault(), Fault::Refused(_)));
        assert!(matches!(refusal("reading", 0xd2), Fault::Busy(_)));
        assert!(matches!(refusal("identify", 0xc1), Fault::Unsupported(_)));
        assert!(matches!(refusal("shutting down", 0xd5), Fault::NotObeyed(_)));
    }
}
