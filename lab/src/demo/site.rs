//! The site file of the demonstration: what an operator of this rack would have written. Pure.

use std::fmt::Write;
use std::path::Path;

use crate::hardware::Hardware;
use crate::rack::SERVER_INTERFACE;

pub const ADDRESS: &str = "10.77.0.1/24";
pub const HTTPS_PORT: u16 = 8443;

pub fn file(state: &Path, images: &Path, authorized_key: &str, machines: &[Hardware]) -> String {
    let (state, images) = (text(&state.to_string_lossy()), text(&images.to_string_lossy()));
    let key = text(authorized_key.trim());
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
router_advertisements = true

[layout.plain]
root = {{ size = "3G", grow = true }}

[profile.node]
image = "debian-12"
layout = "plain"
hostname = "node{{:02}}"
consoles = ["tty0", "ttyS0,115200n8"]
authorized_keys = [{key}]
"#
    );
    for (unit, machine) in machines.iter().enumerate() {
        let (name, mac) = (&machine.name, &machine.nics[0].mac);
        // Writing to a String cannot fail.
        let _ = write!(
            file,
            "\n[[machine]]\nname = \"{name}\"\nmacs = [\"{mac}\"]\nrack = \"demo\"\nunit = {}\nprofile = \"node\"\n",
            unit + 1
        );
    }
    file
}

/// A TOML string.
fn text(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
