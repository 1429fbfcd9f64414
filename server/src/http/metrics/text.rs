//! Numbers in the text format of Prometheus, version 0.0.4. Pure.

use std::fmt::Write;

use api::cluster::{ClusterDetail, ClusterState, Node};
use api::power::{Health, Trouble};
use api::state::State;

use super::running::{Running, of_process, of_wires};
use crate::store::count::Counts;

/// All that is told.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    pub version: &'a str,
    pub counts: Counts,
    pub clusters: Vec<ClusterDetail>,
    pub running: Running,
}

pub(super) type Labels<'a> = Vec<(&'a str, &'a str)>;

pub fn render(seen: &Seen<'_>) -> String {
    let mut text = String::new();
    of_process(&mut text, &seen.running);
    of_machines(&mut text, seen);
    of_wires(&mut text, &seen.running.wires);
    of_clusters(&mut text, &seen.clusters);
    of_nodes(&mut text, &seen.clusters);
    text
}

fn of_machines(text: &mut String, seen: &Seen<'_>) {
    let counts = &seen.counts;
    gauge(text, "metald_info", "The version that runs.", [(vec![("version", seen.version)], 1)]);
    let number = |state: &State| counts.machines.iter().find(|(name, _)| name == state.as_str());
    let machines = State::ALL
        .iter()
        .map(|state| (vec![("state", state.as_str())], number(state).map_or(0, |(_, number)| *number)));
    gauge(text, "metald_machines", "Machines by state.", machines);
    let oldest =
        counts.oldest.iter().map(|(state, since)| (vec![("state", state.as_str())], seconds(*since)));
    let help = "Since when the machine that is in the state the longest is in it.";
    gauge(text, "metald_machines_oldest_timestamp_seconds", help, oldest);
    gauge(text, "metald_machines_held", "Machines on hold.", [(vec![], counts.held)]);
    let help = "Active machines whose agent was not heard of for ten heartbeats.";
    gauge(text, "metald_machines_silent", help, [(vec![], counts.silent)]);
    family(text, ("metald_boots_total", "counter"), "Boots over the network.", [(vec![], counts.boots)]);
    let failed = counts.failed.iter().map(|(kind, number)| (vec![("kind", kind.as_str())], *number));
    let help = "Tasks of agents that failed for good.";
    family(text, ("metald_tasks_failed_total", "counter"), help, failed);
    let count = |list: &[(String, i64)], name: &str| {
        list.iter().find(|(known, _)| known == name).map_or(0, |(_, number)| *number)
    };
    let healths = Health::ALL
        .iter()
        .map(|health| (vec![("health", health.as_str())], count(&counts.bmcs, health.as_str())));
    gauge(text, "metald_bmcs", "BMCs by their health, as `metalctl bmc list` shows it.", healths);
    let troubles = Trouble::ALL
        .iter()
        .filter(|trouble| **trouble != Trouble::None)
        .map(|trouble| (vec![("trouble", trouble.as_str())], count(&counts.troubles, trouble.as_str())));
    let help = "Machines whose power is not what it should be, although it was asked for.";
    gauge(text, "metald_power_troubles", help, troubles);
    let of_pools = |pick: fn(&(String, i64, i64)) -> i64| {
        counts.pools.iter().map(move |pool| (vec![("network", pool.0.as_str())], pick(pool)))
    };
    gauge(text, "metald_pool_addresses", "Addresses in a network's pools.", of_pools(|pool| pool.1));
    gauge(text, "metald_pool_leases", "Addresses of the pools that are leased.", of_pools(|pool| pool.2));
}

