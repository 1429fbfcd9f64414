//! How long a way back to RAM may take: the site's setting, and a profile's own.

use super::{complaint, good};
use crate::config::{Site, settings};

#[test]
fn a_way_takes_as_long_as_the_site_or_the_profile_says() {
    let slow = good().replace("heartbeat = \"20s\"", "back_to_ram = \"25m\"");
    let own = slow.replace("approve = \"person\"", "back_to_ram = \"5m\"");
    let site = Site::parse(&own).unwrap();
    assert_eq!(site.check(), []);
    let minutes = |name: &str| site.back_to_ram(site.profiles.get(name)).as_secs() / 60;
    assert_eq!((minutes("web"), minutes("store"), minutes("none")), (25, 5, 25));
    let shown = |name: &str| settings::of(&site, &site.profiles[name])["back_to_ram"].clone();
    assert_eq!((shown("web").as_str(), shown("store").as_str()), ("25 min", "5 min 0 s"));
}

#[test]
fn too_short_and_too_long_are_refused() {
    complaint(
        "heartbeat = \"20s\"",
        "back_to_ram = \"30s\"",
        "error: no way back to RAM is judged after 30 s\n  --> site.toml:6:15\n  \
         hint: from 1m to 1d; 15m is the default",
    );
    complaint(
        "approve = \"person\"",
        "back_to_ram = \"2d\"",
        "error: no way back to RAM is judged after 2 d 0 h\n  --> site.toml:45:15\n  \
         hint: from 1m to 1d; 15m is the default",
    );
}
