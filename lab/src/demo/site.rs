//! The site file of the demonstration: what an operator of this rack would have written. Pure.

use std::fmt::Write;
use std::path::Path;

use crate::cluster;
use crate::hardware::Hardware;
use crate::rack::SERVER_INTERFACE;

pub const ADDRESS: &str = "10.77.0.1/24";
pub const HTTPS_PORT: u16 = 8443;

/// The first of the machines is the control plane.
pub fn file(state: &Path, images: &Path, authorized_key: &str, machines: &[Hardware]) -> String {
    let (state, images) = (text(&state.to_string_lossy()), text(&images.to_string_lossy()));
    let (key, image, name) = (text(authorized_key.trim()), cluster::IMAGE, cluster::NAME);
    let arguments = cluster::KERNEL_ARGUMENTS;
    let mut file = format!(
        r#"name = "demo"

[server]
state = {state}
images = {images}
https_port = {HTTPS_PORT}
heartbeat = "10s"

# Without advertisements iPXE waits 13 s for an IPv6 router before it goes on.
[[network]]
name = "rack"
interface = "{SERVER_INTERFACE}"
address = "{ADDRESS}"
pool = ["10.77.0.100-10.77.0.199"]
# Nobody answers there for the world outside. But what is for a service leaves a node by its default route before
# kube-proxy sees it, and CoreDNS does not start without somebody to ask.
router = "10.77.0.1"
dns = ["10.77.0.1"]
router_advertisements = true

[layout.plain]
root = {{ size = "3G", grow = true }}

[profile.node]
image = "{image}"
layout = "plain"
cluster = "{name}"
hostname = "node{{:02}}"
consoles = ["tty0", "ttyS0,115200n8"]
kernel_arguments = {arguments}
authorized_keys = [{key}]
"#
    );
    file.push_str(cluster::TABLE);
    for (unit, machine) in machines.iter().enumerate() {
        let (name, mac) = (&machine.name, &machine.nics[0].mac);
        let role = if unit == 0 { "control-plane" } else { "worker" };
        // Writing to a String cannot fail.
        let _ = write!(
            file,
            "\n[[machine]]\nname = \"{name}\"\nmacs = [\"{mac}\"]\nrack = \"demo\"\nunit = {}\nprofile = \"node\"\nrole = \"{role}\"\n",
            unit + 1
        );
    }
    file
}

/// A TOML string.
fn text(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
