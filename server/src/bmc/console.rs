//! A machine's serial console, whichever driver has it: bytes out, bytes and breaks in, until somebody has enough of it.

pub mod desk;
pub mod hidden;

use api::bmc::Fault;
use bytes::Bytes;
use tokio::sync::mpsc;

/// Dropped, it ends the console and its session.
#[derive(Debug)]
pub struct Console {
    /// What the machine says; an error is the last thing to come.
    pub output: mpsc::Receiver<Result<Bytes, Fault>>,
    pub input: mpsc::Sender<Input>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Bytes(Bytes),
    Break,
}
