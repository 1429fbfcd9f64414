//! Style sheet, script and icon, built into the program. Their file names carry a hash of their content,
//! so a browser may keep them for ever.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

#[derive(Clone, Debug)]
pub struct Asset {
    /// As in its address: `app.3f2a9c01d4e8.css`.
    pub file: String,
    pub content_type: &'static str,
    pub body: &'static [u8],
    name: &'static str,
}

/// The asset at `/static/<file>`.
pub fn asset(file: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.file == file)
}

/// Where a page finds the asset `name`.
pub fn link(name: &str) -> String {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    format!("/static/{}", asset.map_or(name, |asset| &asset.file))
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        hashed("app.css", "text/css; charset=utf-8", include_bytes!("../static/app.css")),
        hashed("app.js", "text/javascript; charset=utf-8", include_bytes!("../static/app.js")),
        hashed("icon.svg", "image/svg+xml", include_bytes!("../static/icon.svg")),
    ]
});

fn hashed(name: &'static str, content_type: &'static str, body: &'static [u8]) -> Asset {
    let hash = hex::encode(&Sha256::digest(body)[..6]);
    let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
    Asset { file: format!("{stem}.{hash}.{ending}"), content_type, body, name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_leads_to_an_asset() {
        for name in ["app.css", "app.js", "icon.svg"] {
            let link = link(name);
            assert!(asset(link.strip_prefix("/static/").unwrap()).is_some(), "{link}");
        }
        assert!(asset("app.css").is_none());
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for asset in ASSETS.iter() {
            let text = String::from_utf8_lossy(asset.body).replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("//") || !text.contains("http"), "{} names another host", asset.file);
        }
    }
}
