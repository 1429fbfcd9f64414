//! What can be typed. One verb is one variant here and one function elsewhere.

pub mod cluster;
pub mod connection;
pub mod image;
pub mod machine;
pub mod power;
pub mod select;
pub mod service;
pub mod site;
pub mod user;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use self::cluster::ClusterVerb;
use self::connection::Connection;
use self::image::{ImageVerb, ProfileVerb};
use self::machine::MachineVerb;
use self::power::BmcVerb;
use self::site::{EventVerb, LeaseVerb, SiteVerb};
use self::user::{AuditArgs, UserVerb};

/// Sees and steers the machines of a metald server.
#[derive(Debug, Parser)]
#[command(name = "metalctl", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 refused or failed, 2 usage, 3 server unreachable, \
    4 nothing of that name or several, 5 the wait ended in `failed`, 6 the wait took too long, \
    7 the cluster is not healthy, 8 there are differences")]
pub struct Args {
    /// Print the API's own JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(flatten)]
    pub connection: Connection,
    #[command(subcommand)]
    pub noun: Noun,
}

#[derive(Debug, Subcommand)]
pub enum Noun {
    /// Machines of the rack
    Machine {
        #[command(subcommand)]
        verb: MachineVerb,
    },
    /// Power of the whole site
    Power {
        #[command(subcommand)]
        verb: power::SiteVerb,
    },
    /// What switches machines: BMCs, in use or found
    Bmc {
        #[command(subcommand)]
        verb: BmcVerb,
    },
    /// Clusters of machines
    Cluster {
        #[command(subcommand)]
        verb: ClusterVerb,
    },
    /// What machines are made into
    Profile {
        #[command(subcommand)]
        verb: ProfileVerb,
    },
    /// What machines boot and install
    Image {
        #[command(subcommand)]
        verb: ImageVerb,
    },
    /// The site file
    Site {
        #[command(subcommand)]
        verb: SiteVerb,
    },
    /// What happened to machines
    Event {
        #[command(subcommand)]
        verb: EventVerb,
    },
    /// Addresses that DHCP gives
    Lease {
        #[command(subcommand)]
        verb: LeaseVerb,
    },
    /// Who may do what here
    User {
        #[command(subcommand)]
        verb: UserVerb,
    },
    /// What was done here: who, what, from where, and what it changed
    Audit(AuditArgs),
    /// Print the completion script of a shell
    Completions { shell: Shell },
    /// Write the manual, a page a verb
    Man {
        /// Where to, such as /usr/local/share/man/man1
        folder: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::select::Selection;
    use super::service::ServiceVerb;
    use super::*;

    #[test]
    fn the_command_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_verb_parses() {
        for line in [
            "machine list",
            "machine show node07 --json",
            "machine watch",
            "machine approve 52:54:00 --yes --wait --timeout 90s",
            "machine reprovision node07 --wait",
            "machine reprovision node07 --powered-off --force",
            "machine reprovision --profile worker --max-unavailable 2 --yes --wait --timeout 1h",
            "machine reprovision --profile worker --since 2026-11-24T08:00:00Z",
            "machine reprovision node0* -l zone=a --state failed --max-unavailable 5 --yes",
            "machine assign node07 node08 --profile worker",
            "machine assign -l zone=a --from worker --yes --profile gpu",
            "machine assign --profile worker node0* --yes --json",
            "machine inspect --state failed --yes",
            "machine rescue -l zone=a --key id.pub --yes",
            "machine leave --state rescue --yes --wait",
            "machine wipe -l zone=a --all-disks --yes",
            "machine retire --profile worker --keep-disks",
            "machine delete node0* --yes --json",
            "machine list --profile worker",
            "cluster list --json",
            "cluster show prod",
            "cluster nodes prod",
            "cluster health prod",
            "cluster kubeconfig prod --access admin --hours 24 -o prod.kubeconfig",
            "cluster reset prod --yes --name prod",
            "cluster adopt prod --print-manifest",
            "cluster adopt prod -f -",
            "cluster snapshot prod",
            "machine list node0* -l zone=a --label gpu --state failed",
            "machine list --ansible",
            "machine import rack.csv --map Asset-tag=ignore --dry-run",
            "machine import -",
            "machine export -l zone=a",
            "machine label node07 node08 --set zone=a --set gpu- --yes",
            "machine retry node07",
            "machine approve node0* --yes --erase-foreign",
            "machine retry --state failed --yes --wait",
            "machine hold node0* --yes",
            "machine release --all",
            "machine hold node07",
            "machine release node07",
            "machine logs node07 --attempt 3",
            "machine why node07",
            "machine assign --all --profile worker",
            "machine inspect node07 --wait",
            "machine rescue node07 --key id.pub --key other.pub --force --wait --timeout 5m",
            "machine leave node07",
            "machine wipe node07 --all-disks --full --erase-foreign --yes --wait",
            "machine wipe node07 --skip-failed --powered-off",
            "machine retire node07 --keep-disks --yes",
            "machine delete node07 --yes --powered-off",
            "machine tombstones --json",
            "machine merge 52:54:00:12:34:56 node07",
            "machine split node07 --mac 52:54:00:12:34:56 --mac 52-54-00-12-34-57",
            "machine rename node07 node08",
            "machine power on node0* --yes",
            "machine power off node07 --yes --force",
            "machine power shutdown --label zone=a",
            "machine power cycle node07",
            "machine power status --all",
            "machine identify on node07",
            "machine sensors node07",
            "machine bmc-log node07 --json",
            "power on --all --yes --timeout 1h",
            "power on --group storage",
            "power groups",
            "bmc list",
            "bmc show node07",
            "bmc adopt node07 --credentials dell",
            "bmc set node07 --driver ipmi --address 10.0.0.7 --user root --password-file -",
            "bmc forget node07",
            "bmc accept-certificate node07",
            "bmc reset node07",
            "profile list",
            "image list --server https://10.77.0.1:8443",
            "profile show worker",
            "profile diff worker gpu",
            "image show debian-12",
            "image verify debian-12 ram",
            "image verify",
            "image import /srv/images/debian-12",
            "image delete debian-11 --yes",
            "site show",
            "site apply site.toml",
            "event list --machine node07 --refused --limit 5 --since 2026-11-24T08:00:00Z",
            "event follow --json",
            "lease list",
            "lease reserve 52:54:00:12:34:56 10.77.0.20",
            "lease unreserve 52:54:00:12:34:56",
            "user add anna --role operator --days 90 -o anna.token",
            "user list --json",
            "user revoke anna",
            "audit --user anna --of node07 --limit 10",
            "completions bash",
            "man /tmp/man",
        ] {
            let words = std::iter::once("metalctl").chain(line.split(' '));
            assert!(Args::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_was_selected_can_be_typed_again() {
        for line in ["node07 'node0*' -l zone=a -l 'tier!=db' --state active --profile worker", "--all"] {
            let words = line.split(' ').map(|word| word.trim_matches('\''));
            let args = ["metalctl", "machine", "hold"].into_iter().chain(words);
            let Ok(Args { noun: Noun::Machine { verb: MachineVerb::Hold { selection, .. } }, .. }) =
                Args::try_parse_from(args)
            else {
                panic!("{line}");
            };
            assert_eq!(selection.to_string(), line);
        }
    }

    #[test]
    fn the_profile_that_machines_get_is_told_from_the_one_they_have() {
        let line = "metalctl machine assign node07 node08 --from worker --profile gpu";
        let args = Args::try_parse_from(line.split(' ')).unwrap();
        let Noun::Machine { verb: MachineVerb::Service(ServiceVerb::Assign { machines, profile, .. }) } =
            args.noun
        else {
            panic!("{args:?}");
        };
        assert_eq!(profile, "gpu");
        let selection = Selection::from(machines);
        assert_eq!(selection.machines, ["node07", "node08"]);
        assert_eq!(selection.filter.of_profile.as_deref(), Some("worker"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "machine retry node07 --timeout 1m",
            "machine hold",
            "machine release node07 --all",
            "machine list --state broken",
            "machine label node07",
            "machine reprovision",
            "machine reprovision --all node07",
            "machine wipe",
            "machine delete --yes",
            "machine assign --profile worker",
            "machine assign node07 worker",
            "machine assign node07 --profile worker --profile gpu",
            "machine inspect --all --state failed",
            "machine reprovision --profile worker --max-unavailable 0",
            "machine reprovision --profile worker --since yesterday",
            "lease reserve 52:54:00 10.77.0.20",
            "event list --limit 0",
            "machine power off",
            "machine identify bright node07",
            "power on",
            "power on --all --group storage",
            "bmc set node07 --user root",
            "bmc set node07 --credentials dell --user root --password-file f",
            "bmc set node07 --password calvin",
            "bmc adopt",
            "machine retire node07 --keep-disks --full",
            "machine assign node07",
            "machine rename node07 Node_08",
            "machine split node07 --mac node08",
            "user add anna",
            "user add anna --role root",
            "cluster reset prod --yes",
            "cluster kubeconfig prod --hours 25",
            "cluster adopt prod",
            "cluster adopt prod --print-manifest -f -",
        ] {
            let words = std::iter::once("metalctl").chain(line.split(' '));
            assert!(Args::try_parse_from(words).is_err(), "{line}");
        }
    }
}
