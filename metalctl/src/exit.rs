//! How a call ends: the exit codes, and a failure as it is told to a person.

use std::io;
use std::process::ExitCode;

use api::client::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// The server said no, or something failed here.
    Refused = 1,
    Usage = 2,
    Unreachable = 3,
    /// Nothing of that name, or more than one.
    NotFound = 4,
    /// A wait ended, in `failed`.
    EndedFailed = 5,
    TimedOut = 6,
    /// Something is wrong with the cluster.
    Unhealthy = 7,
    /// What was compared is not the same.
    Differs = 8,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    pub hint: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), hint: Some(hint.into()) }
    }
}

const LATE: &str = "the server took it and may be at it still: look what became of it before you ask again";

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let (exit, hint) = match &error {
            Error::Refused { status: 404, hint, .. } => {
                (Exit::NotFound, hint.clone().or(Some("`metalctl machine list` shows what there is".into())))
            }
            Error::Refused { status: 300, hint, .. } => (Exit::NotFound, hint.clone()),
            Error::Refused { status: 401, hint, .. } => {
                (Exit::Refused, hint.clone().or(Some("name the right token with --token-file".into())))
            }
            Error::Refused { hint, .. } => (Exit::Refused, hint.clone()),
            Error::Unreachable { late: true, .. } => (Exit::Unreachable, Some(LATE.into())),
            Error::Unreachable { cause, .. } => (Exit::Unreachable, Some(reach_hint(cause).into())),
            Error::Garbled { .. } => {
                (Exit::Refused, Some("is that address a metald of this version?".into()))
            }
            Error::Credentials(_) => {
                (Exit::Usage, Some("--ca takes the server's own CA certificate, as PEM".into()))
            }
        };
        Failure { exit, message: error.to_string(), hint }
    }
}

fn reach_hint(cause: &str) -> &'static str {
    if cause.contains("certificate") {
        "the server's certificate is not from this CA: fetch its ca.pem again and name it with --ca"
    } else {
        "is metald running there? --server or METALCTL_SERVER names another address"
    }
}

impl From<io::Error> for Failure {
    /// A reader that has seen enough (`metalctl … | head`) is no failure.
    fn from(error: io::Error) -> Failure {
        let exit = if error.kind() == io::ErrorKind::BrokenPipe { Exit::Done } else { Exit::Refused };
        Failure { exit, message: error.to_string(), hint: None }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Failure {
        Failure { exit: Exit::Refused, message: error.to_string(), hint: None }
    }
}
