//! HAProxy's and keepalived's files, whole.

use std::net::Ipv4Addr;

use api::cluster::NodeFile;
use server::cluster::balancer::{Member, files, services};

use crate::golden::golden;
use crate::site::{cluster, site};

fn member(number: u8) -> Member {
    Member { node: format!("node0{number}"), address: Ipv4Addr::new(10, 77, 0, 100 + number) }
}

fn text<'a>(files: &'a [NodeFile], path: &str) -> &'a str {
    &files.iter().find(|file| file.path == path).unwrap().text
}

#[test]
fn one_control_plane_and_three() {
    let site = site("");
    let alone = files(cluster(&site), &member(1), "net0", &[]);
    golden("haproxy-alone.cfg", text(&alone, "/etc/haproxy/haproxy.cfg"));
    golden("keepalived-alone.conf", text(&alone, "/etc/keepalived/keepalived.conf"));
    let three = files(cluster(&site), &member(2), "net1", &[member(3), member(1)]);
    golden("haproxy-three.cfg", text(&three, "/etc/haproxy/haproxy.cfg"));
    golden("keepalived-three.conf", text(&three, "/etc/keepalived/keepalived.conf"));
    let kept = "/etc/systemd/network/10-metal-net1.network.d/virtual-address.conf";
    assert!(text(&three, kept).contains("KeepConfiguration=static"));
}

#[test]
fn members_in_another_order_are_the_same_files() {
    let site = site("");
    let one = files(cluster(&site), &member(2), "net0", &[member(3), member(1)]);
    assert_eq!(one, files(cluster(&site), &member(2), "net0", &[member(1), member(3)]));
}

#[test]
fn a_name_needs_no_keepalived_and_an_external_balancer_nothing() {
    let named = site("").clusters["prod"].clone();
    let mut named = named;
    named.endpoint = "api.example.org:8443".parse().unwrap();
    let only = files(&named, &member(1), "net0", &[]);
    assert_eq!(only.len(), 1);
    assert_eq!(services(&named), ["haproxy.service"]);
    let external = site("load_balancer = \"external\"");
    assert!(files(cluster(&external), &member(1), "net0", &[]).is_empty());
    assert!(services(cluster(&external)).is_empty());
}
