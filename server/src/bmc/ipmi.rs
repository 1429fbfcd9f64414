//! IPMI 2.0 over UDP 623 (lanplus), for BMCs whose Redfish is missing or little. No crate has it whole: suites 17
//! and 3, the UEFI flag, sensors, log and console. Section numbers below are those of the IPMI 2.0 specification,
//! revision 1.1.

mod activation;
mod boot;
mod chassis;
mod console;
mod dialogue;
mod dice;
mod driver;
mod failure;
mod fru;
pub mod fuzz;
mod hardware;
mod keys;
mod live;
mod log;
mod login;
mod message;
mod names;
mod packet;
mod patience;
mod rakp;
mod records;
mod sdr;
mod sensors;
mod session;
mod sol;
mod suite;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod window;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::bmc::{Fault, LogEntry};
use api::id::Mac;
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::chassis::Control;
use self::dialogue::{Dialogue, Single};
use self::log::Log;
use self::message::Request;
use self::records::{Edition, Records};
use self::sdr::SensorRecord;
use self::suite::Suite;
use self::wire::Connection;

pub use self::chassis::Device;
pub use self::fru::{Fru, Part};
pub use self::login::{Login, TooLong};
pub use self::patience::Patience;

pub const PORT: u16 = 623;
/// A session costs the BMC one of a handful, and six packets to open: it is kept for what follows at once.
const KEPT: Duration = Duration::from_secs(15);

/// One machine's BMC.
#[derive(Clone)]
pub struct Ipmi {
    host: Arc<str>,
    port: u16,
    login: Arc<Login>,
    suites: Vec<Suite>,
    patience: Patience,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Absent while it is used, so that a request that is given up takes its session along.
    connection: Option<Connection>,
    /// The suite that worked.
    suite: Option<Suite>,
    records: Option<([u8; 10], Arc<[SensorRecord]>)>,
    used: Option<Instant>,
}

impl Ipmi {
    /// `host` is a name or an address; nothing is asked of it yet.
    pub fn new(host: &str, port: u16, login: Login) -> Ipmi {
        Ipmi {
            host: host.into(),
            port,
            login: Arc::new(login),
            suites: vec![Suite::Seventeen, Suite::Three],
            patience: Patience::NORMAL,
            state: Arc::default(),
        }
    }

    /// Other cipher suites than 17 and then 3, by their numbers, or in another order.
    pub fn with_suites(mut self, numbers: &[u8]) -> Result<Ipmi, Fault> {
        let known = |number: &u8| {
            Suite::numbered(*number).ok_or_else(|| {
                Fault::Unsupported(format!("metald does cipher suites 17 and 3, and not {number}"))
            })
        };
        self.suites = numbers.iter().map(known).collect::<Result<_, _>>()?;
        match self.suites.is_empty() {
            true => Err(Fault::Unsupported("no cipher suite is allowed; name 17, 3 or both".into())),
            false => Ok(self),
        }
    }

    /// Another patience than that for BMCs out there.
    pub fn with_patience(mut self, patience: Patience) -> Ipmi {
        self.patience = patience;
        self
    }

    /// Which BMC it is, and which firmware it runs (20.1).
    pub async fn device(&self) -> Result<Device, Fault> {
        let data = self.ask(chassis::get_device_id(), "Get Device ID").await?;
        chassis::device(&data).map_err(|fault| self.at(fault))
    }

    /// The BMC's own MAC, which the agent finds too (23.2).
    pub async fn mac(&self) -> Result<Mac, Fault> {
        let data = self.ask(chassis::get_mac(), "Get LAN Configuration Parameters").await?;
        chassis::mac(&data).map_err(|fault| self.at(fault))
    }

    /// Serials and models as the makers of board and machine wrote them.
    pub async fn fru(&self) -> Result<Fru, Fault> {
        self.run(fru::Read::new).await
    }

    /// A restart without power being taken away.
    pub async fn reset(&self) -> Result<(), Fault> {
        self.control(Control::Reset).await
    }

    /// The log from behind an entry on, by its `id`; the whole of it where that entry is gone.
    pub async fn log_after(&self, id: Option<u16>) -> Result<Vec<LogEntry>, Fault> {
        let records = match self.records().await {
            Ok(records) => records,
            Err(fault) if is_of_bmc(&fault) => return Err(fault),
            // A log without names of sensors is better than none.
            Err(_) => Arc::new([]),
        };
        self.run(|| Log::new(records.clone(), id)).await
    }

    async fn control(&self, control: Control) -> Result<(), Fault> {
        self.ask(chassis::control(control), "Chassis Control").await.map(drop)
    }

