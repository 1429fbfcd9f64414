//! How one machine's power is reached: what its row, its credentials and the site file say together, and the driver
//! that is opened with that.

use std::fmt;
use std::path::Path;

use api::bmc::{DriverKind, Fault};
use api::id::{Mac, MachineId};
use api::power::Origin;

use super::Driver;
use crate::app::App;
use crate::config::power::{BmcSet, Kept};
use crate::store::bmc::BmcRow;

/// What a driver needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// What people call the machine.
    pub machine: String,
    pub driver: DriverKind,
    /// Empty where the driver has none.
    pub address: String,
    pub port: Option<u16>,
    pub user: String,
    pub password: Password,
    /// IPMI's key of the BMC itself.
    pub bmc_key: Option<Password>,
    /// What its network cards want behind a magic packet.
    pub secure_on: Option<Password>,
    /// SHA-256 in hex of the certificate that it must present; None pins what it presents first.
    pub certificate: Option<String>,
    pub cipher_suites: Vec<u8>,
    pub command: Vec<String>,
    /// Of its network cards, the one that boots first in front.
    pub macs: Vec<Mac>,
    pub id: MachineId,
    /// As its firmware says them: a chassis may hold several machines.
    pub uuid: Option<String>,
    pub serial: Option<String>,
    /// Of this server, on the machine's network.
    pub interface: Option<String>,
}

/// In no log: it shows itself to whoever asks for it only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub fn new(password: impl Into<String>) -> Password {
        Password(password.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What opens drivers: the real ones, or those of a test.
pub trait Open: Send + Sync + 'static {
    type Driver: Driver + 'static;

    /// Opens no connection yet: a driver does that at its first request.
    fn open(&self, app: &App, access: &Access) -> Result<Self::Driver, Fault>;
}

/// Where a sealed password of a machine belongs: it opens there only.
pub fn seal_place(machine: &str) -> String {
    place("password", machine)
}

/// The same of any secret of its BMC, by the name that settings have for it.
pub fn place(what: &str, machine: &str) -> String {
    format!("bmc.{what}/{machine}")
}

/// A name and a password that nobody has given are not sent: some BMCs count them as a guess.
const NO_SET: &str = "no [bmc.NAME] of the site file is for it: its vendor is known from its first \
                      inspection on, and before that a set fits by `bmc_set` of its [[machine]], or as \
                      the default";

/// Puts together what the driver is opened with. What is missing reads like a refused login, because that is what it
/// would come to.
pub async fn access(app: &App, row: &BmcRow) -> Result<Access, Fault> {
    let failed = |error: &dyn fmt::Display| Fault::Refused(error.to_string());
    let id = row.id();
    let machine = app.store.machine(&id).await.map_err(|error| failed(&error))?;
    let macs = app.store.macs_of(&id).await.map_err(|error| failed(&error))?;
    let set = set_of(app, row).await?;
    let driver = row.driver().map_err(|error| failed(&error))?;
    let fitting = set.filter(|set| fits(set, driver));
    let secret = async |what: &'static str, own: &Option<String>, kept: Option<Kept<'_>>| match own {
        Some(sealed) => unsealed(app, &place(what, &row.machine), sealed).map(Some),
        None => read(fitting, kept).await,
    };
    let password = secret("password", &row.password, fitting.map(BmcSet::password)).await?;
    let bmc_key = secret("bmc_key", &row.bmc_key, fitting.map(BmcSet::bmc_key)).await?;
    let secure_on = secret("secure_on", &row.secure_on, fitting.map(BmcSet::secure_on)).await?;
    if let (None, Some(set)) = (&password, fitting.filter(|set| set.driver.has_address())) {
        return Err(Fault::Refused(format!("`[bmc.{}]` has no password that can be read", set.name)));
    }
    // A person's own login was whole when it was given.
    if password.is_none() && driver.has_address() && row.origin != Origin::Operator.as_str() {
        return Err(Fault::Refused(NO_SET.into()));
    }
    let user = if row.username.is_empty() { set.map_or("", |set| &set.user) } else { &row.username };
    let facts = app.store.facts(&id).await.map_err(|error| failed(&error))?;
    let address =
        app.store.lease_addresses(std::slice::from_ref(&id.0)).await.map_err(|error| failed(&error))?;
    let network = address.first().and_then(|(_, address)| app.site.network_of(*address));
    Ok(Access {
        interface: network.or(app.site.networks.first()).map(|network| network.interface.clone()),
        uuid: facts.as_ref().and_then(|facts| facts.uuid.clone()),
        serial: Some(machine.serial.clone()).filter(|serial| !serial.is_empty()),
        id,
        machine: machine.name().into(),
        driver,
        address: row.address.clone(),
        port: row.port().or(set.and_then(|set| set.port)),
        user: user.into(),
        password: password.unwrap_or_default(),
        bmc_key,
        secure_on,
        certificate: row.certificate.clone(),
        cipher_suites: set.map_or_else(|| vec![17, 3], |set| set.cipher_suites.clone()),
        command: set.map(|set| set.command.clone()).unwrap_or_default(),
        macs,
    })
}

