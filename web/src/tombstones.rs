//! Machines that were deleted: whoever has one of their ports is let in by a person only.

use api::tombstone::Tombstone;
use askama::Template;

use crate::frame::{Frame, Visitor};

#[derive(Template)]
#[template(path = "tombstones.html")]
struct TombstonesPage<'a> {
    frame: Frame<'a>,
    tombstones: &'a [Tombstone],
}

pub fn tombstones_page(tombstones: &[Tombstone], visitor: &Visitor, now: i64) -> askama::Result<String> {
    TombstonesPage { frame: Frame::still(Some(visitor), now).at("/tombstones"), tombstones }.render()
}