    async fn ask(&self, request: Request, name: &'static str) -> Result<Vec<u8>, Fault> {
        self.run(|| Single::new(request.clone(), name)).await
    }

    /// The records of the sensors, from before where the BMC says that they are the same.
    async fn records(&self) -> Result<Arc<[SensorRecord]>, Fault> {
        let current = self.run(Edition::default).await?;
        if let (Some(current), Some((known, records))) = (current, &self.state.lock().await.records)
            && current == *known
        {
            return Ok(records.clone());
        }
        let raw = self.run(Records::new).await?;
        let records: Arc<[SensorRecord]> = raw.iter().filter_map(|record| sdr::sensor(record)).collect();
        self.state.lock().await.records = current.map(|edition| (edition, records.clone()));
        Ok(records)
    }

    /// In the session that is open, or in a new one; one dialogue at a time. A BMC that has forgotten a session
    /// says nothing in it, so that what was silent in an old one is begun anew.
    async fn run<D: Dialogue>(&self, begin: impl Fn() -> D + Send + Sync) -> Result<D::Outcome, Fault> {
        let mut state = self.state.lock().await;
        if let Some(kept) = state.connection.take()
            && let Some(outcome) = self.run_in(kept, begin(), &mut state).await
        {
            return outcome.map_err(|fault| self.at(fault));
        }
        let connection = self.connect(state.suite).await.map_err(|fault| self.at(fault))?;
        state.suite = Some(connection.suite);
        match self.run_in(connection, begin(), &mut state).await {
            Some(outcome) => outcome.map_err(|fault| self.at(fault)),
            None => Err(self.at(Fault::Hung("it opens a session, and answers nothing in it".into()))),
        }
    }

    /// None where the session died of it.
    async fn run_in<D: Dialogue>(
        &self,
        mut connection: Connection,
        dialogue: D,
        state: &mut State,
    ) -> Option<Result<D::Outcome, Fault>> {
        let outcome = connection.run(dialogue).await;
        if connection.is_alive() {
            let now = Instant::now();
            state.connection = Some(connection);
            state.used = Some(now);
            self.close_later(now);
            return Some(outcome);
        }
        outcome.is_ok().then_some(outcome)
    }

    /// The suite that worked before goes first. What the BMC has given up is found anew.
    async fn connect(&self, known: Option<Suite>) -> Result<Connection, Fault> {
        let others = self.suites.iter().copied().filter(|suite| Some(*suite) != known);
        let suites: Vec<Suite> = known.into_iter().chain(others).collect();
        Connection::open(self.address().await?, self.login.clone(), &suites, self.patience).await
    }

    async fn address(&self) -> Result<SocketAddr, Fault> {
        let mut found = tokio::net::lookup_host((&*self.host, self.port))
            .await
            .map_err(|error| Fault::Unreachable(format!("its name is not found: {error}")))?;
        found.next().ok_or_else(|| Fault::Unreachable("its name has no address".into()))
    }

    /// Closes the session once nobody has used it for a while.
    fn close_later(&self, used: Instant) {
        let state = self.state.clone();
        tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            let mut state = state.lock().await;
            if state.used == Some(used)
                && let Some(connection) = state.connection.take()
            {
                connection.close().await;
            }
        });
    }

    /// A fault with the BMC that has it.
    fn at(&self, fault: Fault) -> Fault {
        let at = |what: String| format!("{} (IPMI, UDP {}): {what}", self.host, self.port);
        match fault {
            Fault::Unreachable(what) => Fault::Unreachable(at(what)),
            Fault::Silent(what) => Fault::Silent(at(what)),
            Fault::Hung(what) => Fault::Hung(at(what)),
            Fault::Refused(what) => Fault::Refused(at(what)),
            Fault::NoSessions(what) => Fault::NoSessions(at(what)),
            Fault::Unsupported(what) => Fault::Unsupported(at(what)),
            Fault::NotObeyed(what) => Fault::NotObeyed(at(what)),
            Fault::Garbled(what) => Fault::Garbled(at(what)),
            Fault::Busy(what) => Fault::Busy(at(what)),
            changed @ Fault::CertificateChanged { .. } => changed,
        }
    }
}

/// Whether it would be the same with any other request.
const fn is_of_bmc(fault: &Fault) -> bool {
    use Fault::{Hung, NoSessions, Refused, Silent, Unreachable};
    matches!(fault, Unreachable(_) | Silent(_) | Hung(_) | Refused(_) | NoSessions(_))
}
