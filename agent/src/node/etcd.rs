//! etcd's members, asked of and told to the member on this machine, or, for a machine that only began to be one, to
//! the others.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use api::cluster::EtcdMember;
use serde_json::Value;

use super::MANIFESTS;
use super::manifest::argument;
use crate::log::Log;

const PKI: &str = "/etc/kubernetes/pki/etcd";

/// etcdctl, with the certificates that kubeadm made for asking how etcd is.
pub struct Etcdctl {
    endpoints: String,
}

impl Default for Etcdctl {
    fn default() -> Etcdctl {
        Etcdctl { endpoints: "https://127.0.0.1:2379".into() }
    }
}

impl Etcdctl {
    /// Its output, and what it complained of where it failed: some answers come with a failure.
    pub fn run(&self, arguments: &[&str]) -> Result<(String, Option<String>)> {
        let output = Command::new("etcdctl")
            .args([&format!("--endpoints={}", self.endpoints), "--dial-timeout=10s", patience(arguments)])
            .arg(format!("--cacert={PKI}/ca.crt"))
            .arg(format!("--cert={PKI}/healthcheck-client.crt"))
            .arg(format!("--key={PKI}/healthcheck-client.key"))
            .args(arguments)
            .env("LC_ALL", "C")
            .output()
            .context("cannot start etcdctl: is it in this image?")?;
        let complaint = (!output.status.success()).then(|| {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("no word why").to_string()
        });
        Ok((String::from_utf8_lossy(&output.stdout).into_owned(), complaint))
    }

    fn must(&self, arguments: &[&str]) -> Result<String> {
        match self.run(arguments)? {
            (output, None) => Ok(output),
            (_, Some(complaint)) => {
                bail!("etcdctl {}: {complaint}", arguments[..2.min(arguments.len())].join(" "))
            }
        }
    }
}

/// A snapshot is as large as what the cluster holds, and comes as slowly as a disk writes it; other answers are short.
fn patience(arguments: &[&str]) -> &'static str {
    match arguments {
        ["snapshot", ..] => "--command-timeout=10m",
        _ => "--command-timeout=30s",
    }
}

/// Also without a quorum: this member's own list, and then nobody is healthy.
pub fn members(etcdctl: &Etcdctl) -> Result<Vec<EtcdMember>> {
    let list = etcdctl.must(&["member", "list", "--consistency=s", "--write-out=json"])?;
    // It fails when one of them is not healthy, and tells about all nonetheless.
    let (health, _) = etcdctl.run(&["endpoint", "health", "--cluster", "--write-out=json"])?;
    parse(&list, &health)
}

/// `name`: of the node, or the hex id of a member that never started and so has none. One that is gone is removed.
pub fn remove(etcdctl: &Etcdctl, name: &str, log: &Log) -> Result<()> {
    let there = members(etcdctl)?;
    let Some(member) = there.iter().find(|m| m.name == name || m.id == name) else {
        log.say(format!("etcd has no member {name}: it is removed already"));
        return Ok(());
    };
    ensure!(there.len() > 1, "{name} is etcd's last member, and is not removed");
    etcdctl.must(&["member", "remove", &member.id])?;
    let left = members(etcdctl)?;
    ensure!(!left.iter().any(|m| m.id == member.id), "etcd still lists {name} after it was removed");
    log.say(format!("etcd's member {name} ({}) is removed, {} are left", member.id, left.len()));
    Ok(())
}

/// Takes this machine out of etcd, as which it was announced by a join that failed: a learner that never comes up lets
/// no other in, and one that comes again without its data is taken for damaged.
pub fn withdraw(log: &Log) -> Result<()> {
    let Some((own, others)) =
        announced(&fs::read_to_string(format!("{MANIFESTS}/etcd.yaml")).unwrap_or_default())
    else {
        return Ok(());
    };
    let etcdctl = Etcdctl { endpoints: others.join(",") };
    let list = etcdctl.must(&["member", "list", "--write-out=json"])?;
    let list: Value = serde_json::from_str(&list).context("etcdctl's list of members is no JSON")?;
    let is_own = |member: &&Value| {
        member["peerURLs"].as_array().is_some_and(|urls| urls.contains(&own.clone().into()))
    };
    let Some(member) = list["members"].as_array().into_iter().flatten().find(is_own) else { return Ok(()) };
    let id = id(member)?;
    etcdctl.must(&["member", "remove", &id])?;
    log.say(format!("etcd's member {id} at {own}, half of a failed join, is removed"));
    Ok(())
}

