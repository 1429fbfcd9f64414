//! What machines are made of: images with their digests and users, and profiles with all that they lead to.

use api::image::{FileCheck, ImageKind, Manifest};
use api::machine::{ProfileSettings, ProfileView};
use api::user::Role;
use askama::Template;

use crate::frame::{Frame, Visitor};

/// An image on the shelf, and the profiles that install it.
#[derive(Clone, Debug)]
pub struct ShelfImage {
    pub manifest: Manifest,
    pub users: Vec<ProfileView>,
}

#[derive(Template)]
#[template(path = "images.html")]
struct ImagesPage<'a> {
    frame: Frame<'a>,
    rows: Vec<ImageRow<'a>>,
    broken: &'a [(String, String)],
    may_verify: bool,
}

struct ImageRow<'a> {
    image: &'a ShelfImage,
    kind: &'static str,
    size: u64,
    /// Why it is needed though no profile names it.
    always: &'static str,
}

#[derive(Template)]
#[template(path = "image_checks.html")]
struct ChecksPage<'a> {
    frame: Frame<'a>,
    name: &'a str,
    checks: &'a [FileCheck],
    wrong: usize,
}

#[derive(Template)]
#[template(path = "profiles.html")]
struct ProfilesPage<'a> {
    frame: Frame<'a>,
    profiles: &'a [ProfileView],
}

#[derive(Template)]
#[template(path = "profile.html")]
struct ProfilePage<'a> {
    frame: Frame<'a>,
    profile: &'a ProfileSettings,
}

/// `broken`: folders that are left out, each with the reason.
pub fn images_page(
    images: &[ShelfImage],
    broken: &[(String, String)],
    visitor: &Visitor,
    now: i64,
) -> askama::Result<String> {
    let frame = Frame::still(Some(visitor), now).at("/images");
    let rows = images.iter().map(image_row).collect();
    ImagesPage { frame, rows, broken, may_verify: visitor.role >= Role::Operator }.render()
}

fn image_row(image: &ShelfImage) -> ImageRow<'_> {
    let manifest = &image.manifest;
    let (kind, always) = match manifest.kind {
        ImageKind::Os => ("operating system", ""),
        ImageKind::Ram => ("RAM image", "every machine that boots over the network"),
        ImageKind::Loaders => ("loaders", "every machine that boots over the network"),
    };
    ImageRow { image, kind, size: manifest.files.iter().map(|file| file.size).sum(), always }
}

/// What a reading of all files of an image found.
pub fn image_checks_page(
    name: &str,
    checks: &[FileCheck],
    visitor: &Visitor,
    now: i64,
) -> askama::Result<String> {
    let wrong = checks.iter().filter(|check| check.problem.is_some()).count();
    ChecksPage { frame: Frame::still(Some(visitor), now).at("/images"), name, checks, wrong }.render()
}

pub fn profiles_page(profiles: &[ProfileView], visitor: &Visitor, now: i64) -> askama::Result<String> {
    ProfilesPage { frame: Frame::still(Some(visitor), now).at("/profiles"), profiles }.render()
}

pub fn profile_page(profile: &ProfileSettings, visitor: &Visitor, now: i64) -> askama::Result<String> {
    ProfilePage { frame: Frame::still(Some(visitor), now).at("/profiles"), profile }.render()
}
