//! What a decision is made from, and what it may come to: all that the core sees of the board and does to it.

use std::net::IpAddr;
use std::time::Duration;

use crate::bmc::board::{Action, Boot, Light};
use crate::bmc::picture::Picture;

/// The board and the world, as they are at one request.
#[derive(Debug, Clone)]
pub struct View {
    pub board: Picture,
    /// Under which the BMC is reached.
    pub address: Option<IpAddr>,
    pub port: u16,
    pub manner: Manner,
}

/// Faults that change what is done with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    pub lying: bool,
    pub forgetful: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since some moment that never changes.
    pub tick: Duration,
    /// Seconds since 1970.
    pub clock: u64,
}

/// What the board has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Act(Action),
    SetBoot(Boot),
    SetLight(Light),
    ClearLog,
    OpenConsole,
}
