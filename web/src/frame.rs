//! What every page has around it: title bar, who is logged in, where its live changes come from.

use crate::assets;

/// Who looks at a page. `csrf` goes into every form and comes back with it.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub operator: String,
    pub csrf: String,
}

pub struct Frame<'a> {
    /// Microseconds since 1970, so that the browser can tell its clock from the server's.
    pub now: i64,
    pub visitor: Option<&'a Visitor>,
    /// Path of the event stream, empty for a page that stands still.
    pub live: String,
}

impl<'a> Frame<'a> {
    pub fn still(visitor: Option<&'a Visitor>, now: i64) -> Frame<'a> {
        Frame { now, visitor, live: String::new() }
    }

    pub fn live(visitor: &'a Visitor, now: i64, path: impl Into<String>) -> Frame<'a> {
        Frame { now, visitor: Some(visitor), live: path.into() }
    }

    pub fn csrf(&self) -> &str {
        self.visitor.map_or("", |visitor| &visitor.csrf)
    }

    pub fn link(&self, name: &str) -> String {
        assets::link(name)
    }
}
