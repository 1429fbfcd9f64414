//! Profiles and images: one a line, or one with all that belongs to it.

use std::collections::BTreeSet;

use api::image::{FileCheck, ImageKind, Manifest};
use api::machine::{ProfileSettings, ProfileView};
use serde::Serialize;

use super::paint::{Paint, Tone};
use super::table::Table;
use super::words::{or_dash, size};

pub fn profiles(profiles: &[ProfileView], paint: Paint) -> String {
    let mut table = Table::new(&["NAME", "IMAGE", "LAYOUT", "HOSTNAME", "CONSOLES", "MACHINES"]);
    for profile in profiles {
        table.plain([
            profile.name.clone(),
            profile.image.clone(),
            profile.layout.clone(),
            profile.hostname.clone(),
            or_dash(&profile.consoles.join(" ")).into(),
            profile.machines.to_string(),
        ]);
    }
    table.render(paint, None)
}

pub fn images(images: &[Manifest], paint: Paint) -> String {
    let mut table = Table::new(&["NAME", "VERSION", "KIND", "ARCH", "SIZE", "KERNEL", "DESCRIPTION"]);
    for image in images {
        table.plain([
            image.name.clone(),
            image.version.clone(),
            kind(image).into(),
            image.arch.clone(),
            size(image.files.iter().map(|f| f.size).sum()),
            or_dash(image.kernel.as_deref().unwrap_or("")).into(),
            image.description.clone(),
        ]);
    }
    table.render(paint, None)
}

fn kind(image: &Manifest) -> &'static str {
    match image.kind {
        ImageKind::Ram => "ram",
        ImageKind::Loaders => "loaders",
        ImageKind::Os => "os",
    }
}

pub fn image(image: &Manifest, paint: Paint) -> String {
    let mut table = Table::pairs();
    table.pair("version", &*image.version);
    table.pair("kind", format!("{}, {}", kind(image), image.arch));
    table.pair("kernel", image.kernel.clone().unwrap_or_default());
    table.pair("kubernetes", image.kubernetes.clone().unwrap_or_default());
    table.pair("description", &*image.description);
    let mut files = Table::new(&["FILE", "SIZE", "UNPACKED", "SHA-256"]).indented();
    for file in &image.files {
        let unpacked = if file.unpacked > 0 { size(file.unpacked) } else { "–".into() };
        files.plain([file.name.clone(), size(file.size), unpacked, file.sha256.clone()]);
    }
    format!("{}\n{}\n{}", paint.bold(&image.name), table.render(paint, None), files.render(paint, None))
}

/// What a reading of an image's files found.
pub fn checks(image: &str, files: &[FileCheck], paint: Paint) -> String {
    let mut table = Table::default();
    for file in files {
        let (word, tone) = match &file.problem {
            None => ("whole".to_string(), Tone::Good),
            Some(problem) => (format!("broken: {problem}"), Tone::Bad),
        };
        table.row([
            (format!("{image}/{}", file.name), Tone::Plain),
            (size(file.size), Tone::Plain),
            (word, tone),
        ]);
    }
    table.render(paint, None)
}

pub fn settings(profile: &ProfileSettings, paint: Paint) -> String {
    let mut table = Table::pairs();
    for (setting, value) in &profile.settings {
        for (i, line) in value.lines().enumerate() {
            table.pair(if i == 0 { setting } else { "" }, line);
        }
    }
    format!("{}\n{}", paint.bold(&profile.name), table.render(paint, None))
}

/// A setting that two profiles have different; None where one lacks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub setting: String,
    pub one: Option<String>,
    pub other: Option<String>,
}

pub fn differences(one: &ProfileSettings, other: &ProfileSettings) -> Vec<Difference> {
    let names: BTreeSet<&String> = one.settings.keys().chain(other.settings.keys()).collect();
    let pairs = names.into_iter().map(|name| (name, one.settings.get(name), other.settings.get(name)));
    let differ = pairs.filter(|(_, one, other)| one != other);
    differ
        .map(|(name, one, other)| Difference {
            setting: name.clone(),
            one: one.cloned(),
            other: other.cloned(),
        })
        .collect()
}

pub fn diff((one, other): (&str, &str), differences: &[Difference], paint: Paint) -> String {
    let mut table = Table::new(&["SETTING", one, other]);
    let cell = |value: &Option<String>| or_dash(value.as_deref().unwrap_or("")).replace('\n', " | ");
    for difference in differences {
        table.plain([difference.setting.clone(), cell(&difference.one), cell(&difference.other)]);
    }
    table.render(paint, None)
}
