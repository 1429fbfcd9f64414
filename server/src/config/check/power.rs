//! Credentials of BMCs and the order of power: each set can be logged in with, each group has somebody in it, and no
//! password is in the site file.

use api::bmc::DriverKind;

use super::{Findings, LABEL_HINT, is_label, one_of};
use crate::config::Site;
use crate::config::power::{BmcSet, Kept, PowerGroup};

pub fn bmcs(site: &Site, found: &mut Findings) {
    let mut default: Option<&str> = None;
    for set in site.bmcs.values() {
        let path = |setting: &str| format!("bmc.{}.{setting}", set.name);
        if !is_label(&set.name) {
            found.error(&format!("bmc.{}", set.name), format!("`{}` is not a name", set.name), LABEL_HINT);
        }
        secrets(set, &path, found);
        if set.default
            && let Some(first) = default.replace(&set.name)
        {
            let message = format!("`{first}` and `{}` both are the default", set.name);
            found.error(&path("default"), message, "a machine that no vendor fits takes one of them");
        }
        if set.driver == DriverKind::Ipmi && !set.cipher_suites.iter().any(|suite| matches!(suite, 3 | 17)) {
            let message = format!("`{}` names no cipher suite that metald speaks", set.name);
            found.error(&path("cipher_suites"), message, "17 (SHA-256) and 3 (SHA-1) are spoken");
        }
        let is_command = set.driver == DriverKind::Command;
        if is_command == set.command.is_empty() {
            let message = format!(
                "the driver `command` and a command belong together, and `{}` has one of them",
                set.name
            );
            found.error(&path("command"), message, "command = [\"/usr/local/sbin/pdu\", \"--outlet\"]");
        }
        if set.command.first().is_some_and(|program| !program.starts_with('/')) {
            let message = format!("`{}` depends on where the server starts", set.command[0]);
            found.error(
                &path("command"),
                message,
                "write the program from the root, such as /usr/local/sbin/pdu",
            );
        }
    }
}

/// What it is logged in with: each secret in one place, and of the driver that wants it.
fn secrets(set: &BmcSet, path: &impl Fn(&str) -> String, found: &mut Findings) {
    for kept in set.secrets() {
        let words = kept.what.replace('_', " ");
        let (in_file, in_credential) = (format!("{}_file", kept.what), format!("{}_credential", kept.what));
        if kept.file.is_some() && kept.credential.is_some() {
            let message = format!("`{}` has its {words} in a file and in a credential", set.name);
            found.error(&path(&in_credential), message, "one of them is enough");
        }
        if let Some(file) = kept.file.filter(|file| !file.is_absolute()) {
            let message = format!("`{}` depends on where the server starts", file.display());
            found.error(&path(&in_file), message, "write it from the root, such as /etc/metald/bmc.key");
        }
        if let Some(name) = kept.credential.filter(|name| name.is_empty() || name.contains('/')) {
            let message = format!("`{name}` is not the name of a credential");
            found.error(&path(&in_credential), message, "the name in LoadCredentialEncrypted= of the unit");
        }
    }
    if set.driver.has_address() && (!set.password().is_named() || set.user.is_empty()) {
        let message = format!("nobody can log in with `{}`", set.name);
        found.error(
            &format!("bmc.{}", set.name),
            message,
            "give it user, and password_file or password_credential; a password itself does not belong here",
        );
    }
    let wrong = |kept: Kept<'_>, driver| kept.is_named() && set.driver != driver;
    if wrong(set.bmc_key(), DriverKind::Ipmi) {
        let message = format!("`{}` has a BMC key, and does not speak IPMI", set.name);
        found.error(&path("driver"), message, "driver = \"ipmi\", or leave the key out");
    }
    if wrong(set.secure_on(), DriverKind::WakeOnLan) {
        let message = format!("`{}` has a SecureOn password, and wakes nobody", set.name);
        found.error(&path("driver"), message, "driver = \"wake-on-lan\", or leave the password out");
    }
}

pub fn machines(site: &Site, found: &mut Findings) {
    let names: Vec<&str> = site.bmcs.keys().map(String::as_str).collect();
    for (i, machine) in site.machines.iter().enumerate() {
        let Some(set) = &machine.bmc_set else { continue };
        let path = format!("machine.{i}.bmc_set");
        match site.bmcs.get(set) {
            None => found.error(&path, format!("there is no `[bmc.{set}]`"), &one_of("set", &names)),
            Some(known) if known.driver.has_address() && machine.bmc.is_none() => {
                let message = format!("nobody knows where the BMC of `{}` is", machine.name);
                found.error(&path, message, "give it bmc = \"ADDRESS\"");
            }
            Some(_) => {}
        }
    }
    for (i, machine) in site.machines.iter().enumerate() {
        if let Some(address) = machine.bmc.as_ref().filter(|address| !is_host(address)) {
            let message = format!("`{address}` is not an address of a BMC");
            found.error(
                &format!("machine.{i}.bmc"),
                message,
                "an address or a name, without scheme and port",
            );
        }
        if machine.bmc.is_some() && machine.bmc_set.is_none() && site.bmcs.is_empty() {
            let message = format!("nobody can log in to the BMC of `{}`", machine.name);
            found.error(
                &format!("machine.{i}.bmc"),
                message,
                "declare a `[bmc.NAME]` with its user and password_file",
            );
        } else if machine.bmc.is_some() && machine.bmc_set.is_none() && site.bmc_set_for("").is_none() {
            let name = &machine.name;
            let message = format!("nobody can switch on `{name}` before an inspection tells its vendor");
            found.warning(
                &format!("machine.{i}.bmc"),
                message,
                "name its set with bmc_set, or give one set `default = true`",
            );
        }
    }
}

/// An address, or a name of DNS.
fn is_host(text: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    text.parse::<std::net::IpAddr>().is_ok() || (!text.is_empty() && text.chars().all(name))
}

pub fn power(site: &Site, found: &mut Findings) {
    let power = &site.power;
    if power.poll.as_secs() < 10 {
        let message = "BMCs that are asked more often than every 10 seconds fall over".into();
        found.error("power.poll", message, "1m is the default");
    }
    if power.at_once == 0 {
        let message = "nothing would ever be switched on".into();
        found.error("power.at_once", message, "as many machines as the mains bear in one moment, such as 4");
    }
    for (i, group) in power.group.iter().enumerate() {
        let path = |setting: &str| format!("power.group.{i}.{setting}");
        if power.group.iter().take(i).any(|other| other.name == group.name) {
            let message = format!("two groups are called `{}`", group.name);
            found.error(&path("name"), message, "each is reported by its name");
        }
        if !is_label(&group.name) {
            found.error(&path("name"), format!("`{}` is not a group's name", group.name), LABEL_HINT);
        }
        members(site, group, &path, found);
    }
}

fn members(site: &Site, group: &PowerGroup, path: &impl Fn(&str) -> String, found: &mut Findings) {
    let nobody = group.profiles.is_empty() && group.labels.is_empty() && group.machines.is_empty();
    if nobody && group.checks.is_empty() {
        let message = format!("nothing is in the group `{}`", group.name);
        found.error(
            &path("name"),
            message,
            "give it profiles, labels, machines, or checks of what is outside",
        );
    }
    let profiles: Vec<&str> = site.profiles.keys().map(String::as_str).collect();
    for (j, profile) in group.profiles.iter().enumerate() {
        if !site.profiles.contains_key(profile) {
            let message = format!("there is no profile `{profile}`");
            found.error(&path(&format!("profiles.{j}")), message, &one_of("profile", &profiles));
        }
    }
}
