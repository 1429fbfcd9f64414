//! The BMC's address, where the machine can ask its BMC for it.

use api::facts::Bmc;

use crate::command;
use crate::sysfs::Tree;

/// None also where there is a BMC but no way to ask it.
pub fn read(tree: &Tree) -> Option<Bmc> {
    if !tree.exists("dev/ipmi0") {
        return None;
    }
    parse(&command::run("ipmitool", ["lan", "print"]).ok()?)
}

fn parse(output: &str) -> Option<Bmc> {
    let value = |key: &str| {
        let mut pairs = output.lines().filter_map(|l| l.split_once(':'));
        pairs.find(|(k, _)| k.trim() == key).map(|(_, v)| v.trim().to_string())
    };
    let address = value("IP Address").filter(|a| !a.is_empty() && a != "0.0.0.0")?;
    Some(Bmc { address, mac: value("MAC Address").and_then(|m| m.parse().ok()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_zeroes_is_none() {
        let text = "IP Address Source       : DHCP Address\nIP Address              : 10.0.0.9\n\
                    MAC Address             : 00:25:90:01:02:03\n";
        let bmc = parse(text).unwrap();
        assert_eq!(
            (bmc.address.as_str(), bmc.mac.unwrap().to_string().as_str()),
            ("10.0.0.9", "00:25:90:01:02:03")
        );
        assert!(parse(&text.replace("10.0.0.9", "0.0.0.0")).is_none());
        assert!(parse("").is_none());
    }
}
