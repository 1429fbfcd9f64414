//! The load balancer before a cluster's API servers, as files of each control plane. Pure.
//!
//! HAProxy on every control plane hands connections to an API server that is ready; keepalived keeps the
//! endpoint's address on one of them. Where the endpoint is a name, the site's DNS has to lead it to the
//! control planes, and where the site has a load balancer of its own, nothing is written at all.

use std::net::Ipv4Addr;

use api::cluster::NodeFile;
use sha2::{Digest, Sha256};

use crate::config::{Cluster, LoadBalancer};

/// A control plane as the others know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub node: String,
    pub address: Ipv4Addr,
}

/// The files of one control plane: `me` with its interface, and all the others.
pub fn files(cluster: &Cluster, me: &Member, interface: &str, others: &[Member]) -> Vec<NodeFile> {
    if cluster.load_balancer == LoadBalancer::External {
        return Vec::new();
    }
    let mut files = vec![file("/etc/haproxy/haproxy.cfg", haproxy(cluster, me, others))];
    if let Some(address) = cluster.endpoint.address() {
        files.push(file(
            "/etc/keepalived/keepalived.conf",
            keepalived(cluster, address, me, interface, others),
        ));
        files.push(check());
        files.push(file(
            &format!("/etc/systemd/network/10-metal-{interface}.network.d/virtual-address.conf"),
            KEPT_ADDRESSES.into(),
        ));
    }
    files
}

/// The units behind these files, in the order in which they start.
pub fn services(cluster: &Cluster) -> Vec<String> {
    let units: &[&str] = match (cluster.load_balancer, cluster.endpoint.address()) {
        (LoadBalancer::External, _) => &[],
        (LoadBalancer::Nodes, None) => &["haproxy.service"],
        (LoadBalancer::Nodes, Some(_)) => &["haproxy.service", "keepalived.service"],
    };
    units.iter().map(ToString::to_string).collect()
}

/// Of this machine's loopback.
const HEALTH: u16 = 8404;
const CHECK: &str = "/etc/keepalived/check";

/// bash speaks TCP by itself: nothing has to be installed for it, and it is there before any API server.
fn check() -> NodeFile {
    let text = format!(
        "#!/bin/bash
# Whether HAProxy runs here and knows an API server that is ready.
exec 3<>/dev/tcp/127.0.0.1/{HEALTH} || exit 1
printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3
read -r -t 2 _ code _ <&3 && [ \"$code\" = 200 ]
"
    );
    NodeFile { path: CHECK.into(), mode: 0o755, text }
}

/// networkd removes addresses that it did not set when it starts again.
const KEPT_ADDRESSES: &str = "[Network]\nKeepConfiguration=static\n";

fn file(path: &str, text: String) -> NodeFile {
    NodeFile { path: path.into(), mode: 0o644, text }
}

fn haproxy(cluster: &Cluster, me: &Member, others: &[Member]) -> String {
    let mut members: Vec<&Member> = others.iter().chain([me]).collect();
    members.sort_by(|a, b| a.node.cmp(&b.node));
    let mut text = format!(
        "global
    log /dev/log local0 warning
    user haproxy
    group haproxy
    maxconn 8000

defaults
    mode tcp
    log global
    timeout connect 5s
    timeout check 10s
    # A server that was just added counts as up until its first checks: who is led there in vain is led on.
    option redispatch
    # Watches and terminals are quiet for long; what is dead is found by TCP's keep-alive. One that is merely not
    # ready ends its connections itself: to cut them all would send a storm to the others.
    option clitcpka
    option srvtcpka
    srvtcpka-idle 10s
    srvtcpka-intvl 5s
    srvtcpka-cnt 3
    timeout client 4h
    timeout server 4h

# On every address: the endpoint's own comes and goes.
frontend api
    bind :{port}
    default_backend api-servers

# For keepalived alone: whether this HAProxy knows an API server that is ready.
frontend health
    bind 127.0.0.1:{HEALTH}
    mode http
    monitor-uri /readyz
    monitor fail if {{ nbsrv(api-servers) eq 0 }}

backend api-servers
    balance leastconn
    option httpchk GET /readyz
    http-check expect status 200
    # The check tells nobody anything, so it need not know whom it asks; clients verify the server themselves.
    default-server check check-ssl verify none inter 3s fastinter 1s fall 3 rise 1 slowstart 60s
",
        port = cluster.endpoint.port
    );
    for member in members {
        text += &format!("    server {} {}:{}\n", member.node, member.address, cluster.api_server_port);
    }
    text
}

/// All start as BACKUP with the same priority, so that one that comes back takes nothing away. The check
/// lowers the priority and never leads to FAULT: a single machine holds the address before anything answers.
fn keepalived(
    cluster: &Cluster,
    address: Ipv4Addr,
    me: &Member,
    interface: &str,
    others: &[Member],
) -> String {
    let mut peers: Vec<Ipv4Addr> = others.iter().map(|member| member.address).collect();
    peers.sort();
    if peers.is_empty() {
        // Without a peer keepalived takes to multicast, and would let go of the address when the first one comes.
        peers.push(Ipv4Addr::LOCALHOST);
    }
    let peers: String = peers.iter().map(|peer| format!("        {peer}\n")).collect();
    format!(
        "global_defs {{
    router_id {node}
    # Switches forget, and a moved address must be found at once.
    vrrp_garp_master_refresh 60
    enable_script_security
}}

vrrp_script balancer {{
    script {CHECK}
    interval 2
    timeout 3
    fall 2
    rise 2
    weight -50
    user root
}}

vrrp_instance {cluster} {{
    state BACKUP
    interface {interface}
    virtual_router_id {router}
    priority 100
    advert_int 1
    unicast_src_ip {own}
    unicast_peer {{
{peers}    }}
    virtual_ipaddress {{
        {address}/32 dev {interface}
    }}
    track_script {{
        balancer
    }}
}}
",
        node = me.node,
        cluster = cluster.name,
        router = router(&cluster.name),
        own = me.address,
    )
}

/// VRRP's id of the group, 1 to 255: the same on all its members, and another one for another cluster of the site.
fn router(cluster: &str) -> u8 {
    Sha256::digest(cluster)[0] % 255 + 1
}
