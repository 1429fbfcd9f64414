//! The thread of an IPMI BMC: its socket, the machine's serial port, and the board that does what was decided.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::board::{Board, Power};
use super::super::fault::{Fault, Faults};
use super::super::picture::Picture;
use super::commands::{Outcome, Reply};
use super::controller::{Ask, Controller, Heard};
use super::message::Code;
use super::payload;
use super::view::{Manner, Now, Order, View};

/// The largest datagram that UDP has.
const DATAGRAM: usize = 65_507;
/// Between two tries to get at the serial port of a machine that has none just now, being off.
const REACH_CONSOLE: Duration = Duration::from_millis(200);
/// The board may take a moment to notice that its port was given up.
const LET_GO: Duration = Duration::from_secs(2);

pub struct Shell {
    controller: Controller,
    socket: UdpSocket,
    address: SocketAddr,
    board: Arc<dyn Board>,
    faults: Faults,
    /// Open while somebody has serial-over-LAN, and the machine has a port to open.
    console: Option<UnixStream>,
    /// When to try again to open it.
    reach_console: Duration,
    /// Until then the board may think that the port is still ours.
    let_go: Duration,
    /// Answers of a slow BMC.
    late: VecDeque<(Duration, SocketAddr, Vec<u8>)>,
    start: Instant,
}

/// What woke it.
struct Woken {
    stop: bool,
    datagram: bool,
    output: bool,
    input: bool,
}

impl Shell {
    pub fn new(
        controller: Controller,
        socket: UdpSocket,
        address: SocketAddr,
        board: Arc<dyn Board>,
        faults: Faults,
    ) -> Shell {
        let (reach_console, let_go) = (Duration::ZERO, Duration::ZERO);
        let (late, start) = (VecDeque::new(), Instant::now());
        Shell {
            controller,
            socket,
            address,
            board,
            faults,
            console: None,
            reach_console,
            let_go,
            late,
            start,
        }
    }

