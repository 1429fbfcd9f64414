//! BMCs that the site file names, and those that agents find: the first are used as they are declared, the second are
//! offered and used by nobody before a person adopts them.

use api::bmc::DriverKind;
use api::facts::Facts;
use api::power::{FoundBmc, Origin};

use super::access::Open;
use super::bmcs::Bmcs;
use crate::app::App;
use crate::clock;
use crate::config::KnownMachine;
use crate::store::Result;
use crate::store::bmc::BmcRow;
use crate::store::machine::Row;

/// What an agent found, where it is more than an interface without an address.
pub fn offered(facts: &Facts, now: i64) -> Option<FoundBmc> {
    let bmc = facts.bmc.as_ref()?;
    let address: std::net::IpAddr = bmc.address.trim().parse().ok()?;
    let usable = !address.is_unspecified() && !address.is_loopback();
    usable.then(|| FoundBmc { address: address.to_string(), mac: bmc.mac, at: now })
}

/// Takes over what the site file says of machines, also of those that were never seen and are off: their BMC switches them
/// on. What an operator said of one wins.
pub async fn declare<O: Open>(app: &App, bmcs: &Bmcs<O>) -> Result<()> {
    for known in app.site.machines_with_bmc() {
        let row = match row_of(app, known).await? {
            None => app.announced(known, clock::now()).await?,
            row => row,
        };
        let Some(row) = row else { continue };
        let manufacturer = match known.bmc_set {
            Some(_) => String::new(),
            None => {
                app.store.facts(&row.id()).await?.map(|facts| facts.system.manufacturer).unwrap_or_default()
            }
        };
        let before = app.store.bmc(&row.id()).await?;
        if let Some(changed) = declared(app, known, (&row.id, &manufacturer), before.as_ref()) {
            app.store.bmc_put(changed).await?;
            bmcs.forget(&row.id);
        }
    }
    Ok(())
}

async fn row_of(app: &App, known: &KnownMachine) -> Result<Option<Row>> {
    for mac in &known.macs {
        if let Some(row) = app.store.machine_by_mac(*mac).await? {
            return Ok(Some(row));
        }
    }
    match app.store.hostname_is_taken(known.name.as_str()).await? {
        true => app.store.machine_find(known.name.as_str()).await.map(Some),
        false => Ok(None),
    }
}

/// The row that the site file wants, where it differs from the one there is.
fn declared(
    app: &App,
    known: &KnownMachine,
    (machine, manufacturer): (&str, &str),
    before: Option<&BmcRow>,
) -> Option<BmcRow> {
    if before.is_some_and(|row| row.origin != Origin::Site.as_str()) {
        return None;
    }
    let set = match &known.bmc_set {
        Some(name) => app.site.bmcs.get(name),
        None => app.site.bmc_set_for(manufacturer),
    };
    let address = known.bmc.clone().unwrap_or_default();
    let pinned = before.filter(|row| row.address == address).and_then(|row| row.certificate.clone());
    let wanted = BmcRow {
        machine: machine.into(),
        driver: set.map_or(DriverKind::Redfish, |set| set.driver).to_string(),
        address,
        port: None,
        credentials: known.bmc_set.clone(),
        username: String::new(),
        password: None,
        certificate: pinned,
        origin: Origin::Site.to_string(),
        bmc_key: None,
        secure_on: None,
    };
    (before != Some(&wanted)).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_without_an_address_is_no_offer() {
        for (address, offer) in [
            ("10.0.0.7", Some("10.0.0.7")),
            (" 10.0.0.7 ", Some("10.0.0.7")),
            ("fd00::7", Some("fd00::7")),
            ("0.0.0.0", None),
            ("::", None),
            ("127.0.0.1", None),
            ("", None),
            ("10.0.0.7:443/evil", None),
        ] {
            let facts: Facts = serde_json::from_value(serde_json::json!({
                "boot_id": "b1", "home": "ram", "boot_mode": "uefi", "kernel": "", "uuid": null, "cpus": [],
                "firmware": {"vendor": "", "version": "", "date": ""},
                "system": {"manufacturer": "", "product": "", "serial": ""},
                "board": {"manufacturer": "", "product": "", "serial": ""},
                "chassis": {"manufacturer": "", "product": "", "serial": ""},
                "memory": {"total": 0, "modules": []}, "disks": [], "interfaces": [], "clock_error_ms": 0,
                "bmc": {"address": address, "mac": null}
            }))
            .unwrap();
            assert_eq!(offered(&facts, 1).map(|found| found.address).as_deref(), offer, "{address}");
        }
    }
}
