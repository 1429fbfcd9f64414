//! Profiles and images, one a line.

use api::image::{ImageKind, Manifest};
use api::machine::ProfileView;

use super::paint::Paint;
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
        let kind = match image.kind {
            ImageKind::Ram => "ram",
            ImageKind::Loaders => "loaders",
            ImageKind::Os => "os",
        };
        table.plain([
            image.name.clone(),
            image.version.clone(),
            kind.into(),
            image.arch.clone(),
            size(image.files.iter().map(|f| f.size).sum()),
            or_dash(image.kernel.as_deref().unwrap_or("")).into(),
            image.description.clone(),
        ]);
    }
    table.render(paint, None)
}