pub fn save(etcdctl: &Etcdctl, path: &Path) -> Result<()> {
    etcdctl.must(&["snapshot", "save", &path.to_string_lossy()]).map(drop)
}

/// By the manifest that kubeadm wrote for this machine's member: its peer URL, and where the others' clients ask. None for
/// the first member, which has no others.
fn announced(manifest: &str) -> Option<(String, Vec<String>)> {
    let own = argument(manifest, "initial-advertise-peer-urls")?.to_string();
    let cluster = argument(manifest, "initial-cluster")?;
    let urls = cluster.split(',').filter_map(|member| Some(member.split_once('=')?.1));
    let others: Vec<String> =
        urls.filter(|url| *url != own).map(|url| url.replace(":2380", ":2379")).collect();
    (!others.is_empty()).then_some((own, others))
}

fn id(member: &Value) -> Result<String> {
    let id = member["ID"].as_u64().context("a member of etcd has no ID")?;
    Ok(format!("{id:x}"))
}

fn parse(list: &str, health: &str) -> Result<Vec<EtcdMember>> {
    let list: Value = serde_json::from_str(list).context("etcdctl's list of members is no JSON")?;
    let health: Value = serde_json::from_str(health).unwrap_or_default();
    let healthy = |url: &Value| {
        let endpoints = health.as_array().into_iter().flatten();
        endpoints.filter(|e| e["endpoint"] == *url).any(|e| e["health"] == true)
    };
    let members = list["members"].as_array().context("etcdctl lists no members")?;
    members
        .iter()
        .map(|member| {
            Ok(EtcdMember {
                id: id(member)?,
                name: member["name"].as_str().unwrap_or_default().into(),
                learner: member["isLearner"] == true,
                healthy: member["clientURLs"].as_array().into_iter().flatten().any(healthy),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"header":{"cluster_id":17237436991929493444,"member_id":9372538179322589801,"raft_term":2},
        "members":[{"ID":9372538179322589801,"name":"cp1","peerURLs":["https://10.77.0.11:2380"],
        "clientURLs":["https://10.77.0.11:2379"]},{"ID":10501334649042878790,"name":"cp2",
        "peerURLs":["https://10.77.0.12:2380"],"clientURLs":["https://10.77.0.12:2379"]},
        {"ID":18249187646912138824,"peerURLs":["https://10.77.0.13:2380"],"isLearner":true}]}"#;

    #[test]
    fn a_snapshot_may_take_as_long_as_it_is_large() {
        assert_eq!(patience(&["snapshot", "save", "/var/lib/metal/snapshot.db"]), "--command-timeout=10m");
        assert_eq!(patience(&["member", "list"]), "--command-timeout=30s");
    }

    #[test]
    fn members_are_listed_with_their_health() {
        let health = r#"[{"endpoint":"https://10.77.0.11:2379","health":true,"took":"9.9ms"},
            {"endpoint":"https://10.77.0.12:2379","health":false,"took":"5s","error":"context deadline exceeded"}]"#;
        let members = parse(LIST, health).unwrap();
        let seen: Vec<_> =
            members.iter().map(|m| (m.id.as_str(), m.name.as_str(), m.learner, m.healthy)).collect();
        assert_eq!(
            seen,
            [
                ("8211f1d0f64f3269", "cp1", false, true),
                ("91bc3c398fb3c146", "cp2", false, false),
                ("fd422379fda50e48", "", true, false),
            ]
        );
        assert!(parse(LIST, "").unwrap().iter().all(|m| !m.healthy));
        assert!(parse("{}", "[]").is_err());
    }

    #[test]
    fn a_member_knows_the_others_by_its_manifest() {
        let manifest = |cluster: &str| {
            format!(
                "  - command:\n    - etcd\n    - --initial-advertise-peer-urls=https://10.77.0.12:2380\n    \
                 - --initial-cluster={cluster}\n    - --initial-cluster-state=existing\n"
            )
        };
        let two = manifest("cp1=https://10.77.0.11:2380,cp2=https://10.77.0.12:2380");
        let expected = ("https://10.77.0.12:2380".to_string(), vec!["https://10.77.0.11:2379".to_string()]);
        assert_eq!(announced(&two), Some(expected));
        assert_eq!(announced(&manifest("cp2=https://10.77.0.12:2380")), None);
        assert_eq!(announced(""), None);
    }
}