fn of_clusters(text: &mut String, clusters: &[ClusterDetail]) {
    let of = |pick: fn(&ClusterDetail) -> i64| {
        clusters.iter().map(move |detail| (vec![("cluster", detail.cluster.name.as_str())], pick(detail)))
    };
    let help = "Whether the cluster was initialised and its API server shows a Ready node.";
    gauge(text, "metald_cluster_up", help, of(|detail| is_up(detail).into()));
    let help = "What is not as it should be, as `metalctl cluster health` lists it.";
    gauge(text, "metald_cluster_problems", help, of(|detail| count(detail.cluster.problems.len())));
    let help = "Failed ones among the newest tasks of a cluster.";
    gauge(text, "metald_cluster_tasks_failed", help, of(|detail| count(failed(detail))));
    let taken = clusters.iter().filter_map(|detail| {
        let newest = detail.snapshots.iter().map(|snapshot| snapshot.at).max()?;
        Some((vec![("cluster", detail.cluster.name.as_str())], seconds(newest)))
    });
    let help = "When the newest etcd snapshot was taken that the server keeps.";
    gauge(text, "metald_etcd_snapshot_timestamp_seconds", help, taken);
}

fn is_up(detail: &ClusterDetail) -> bool {
    detail.cluster.state == ClusterState::Up && detail.cluster.ready > 0
}

fn failed(detail: &ClusterDetail) -> usize {
    detail.tasks.iter().filter(|task| task.state == "failed").count()
}

fn of_nodes(text: &mut String, clusters: &[ClusterDetail]) {
    let nodes = || clusters.iter().flat_map(|detail| &detail.nodes);
    let ready = nodes().map(|node| (of_node(node), node.ready.into()));
    gauge(text, "metald_node_ready", "Whether the API server shows the node Ready.", ready);
    let cordoned = nodes().map(|node| (of_node(node), node.cordoned.into()));
    gauge(text, "metald_node_cordoned", "Whether nothing new is placed on the node.", cordoned);
    let expiries = nodes().flat_map(|node| {
        node.certificates.iter().map(|certificate| {
            let labels = vec![
                ("cluster", node.cluster.as_str()),
                ("machine", node.name.as_str()),
                ("certificate", certificate.name.as_str()),
            ];
            (labels, seconds(certificate.not_after))
        })
    });
    let help = "When a certificate of a node ends.";
    gauge(text, "metald_certificate_expiry_timestamp_seconds", help, expiries);
}

fn of_node(node: &Node) -> Labels<'_> {
    vec![("cluster", &node.cluster), ("machine", node.name.as_str()), ("role", node.role.as_str())]
}

pub(super) fn gauge<'a>(
    text: &mut String,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (Labels<'a>, i64)>,
) {
    family(text, (name, "gauge"), help, samples);
}

