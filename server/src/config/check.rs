//! Whether the parts of a site fit together: each file below asks about one of them.

mod cluster;
mod layout;
mod machine;
mod network;
mod power;
mod profile;
mod webhook;

use std::time::Duration;

use api::image::{FileRole, Manifest};

use super::{Finding, Places, Profile, Severity, Site};

impl Site {
    /// All that is wrong with the site as far as the file alone can tell, in the order of its lines.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Findings { places: &self.places, list: Vec::new() };
        server(self, &mut found);
        network::networks(self, &mut found);
        network::reservations(self, &mut found);
        for (name, layout) in &self.layouts {
            layout::layout(name, layout, &mut found);
        }
        for profile in self.profiles.values() {
            profile::profile(self, profile, &mut found);
        }
        machine::machines(self, &mut found);
        machine::rules(self, &mut found);
        cluster::clusters(self, &mut found);
        webhook::webhooks(self, &mut found);
        power::bmcs(self, &mut found);
        power::machines(self, &mut found);
        power::power(self, &mut found);
        found.in_order()
    }

    /// Whether every profile finds its image among these operating systems, and room for it.
    pub fn check_images(&self, present: &[&Manifest]) -> Vec<Finding> {
        let mut found = Findings { places: &self.places, list: Vec::new() };
        for profile in self.profiles.values() {
            image(self, profile, present, &mut found);
        }
        found.in_order()
    }

    /// A finding about a setting of this site, by its path: `server.state`, `network.0.address`.
    pub fn finding(&self, severity: Severity, path: &str, message: String, hint: &str) -> Finding {
        self.places.finding(severity, path, message, hint)
    }
}

/// Findings under the path of the setting that each is about.
struct Findings<'a> {
    places: &'a Places,
    list: Vec<Finding>,
}

impl Findings<'_> {
    fn error(&mut self, path: &str, message: String, hint: &str) {
        self.add(Severity::Error, path, message, hint);
    }

    fn warning(&mut self, path: &str, message: String, hint: &str) {
        self.add(Severity::Warning, path, message, hint);
    }

    fn add(&mut self, severity: Severity, path: &str, message: String, hint: &str) {
        self.list.push(self.places.finding(severity, path, message, hint));
    }

    fn in_order(mut self) -> Vec<Finding> {
        self.list.sort_by_key(|f| (f.line, f.column));
        self.list
    }
}

fn image(site: &Site, profile: &Profile, present: &[&Manifest], found: &mut Findings) {
    let Profile { name, image, layout, .. } = profile;
    let path = format!("profile.{name}.image");
    let Some(manifest) = present.iter().find(|manifest| manifest.name == *image) else {
        let names: Vec<&str> = present.iter().map(|manifest| manifest.name.as_str()).collect();
        let message = format!("profile `{name}` wants the image `{image}`, which is not there");
        let hint = format!("{} in {}", one_of("image", &names), site.server.images.display());
        return found.error(&path, message, &hint);
    };
    cluster::image(site, profile, manifest, present, found);
    let unpacked = manifest.file(FileRole::Root).map_or(0, |file| file.unpacked);
    let root = site.layouts.get(layout).map(|layout| layout.root);
    if let Some(root) = root.filter(|root| !root.grow && root.size < unpacked) {
        let (needed, given) = (unpacked >> 20, root.size >> 20);
        let message =
            format!("image `{image}` needs {needed} MiB, the root of layout `{layout}` has {given} MiB");
        found.error(&format!("layout.{layout}.root.size"), message, "make root larger, or let it grow");
    }
}

fn server(site: &Site, found: &mut Findings) {
    if !is_label(&site.name) {
        found.error("name", format!("`{}` is not a site name", site.name), LABEL_HINT);
    }
    let server = &site.server;
    for (path, port) in [("server.http_port", server.http_port), ("server.https_port", server.https_port)] {
        if port == 0 {
            found.error(path, "port 0 is not a port that a machine could ask".into(), "take 8080 or 8443");
        }
    }
    if server.http_port == server.https_port {
        let message = format!("port {} is wanted for HTTP and for HTTPS", server.http_port);
        found.error("server.https_port", message, "give each its own, such as 8080 and 8443");
    }
    if !server.state.is_absolute() {
        let message =
            format!("the state folder `{}` depends on where the server starts", server.state.display());
        found.error("server.state", message, "write it from the root, such as /var/lib/metald");
    }
    if server.heartbeat.as_secs() < 5 {
        let message = "a heartbeat more often than every 5 seconds only makes load".into();
        found.warning("server.heartbeat", message, "30s is the default");
    }
    back_to_ram("server.back_to_ram", server.back_to_ram, found);
    database(&server.database, found);
}

/// Too short, and every way is given up before its firmware has booted anything; too long, and nobody learns of it.
fn back_to_ram(path: &str, patience: Duration, found: &mut Findings) {
    let seconds = patience.as_secs();
    if !(60..=24 * 60 * 60).contains(&seconds) {
        let message = format!("no way back to RAM is judged after {}", api::words::span(seconds));
        found.error(path, message, "from 1m to 1d; 15m is the default");
    }
}

fn database(url: &str, found: &mut Findings) {
    let path = "server.database";
    let authority = match url.split_once("://") {
        Some(("sqlite", _)) => return,
        Some(("postgres" | "postgresql", rest)) => rest.split(['/', '?']).next().unwrap_or_default(),
        _ => {
            let hint = "sqlite:///var/lib/metald/metald.db, or postgres://host/metald";
            return found.error(path, "the database is neither SQLite nor PostgreSQL".into(), hint);
        }
    };
    let user_has_password = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    if user_has_password || url.contains("password=") {
        let hint =
            "give the whole URL in the environment as METALD_DATABASE, or put the password into ~/.pgpass";
        found.error(path, "a password does not belong into the site file".into(), hint);
    }
}

const LABEL_HINT: &str = "use 1 to 63 of a-z, 0-9 and inner dashes";

/// Names that travel in URLs, certificates and identity files.
fn is_label(name: &str) -> bool {
    name.parse::<api::id::Hostname>().is_ok()
}

/// What could have been meant, for a hint.
fn one_of(what: &str, names: &[&str]) -> String {
    match names {
        [] => format!("there is no {what} yet"),
        [one] => format!("there is the {what} `{one}`"),
        _ => format!("there is `{}`", names.join("`, `")),
    }
}