/// The `[bmc.NAME]` of a row: the one it names, or, where it has no login of its own, the one for its vendor.
pub async fn set_of<'a>(app: &'a App, row: &BmcRow) -> Result<Option<&'a BmcSet>, Fault> {
    if let Some(name) = &row.credentials {
        let missing = || Fault::Refused(format!("the site file declares no `[bmc.{name}]`"));
        return app.site.bmcs.get(name).map(Some).ok_or_else(missing);
    }
    if row.password.is_some() {
        return Ok(None);
    }
    let facts = app.store.facts(&row.id()).await.map_err(|error| Fault::Refused(error.to_string()))?;
    let manufacturer = facts.map(|facts| facts.system.manufacturer).unwrap_or_default();
    Ok(app.site.bmc_set_for(&manufacturer))
}

/// Nobody sends the password of a BMC to what has none.
fn fits(set: &BmcSet, driver: DriverKind) -> bool {
    driver.has_address() || !set.driver.has_address()
}

/// Which secrets beside the password a driver is opened with: said, and not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    pub bmc_key: bool,
    pub secure_on: bool,
}

/// A set that is missing has none.
pub async fn keys(app: &App, row: &BmcRow) -> Keys {
    let own = Keys { bmc_key: row.bmc_key.is_some(), secure_on: row.secure_on.is_some() };
    let of_set =
        |set: &BmcSet| Keys { bmc_key: set.bmc_key().is_named(), secure_on: set.secure_on().is_named() };
    // Lists of machines cost no look at each one's hardware where no set has any.
    if app.site.bmcs.values().all(|set| of_set(set) == Keys::default()) {
        return own;
    }
    let driver = row.driver().ok();
    let set = set_of(app, row).await.ok().flatten();
    let shared = set.filter(|set| driver.is_some_and(|driver| fits(set, driver))).map(of_set);
    let shared = shared.unwrap_or_default();
    Keys { bmc_key: own.bmc_key || shared.bmc_key, secure_on: own.secure_on || shared.secure_on }
}

fn unsealed(app: &App, place: &str, sealed: &str) -> Result<Password, Fault> {
    let plain = app.seal.unseal(place, sealed).map_err(|error| Fault::Refused(format!("{error:#}")))?;
    Ok(Password(String::from_utf8_lossy(&plain).into_owned()))
}

/// None where its set names no such secret.
async fn read(set: Option<&BmcSet>, kept: Option<Kept<'_>>) -> Result<Option<Password>, Fault> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY");
    let Some((set, kept)) = set.zip(kept) else { return Ok(None) };
    let Some(path) = kept.path(folder.as_deref().map(Path::new)) else { return Ok(None) };
    let text = tokio::fs::read_to_string(&path).await.map_err(|error| {
        let (name, what) = (&set.name, kept.what);
        Fault::Refused(format!("cannot read {what} of `[bmc.{name}]` from {}: {error}", path.display()))
    })?;
    Ok(Some(Password(text.trim_end_matches(['\r', '\n']).into())))
}
