//! docs/site.md names every setting that the site file can have, in the section of its table.

use std::collections::BTreeSet;

use crate::config::{Severity, Site};

const PAGE: &str = include_str!("../../../../docs/site.md");

/// Section, and a site file with a setting in that table which there is not.
const TABLES: [(&str, &str); 14] = [
    ("## The site", "absent = 1\nname = \"x\""),
    ("## `[server]`", "name = \"x\"\n[server]\nabsent = 1"),
    ("## `[[network]]`", "name = \"x\"\n[[network]]\nabsent = 1"),
    ("## `[[reservation]]`", "name = \"x\"\n[[reservation]]\nabsent = 1"),
    ("## `[layout.NAME]`", "name = \"x\"\n[layout.x]\nabsent = 1"),
    ("## `[profile.NAME]`", "name = \"x\"\n[profile.x]\nabsent = 1"),
    ("## `[[machine]]`", "name = \"x\"\n[[machine]]\nabsent = 1"),
    ("## `[[webhook]]`", "name = \"x\"\n[[webhook]]\nabsent = 1"),
    ("## `[bmc.NAME]`", "name = \"x\"\n[bmc.x]\nabsent = 1"),
    ("## `[power]`", "name = \"x\"\n[power]\nabsent = 1"),
    ("### `[[power.group]]`", "name = \"x\"\n[[power.group]]\nabsent = 1"),
    ("## `[[rule]]`", "name = \"x\"\n[[rule]]\nabsent = 1"),
    ("### `[cluster.NAME]`", "name = \"x\"\n[cluster.x]\nabsent = 1"),
    ("### `[cluster.NAME.kubeadm]`", "name = \"x\"\n[cluster.x.kubeadm]\nabsent = 1"),
];

#[test]
fn the_page_names_every_setting_and_no_other() {
    for (heading, text) in TABLES {
        let message = Site::parse(text).unwrap_err().message;
        let (_, list) =
            message.split_once("expected one of ").or(message.split_once("expected ")).expect(&message);
        let there: BTreeSet<&str> = quoted(list).collect();
        let (_, section) = PAGE.split_once(&format!("{heading}\n")).expect(heading);
        let section = section.split("\n#").next().unwrap_or_default();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let named: BTreeSet<&str> =
            rows.flat_map(|row| quoted(row.split('|').nth(1).unwrap_or_default())).collect();
        assert_eq!(named, there, "docs/site.md, {heading}");
    }
}

#[test]
fn the_pages_examples_are_read() {
    let examples: String =
        PAGE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let rack = "name = \"x\"\n[[network]]\nname = \"boot\"\ninterface = \"eth1\"\naddress = \"10.77.0.1/24\"\n\
                pool = [\"10.77.0.100-10.77.0.199\"]\n[layout.plain]\nroot = { size = \"8G\" }\n";
    let site = Site::parse(&format!("{rack}{examples}")).unwrap();
    assert_eq!(site.clusters["prod"].kubeadm.patches.len(), 1);
    let errors: Vec<_> = site.check().into_iter().filter(|f| f.severity == Severity::Error).collect();
    assert_eq!(errors, []);
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}
