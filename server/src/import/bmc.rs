//! What a list changes of what switches machines, or why it does not. Pure.

use api::bmc::DriverKind;
use api::import::ImportRow;
use api::power::Origin;

use super::{Known, name};
use crate::config::Site;

/// What switches it, as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownBmc {
    pub driver: DriverKind,
    pub address: String,
    pub user: String,
    pub origin: Origin,
}

/// What switches it from now on. What was pinned of another address is pinned no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BmcChange {
    pub driver: DriverKind,
    pub address: String,
    pub user: String,
}

/// None where the list says nothing of it, or nothing new.
pub fn changed(row: &ImportRow, known: Option<&KnownBmc>, site: &Site) -> Option<BmcChange> {
    if !row.has_bmc() {
        return None;
    }
    let kept = known.map(|known| BmcChange {
        driver: known.driver,
        address: known.address.clone(),
        user: known.user.clone(),
    });
    let before = kept.clone().unwrap_or(BmcChange {
        driver: usual(site),
        address: String::new(),
        user: String::new(),
    });
    let new = BmcChange {
        driver: row.bmc_driver.unwrap_or(before.driver),
        address: row.bmc.clone().unwrap_or(before.address),
        user: row.bmc_user.clone().unwrap_or(before.user),
    };
    (kept.as_ref() != Some(&new)).then_some(new)
}

/// Of machines of which nobody has said more: what the default set speaks, or else what all sets do.
fn usual(site: &Site) -> DriverKind {
    let has_address = |driver: &DriverKind| driver.has_address();
    if let Some(driver) = site.bmc_set_for("").map(|set| set.driver).filter(has_address) {
        return driver;
    }
    let mut drivers = site.bmcs.values().map(|set| set.driver).filter(has_address);
    let first = drivers.next().filter(|first| drivers.all(|driver| driver == *first));
    first.unwrap_or(DriverKind::Redfish)
}

/// What is new of a BMC. What a person has said of one by itself is not said anew by a list.
pub fn against(row: &ImportRow, owner: Option<&Known>, site: &Site) -> Option<String> {
    let known = owner.and_then(|owner| owner.bmc.as_ref());
    let new = changed(row, known, site)?;
    let said = known.filter(|known| matches!(known.origin, Origin::Operator | Origin::Found));
    if let Some((owner, said)) = owner.zip(said) {
        return Some(format!(
            "its BMC is {} at `{}`, as an operator said: `metalctl bmc set {} --driver {} --address {}` changes it",
            said.driver,
            said.address,
            name(owner),
            new.driver,
            new.address
        ));
    }
    if new.driver == DriverKind::Command {
        return Some("a command is named by a set of the site file, and not by a list".into());
    }
    let can_log_in = site.bmcs.values().any(|set| set.driver.has_address());
    (new.driver.has_address() && !can_log_in)
        .then(|| "nobody can log in to its BMC: the site file has no [bmc.NAME] with a password".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_need_not_name_the_one_driver_that_a_site_has() {
        let set = |name: &str, driver: &str, more: &str| {
            format!("[bmc.{name}]\ndriver = \"{driver}\"\nuser = \"u\"\npassword_file = \"/p\"\n{more}\n")
        };
        let supermicro = set("a", "ipmi", "vendor = \"Supermicro\"");
        for (sets, driver) in [
            (String::new(), DriverKind::Redfish),
            (supermicro.clone(), DriverKind::Ipmi),
            (supermicro.clone() + &set("b", "redfish", "vendor = \"Dell\""), DriverKind::Redfish),
            (
                set("b", "redfish", "vendor = \"Dell\"") + &set("c", "ipmi", "default = true"),
                DriverKind::Ipmi,
            ),
            (supermicro + "[bmc.w]\ndriver = \"wake-on-lan\"\n", DriverKind::Ipmi),
        ] {
            let site = Site::parse(&format!("name = \"lab\"\n{sets}")).unwrap();
            assert_eq!(usual(&site), driver, "{sets}");
        }
    }
}
