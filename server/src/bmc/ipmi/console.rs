//! Serial-over-LAN of one BMC as a console, in a session of its own.

use std::time::Duration;

use api::bmc::Fault;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::activation::{Activated, activate, activated, deactivate};
use super::chassis::get_device_id;
use super::session::Event;
use super::sol::{Heard, Sol, TYPED};
use super::wire::{Connection, until};
use crate::bmc::console::{Console, Input};

/// Chunks of output that wait for their reader. A reader that does not read makes the BMC wait, and nobody else.
const WAITING: usize = 64;
/// A session without any message ends after 60 s (6.12.15), and console packets are no messages.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
/// Packets and answers of a slow BMC between "end it" and "it is ended".
const FAREWELL: Duration = Duration::from_secs(3);

/// `take`: whoever else has the console loses it.
pub async fn open(mut connection: Connection, take: bool) -> Result<Console, Fault> {
    let mut answer = activated(&connection.ask(activate(), "Activate Payload").await?, connection.port());
    if answer == Activated::Taken && take {
        connection.ask(deactivate(), "Deactivate Payload").await?;
        answer = activated(&connection.ask(activate(), "Activate Payload").await?, connection.port());
    }
    let longest = match answer {
        Activated::Yes { longest } => longest,
        Activated::Taken => {
            connection.close().await;
            return Err(Fault::Busy("somebody else has its console".into()));
        }
        Activated::No(fault) => {
            connection.close().await;
            return Err(fault);
        }
    };
    let (to_reader, output) = mpsc::channel(WAITING);
    let (input, typed) = mpsc::channel(WAITING);
    let line = Line { connection, sol: Sol::new(longest), to_reader, typed, overflow: Bytes::new() };
    tokio::spawn(line.run());
    Ok(Console { output, input })
}

struct Line {
    connection: Connection,
    sol: Sol,
    to_reader: mpsc::Sender<Result<Bytes, Fault>>,
    typed: mpsc::Receiver<Input>,
    /// Typed beyond what the BMC has taken yet: before it is gone, nothing more is read.
    overflow: Bytes,
}

impl Line {
    async fn run(mut self) {
        let end = self.carry().await;
        let ended_by_bmc = end.is_err();
        if let Err(fault) = end {
            // A reader that is behind learns it by the end of the channel.
            let _ = self.to_reader.try_send(Err(fault));
        }
        if !ended_by_bmc {
            let farewell = async {
                let _ = self.connection.ask(deactivate(), "Deactivate Payload").await;
            };
            let _ = tokio::time::timeout(FAREWELL, farewell).await;
        }
        let _ = tokio::time::timeout(FAREWELL, self.connection.close()).await;
    }

    /// Until one end has enough: ours is Ok.
    async fn carry(&mut self) -> Result<(), Fault> {
        let mut alive = Instant::now() + SIGN_OF_LIFE;
        loop {
            self.send().await;
            let due = self.sol.deadline().map(|due| self.connection.instant(due));
            tokio::select! {
                event = self.connection.event() => self.take(event)?,
                typed = self.typed.recv(), if self.overflow.is_empty() => match typed {
                    Some(Input::Bytes(bytes)) => self.overflow = bytes,
                    Some(Input::Break) => self.sol.type_break(self.connection.now()),
                    None => return Ok(()),
                },
                () = self.to_reader.closed() => return Ok(()),
                () = until(due) => {
                    if !self.sol.handle_timeout(self.connection.now()) {
                        return Err(Fault::Hung("its console takes nothing that is typed".into()));
                    }
                }
                () = tokio::time::sleep_until(alive) => {
                    self.connection.ask_later(get_device_id(), "Get Device ID");
                    alive = Instant::now() + SIGN_OF_LIFE;
                }
            }
        }
    }

    fn take(&mut self, event: Event) -> Result<(), Fault> {
        match event {
            Event::Serial(payload) => {
                let room = self.to_reader.capacity() > 0;
                match self.sol.handle_packet(&payload, room, self.connection.now()) {
                    // There is room, for nobody else sends.
                    Heard::Output(bytes) => drop(self.to_reader.try_send(Ok(bytes.into()))),
                    Heard::Ended => {
                        return Err(Fault::Busy(
                            "its BMC ended the console: another took it, or it restarts".into(),
                        ));
                    }
                    Heard::Nothing => {}
                }
                Ok(())
            }
            Event::Failed(failure) => Err(failure.fault()),
            Event::Closed => Err(Fault::Hung("the session is closed".into())),
            Event::Answer(_) | Event::Ready(_) => Ok(()),
        }
    }

    async fn send(&mut self) {
        if !self.overflow.is_empty() {
            let part = self.overflow.len().min(TYPED);
            let taken = self.sol.type_bytes(&self.overflow[..part], self.connection.now());
            self.overflow = self.overflow.split_off(taken);
        }
        while let Some(payload) = self.sol.poll_transmit() {
            self.connection.serial(&payload);
        }
        self.connection.flush().await;
    }
}
