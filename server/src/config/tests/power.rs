//! What is said about BMCs and the order of power.

use api::bmc::DriverKind;
use api::id::MachineId;

use super::good;
use crate::config::power::Member;
use crate::config::{Severity, Site};

const SET: &str =
    "[bmc.dell]\nvendor = \"Dell\"\nuser = \"root\"\npassword_file = \"/etc/metald/dell.key\"\n";

fn site(text: &str) -> Site {
    Site::parse(&format!("{}\n{text}", good())).unwrap()
}

/// The one thing that is wrong: its line counted from the text that was added, its message and its hint.
fn wrong(text: &str) -> (usize, String, String) {
    let before = good().lines().count() + 1;
    let found = site(text).check();
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    assert_eq!(found[0].severity, Severity::Error);
    (
        found[0].line.saturating_sub(before),
        found[0].message.clone(),
        found[0].hint.clone().unwrap_or_default(),
    )
}

#[test]
fn defaults_are_those_of_the_page() {
    let site = site(SET);
    assert_eq!(site.check(), []);
    assert_eq!((site.power.poll.as_secs(), site.power.at_once, site.power.inrush.as_secs()), (60, 4, 2));
    let set = &site.bmcs["dell"];
    assert_eq!(
        (set.driver, set.cipher_suites.as_slice(), set.cold_reset),
        (DriverKind::Redfish, [17, 3].as_slice(), false)
    );
}

#[test]
fn each_mistake_is_named_with_its_line() {
    for (text, line, part) in [
        ("[bmc.x]\nuser = \"root\"\n", 1, "nobody can log in with `x`"),
        ("[bmc.x]\nuser = \"root\"\npassword_file = \"x.key\"\n", 3, "where the server starts"),
        ("[bmc.x]\ndriver = \"wake-on-lan\"\nsecure_on_file = \"x.key\"\n", 3, "where the server starts"),
        ("[bmc.x]\ndriver = \"wake-on-lan\"\nbmc_key_file = \"/k\"\n", 2, "does not speak IPMI"),
        (
            "[bmc.x]\ndriver = \"ipmi\"\nuser = \"r\"\npassword_file = \"/k\"\nsecure_on_credential = \"k\"\n",
            2,
            "wakes nobody",
        ),
        (
            "[bmc.x]\nuser = \"r\"\npassword_file = \"/k\"\npassword_credential = \"k\"\n",
            4,
            "in a file and in a credential",
        ),
        ("[bmc.x]\nuser = \"r\"\npassword_credential = \"../k\"\n", 3, "not the name of a credential"),
        (
            "[bmc.x]\ndriver = \"ipmi\"\nuser = \"r\"\npassword_file = \"/k\"\ncipher_suites = [0]\n",
            5,
            "no cipher suite",
        ),
        ("[bmc.x]\ndriver = \"command\"\n", 1, "belong together"),
        ("[bmc.x]\ndriver = \"command\"\ncommand = [\"pdu\"]\n", 3, "where the server starts"),
        ("[power]\npoll = \"5s\"\n", 2, "fall over"),
        ("[power]\nat_once = 0\n", 2, "ever be switched on"),
        ("[[power.group]]\nname = \"nfs\"\n", 2, "nothing is in the group"),
        ("[[power.group]]\nname = \"workers\"\nprofiles = [\"absent\"]\n", 3, "no profile `absent`"),
        (
            "[[machine]]\nname = \"zz9\"\nserial = \"Z9\"\nbmc = \"https://10.0.0.7\"\nbmc_set = \"x\"\n[bmc.x]\nuser = \"r\"\npassword_file = \"/k\"\n",
            4,
            "not an address of a BMC",
        ),
        ("[[machine]]\nname = \"zz9\"\nserial = \"Z9\"\nbmc = \"10.0.0.7\"\n", 4, "nobody can log in"),
        (
            "[[machine]]\nname = \"zz9\"\nserial = \"Z9\"\nbmc_set = \"x\"\n[bmc.x]\nuser = \"r\"\npassword_file = \"/k\"\n",
            4,
            "where the BMC",
        ),
    ] {
        let (at, message, hint) = wrong(text);
        assert!(message.contains(part), "{message}");
        assert_eq!(at, line, "{message}");
        assert!(!hint.is_empty());
    }
    let twice = format!("{SET}default = true\n{}", SET.replace("dell", "hpe") + "default = true\n");
    assert!(wrong(&twice).1.contains("both are the default"));
}

#[test]
fn a_set_that_fits_by_vendor_alone_is_told_to_come_too_late_for_the_first_start() {
    let machine = "[[machine]]\nname = \"zz9\"\nserial = \"Z9\"\nbmc = \"10.0.0.7\"\n";
    let found = site(&format!("{machine}{SET}")).check();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].severity, found[0].line), (Severity::Warning, good().lines().count() + 5));
    assert!(found[0].message.contains("`zz9` before an inspection"), "{}", found[0].message);
    for text in [format!("{machine}bmc_set = \"dell\"\n{SET}"), format!("{machine}{SET}default = true\n")] {
        assert_eq!(site(&text).check(), [], "{text}");
    }
}

#[test]
fn a_password_itself_is_no_setting() {
    let error = Site::parse("name = \"x\"\n[bmc.x]\nuser = \"root\"\npassword = \"calvin\"\n").unwrap_err();
    assert!(error.message.contains("unknown field `password`"), "{}", error.message);
}

#[test]
fn a_check_is_a_port_or_an_address_of_http() {
    for good in ["tcp:10.77.0.5:2049", "tcp:nfs.example.org:2049", "http://10.77.0.5/healthz", "https://nfs/"]
    {
        let site = site(&format!("[[power.group]]\nname = \"nfs\"\nchecks = [\"{good}\"]\n"));
        assert_eq!((site.check(), site.power.group[0].checks[0].to_string()), (vec![], good.to_string()));
    }
    for bad in ["10.77.0.5", "tcp:10.77.0.5", "tcp::2049", "tcp:nfs:0", "http://", "ping:10.0.0.1"] {
        let text = format!("name = \"x\"\n[[power.group]]\nname = \"nfs\"\nchecks = [\"{bad}\"]\n");
        assert!(Site::parse(&text).unwrap_err().message.contains("is no check"), "{bad}");
    }
}

#[test]
fn the_longest_vendor_wins_and_the_default_is_last() {
    let text = format!(
        "{SET}{}{}",
        SET.replace("dell", "edge").replace("\"Dell\"", "\"Dell EMC\""),
        SET.replace("dell", "any").replace("vendor = \"Dell\"", "default = true")
    );
    let site = site(&text);
    assert_eq!(site.check(), []);
    let set = |manufacturer| site.bmc_set_for(manufacturer).map(|set| set.name.as_str());
    assert_eq!((set("Dell Inc."), set("DELL EMC"), set("QEMU")), (Some("dell"), Some("edge"), Some("any")));
}

#[test]
fn a_machine_is_in_the_first_group_that_names_it() {
    let site = site(
        "[[power.group]]\nname = \"infra\"\nmachines = [\"node01\"]\n\
         [[power.group]]\nname = \"gpu\"\nlabels = [\"gpu\", \"zone=a\"]\n",
    );
    let id = MachineId("m1".into());
    let group = |hostname, labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        site.power_group(Member { id: &id, hostname, profile: None, labels: &labels })
    };
    assert_eq!(group(Some("node01"), &[("gpu", "")]), 0);
    assert_eq!(group(Some("node02"), &[("gpu", "")]), 1);
    assert_eq!(group(None, &[("zone", "a")]), 1);
    assert_eq!(group(None, &[("zone", "b")]), 2);
}