/// A family without samples is not told at all.
pub(super) fn family<'a>(
    text: &mut String,
    (name, kind): (&str, &str),
    help: &str,
    samples: impl IntoIterator<Item = (Labels<'a>, i64)>,
) {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

const fn seconds(micros: i64) -> i64 {
    micros.div_euclid(1_000_000)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::running::{HostSeen, WireSeen};
    use super::*;

    fn seen() -> Seen<'static> {
        let prod = include_str!("../../../../web/tests/data/cluster.json");
        Seen {
            version: "0.1.0",
            counts: Counts {
                machines: vec![("active".into(), 3), ("failed".into(), 1)],
                failed: vec![("install".into(), 2)],
                pools: vec![("rack".into(), 100, 7)],
                boots: 12,
                oldest: vec![("active".into(), 1_795_489_200_000_001)],
                held: 1,
                bmcs: vec![("hung".into(), 5)],
                troubles: vec![("not-obeyed".into(), 1)],
                silent: 2,
            },
            clusters: vec![serde_json::from_str(prod).unwrap()],
            running: Running {
                backup: 1_795_489_200,
                wires: vec![WireSeen {
                    network: "rack".into(),
                    rivals: 1,
                    tftp: vec![("complete", 3)],
                    ..WireSeen::default()
                }],
                responses: vec![("5xx", 4)],
                guesses: vec![("token", "wrong", 11)],
                webhooks: vec![("chat".into(), 3)],
                host: HostSeen { state: Some((10, 100)), ..HostSeen::default() },
                ..Running::default()
            },
        }
    }

    #[test]
    fn a_scrape_is_as_prometheus_wants_it() {
        let text = render(&seen());
        for line in [
            "metald_info{version=\"0.1.0\"} 1",
            "metald_machines{state=\"active\"} 3",
            "metald_machines{state=\"installing\"} 0",
            "metald_machines_oldest_timestamp_seconds{state=\"active\"} 1795489200",
            "metald_machines_held 1",
            "metald_machines_silent 2",
            "metald_bmcs{health=\"hung\"} 5",
            "metald_bmcs{health=\"healthy\"} 0",
            "metald_power_troubles{trouble=\"not-obeyed\"} 1",
            "metald_backup_timestamp_seconds 1795489200",
            "metald_state_free_bytes 10",
            "metald_http_responses_total{code=\"5xx\"} 4",
            "metald_guesses_total{door=\"token\",outcome=\"wrong\"} 11",
            "metald_webhook_failures{webhook=\"chat\"} 3",
            "metald_dhcp_rival_servers{network=\"rack\"} 1",
            "metald_tftp_transfers_total{network=\"rack\",outcome=\"complete\"} 3",
            "# TYPE metald_boots_total counter\nmetald_boots_total 12",
            "metald_tasks_failed_total{kind=\"install\"} 2",
            "metald_pool_addresses{network=\"rack\"} 100",
            "metald_pool_leases{network=\"rack\"} 7",
            "metald_cluster_up{cluster=\"prod\"} 1",
            "metald_cluster_problems{cluster=\"prod\"} 2",
            "metald_cluster_tasks_failed{cluster=\"prod\"} 1",
            "metald_etcd_snapshot_timestamp_seconds{cluster=\"prod\"} 1795489200",
            "metald_node_ready{cluster=\"prod\",machine=\"node01\",role=\"control-plane\"} 1",
            "metald_node_ready{cluster=\"prod\",machine=\"node02\",role=\"worker\"} 0",
            "metald_node_cordoned{cluster=\"prod\",machine=\"node06\",role=\"worker\"} 1",
            "metald_certificate_expiry_timestamp_seconds{cluster=\"prod\",machine=\"node01\",certificate=\"etcd-server\"} 1796554800",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn every_family_is_told_once_with_help_and_type() {
        let text = render(&seen());
        let names: Vec<&str> =
            text.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let mut once = names.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), names.len());
        for name in &names {
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        }
        for sample in text.lines().filter(|line| !line.starts_with('#')) {
            let name = sample.split(['{', ' ']).next().unwrap();
            assert!(names.contains(&name), "{sample}");
        }
    }

    #[test]
    fn labels_do_not_break_out_of_their_quotes() {
        let mut seen = seen();
        seen.clusters[0].nodes[0].certificates[0].name = "a\"} 1\nb \\".into();
        assert!(render(&seen).contains(r#"certificate="a\"} 1\nb \\"} "#));
    }

    #[test]
    fn a_site_without_clusters_tells_of_none() {
        let text = render(&Seen { clusters: vec![], ..seen() });
        assert!(!text.contains("metald_cluster") && !text.contains("metald_node"));
    }

    /// Words of a text that begin like one of our metrics.
    fn named(text: &str) -> Vec<&str> {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        words.filter(|word| word.starts_with("metald_") || word.starts_with("process_")).collect()
    }

    #[test]
    fn alerts_read_what_is_told_and_the_docs_explain_it() {
        let rules = include_str!("../../../../docs/alerts/metald.rules.yml");
        let docs = include_str!("../../../../docs/operators.md");
        let text = render(&Seen { running: Running { host: host(), ..seen().running }, ..seen() });
        let told: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let expressions = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
        for name in expressions.flat_map(named) {
            assert!(told.contains(&name), "docs/alerts/metald.rules.yml reads {name}, which nobody tells");
        }
        for name in &told {
            assert!(docs.contains(&format!("`{name}`")), "docs/operators.md does not explain {name}");
        }
        for name in named(docs) {
            assert!(told.contains(&name), "docs/operators.md explains {name}, which nobody tells");
        }
    }

    fn host() -> HostSeen {
        HostSeen { resident_bytes: Some(1), open_fds: Some(1), max_fds: Some(1), state: Some((1, 2)) }
    }
}
