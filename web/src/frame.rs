//! What every page has around it: title bar, who is logged in, where its live changes come from.

use api::user::Role;

use crate::assets;

/// Who looks at a page. `csrf` goes into every form and comes back with it.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub operator: String,
    pub role: Role,
    pub csrf: String,
}

pub struct Frame<'a> {
    /// Microseconds since 1970, so that the browser can tell its clock from the server's.
    pub now: i64,
    pub visitor: Option<&'a Visitor>,
    /// Which of the places in the navigation this is; empty for none.
    pub here: &'static str,
    /// Path of the event stream, empty for a page that stands still.
    pub live: String,
}

impl<'a> Frame<'a> {
    pub fn still(visitor: Option<&'a Visitor>, now: i64) -> Frame<'a> {
        Frame { now, visitor, here: "", live: String::new() }
    }

    pub fn live(visitor: &'a Visitor, now: i64, path: impl Into<String>) -> Frame<'a> {
        Frame { now, visitor: Some(visitor), here: "", live: path.into() }
    }

    pub fn at(self, here: &'static str) -> Frame<'a> {
        Frame { here, ..self }
    }

    /// (address, name) of the places that who looks at the page may go to.
    pub fn places(&self) -> Vec<(&'static str, &'static str)> {
        let all = [
            ("/", "Machines", Role::Viewer),
            ("/events", "Events", Role::Viewer),
            ("/leases", "Addresses", Role::Viewer),
            ("/profiles", "Profiles", Role::Viewer),
            ("/images", "Images", Role::Viewer),
            ("/tombstones", "Deleted", Role::Viewer),
            ("/audit", "Audit", Role::Operator),
        ];
        let role = self.visitor.map(|visitor| visitor.role);
        all.into_iter()
            .filter(|(.., least)| role >= Some(*least))
            .map(|(path, name, _)| (path, name))
            .collect()
    }

    pub fn csrf(&self) -> &str {
        self.visitor.map_or("", |visitor| &visitor.csrf)
    }

    pub fn link(&self, name: &str) -> String {
        assets::link(name)
    }
}