    /// Until the other end of `stopped` closes.
    pub fn run(mut self, stopped: &UnixStream) {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let woken = self.wait(stopped);
            if woken.stop {
                return;
            }
            if woken.datagram {
                self.take_datagrams(&mut buffer);
            }
            if woken.output {
                self.take_output(&mut buffer);
            }
            if woken.input {
                self.type_in();
            }
            self.hold_line();
            let now = self.start.elapsed();
            for order in self.controller.tick(now) {
                // A light that stays lit, or an override that is not forgotten, is nobody's end.
                let _ = self.carry_out(order);
            }
            self.keep_console(now);
            while let Some((to, datagram)) = self.controller.poll() {
                self.send(to, datagram);
            }
            self.send_late();
        }
    }

    fn wait(&mut self, stopped: &UnixStream) -> Woken {
        let now = self.start.elapsed();
        let reach = self.controller.sol.as_ref().filter(|_| self.console.is_none());
        let late = self.late.front().map(|(due, _, _)| *due);
        let due =
            [self.controller.due(), reach.map(|_| self.reach_console), late].into_iter().flatten().min();
        let timeout = due.and_then(|due| Timespec::try_from(due.saturating_sub(now)).ok());
        let mut wanted = PollFlags::empty();
        if let Some(sol) = &mut self.controller.sol {
            wanted.set(PollFlags::IN, sol.room() > 0);
            wanted.set(PollFlags::OUT, !sol.typed().is_empty());
        }
        let mut fds = vec![PollFd::new(stopped, PollFlags::IN), PollFd::new(&self.socket, PollFlags::IN)];
        // Asked for nothing, a port that is gone would be told of for ever.
        let console = self.console.as_ref().filter(|_| !wanted.is_empty());
        fds.extend(console.map(|console| PollFd::new(console, wanted)));
        // Interrupted, or out of memory: the next turn sees what there is.
        let _ = poll(&mut fds, timeout.as_ref());
        let ready = |at: usize| fds.get(at).map_or(PollFlags::empty(), |fd: &PollFd| fd.revents());
        let ended = PollFlags::HUP | PollFlags::ERR;
        Woken {
            stop: !ready(0).is_empty(),
            datagram: !ready(1).is_empty(),
            output: ready(2).intersects(PollFlags::IN | ended),
            input: ready(2).intersects(PollFlags::OUT | ended),
        }
    }

    fn take_datagrams(&mut self, buffer: &mut [u8]) {
        // Also what the network says of earlier answers (ICMP) comes as an error, and is gone by being read.
        loop {
            match self.socket.recv_from(buffer) {
                Ok((length, from)) => self.take(&buffer[..length], from),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, datagram: &[u8], from: SocketAddr) {
        if self.faults.has(Fault::Hung) {
            return;
        }
        let now = self.start.elapsed();
        match self.controller.receive(datagram, from, now, self.faults.has(Fault::NoSessions)) {
            Heard::Nothing => {}
            Heard::Answer(answer) => self.send(from, answer),
            Heard::Ask(ask) => {
                if let Some(answer) = self.answer(&ask, now) {
                    self.send(from, answer);
                }
                self.keep_console(now);
            }
        }
    }

    fn answer(&mut self, ask: &Ask, tick: Duration) -> Option<Vec<u8>> {
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |at| at.as_secs());
        let outcome = self.controller.decide(ask, &self.view(), Now { tick, clock });
        let outcome = outcome.and_then(|reply| self.obey(reply));
        self.controller.answer(ask, outcome, tick)
    }

    fn obey(&mut self, reply: Reply) -> Outcome {
        match reply.order.map_or(Ok(()), |order| self.carry_out(order)) {
            Ok(()) => Ok(reply),
            Err(code) => Err(code),
        }
    }

    fn carry_out(&mut self, order: Order) -> Result<(), Code> {
        let done = match order {
            Order::Act(action) => self.board.act(action),
            Order::SetBoot(boot) => self.board.set_boot(boot),
            Order::SetLight(light) => self.board.set_light(light),
            Order::ClearLog => {
                self.board.clear_log();
                Ok(())
            }
            Order::OpenConsole => return self.open_console(),
        };
        done.map_err(|_| Code::UNSPECIFIED)
    }

    /// A machine that is off gets its console when it is on; one that is on and gives none has it in other hands.
    fn open_console(&mut self) -> Result<(), Code> {
        if self.console.is_none() {
            self.reach_console();
        }
        let on = self.board.power().is_ok_and(|power| power == Power::On);
        if self.console.is_none() && on && self.start.elapsed() >= self.let_go {
            self.controller.sol = None;
            return Err(payload::TAKEN);
        }
        Ok(())
    }

    /// A console outlives power-offs: the port is opened anew each time that it went away.
    fn keep_console(&mut self, now: Duration) {
        match (&self.controller.sol, &self.console) {
            (None, Some(_)) => {
                self.console = None;
                self.let_go = now + LET_GO;
            }
            (Some(_), None) if self.reach_console <= now => self.reach_console(),
            _ => {}
        }
    }

    fn reach_console(&mut self) {
        self.reach_console = self.start.elapsed() + REACH_CONSOLE;
        let console = self.board.console().ok();
        self.console = console.filter(|console| console.set_nonblocking(true).is_ok());
    }

    fn take_output(&mut self, buffer: &mut [u8]) {
        let (Some(console), Some(sol)) = (&mut self.console, &mut self.controller.sol) else { return };
        let room = sol.room().min(buffer.len());
        if room == 0 {
            return;
        }
        match console.read(&mut buffer[..room]) {
            Ok(length) if length > 0 => sol.say(&buffer[..length], self.start.elapsed()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            // The machine's port is gone with its power.
            _ => self.console = None,
        }
    }

    fn type_in(&mut self) {
        let (Some(console), Some(sol)) = (&mut self.console, &mut self.controller.sol) else { return };
        match console.write(sol.typed()) {
            Ok(length) => sol.took(length),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.console = None,
        }
    }

    /// Breaks whose turn it is. A machine that is off has no line to hold.
    fn hold_line(&mut self) {
        let Some(sol) = &mut self.controller.sol else { return };
        while sol.take_break() {
            let _ = self.board.send_break();
        }
    }

    fn view(&self) -> View {
        let manner =
            Manner { lying: self.faults.has(Fault::Lying), forgetful: self.faults.has(Fault::Forgetful) };
        View {
            board: Picture::of(&*self.board),
            address: Some(self.address.ip()),
            port: self.address.port(),
            manner,
        }
    }

    fn send(&mut self, to: SocketAddr, datagram: Vec<u8>) {
        let delay = self.faults.delay().unwrap_or_default();
        self.late.push_back((self.start.elapsed() + delay, to, datagram));
    }

    fn send_late(&mut self) {
        let now = self.start.elapsed();
        while let Some((_, to, datagram)) = self.late.pop_front_if(|(due, _, _)| *due <= now) {
            if !self.faults.has(Fault::Hung) {
                // Lost datagrams are the network's right, and the console asks again.
                let _ = self.socket.send_to(&datagram, to);
            }
        }
    }
}
