//! The documents of one BMC that were read so far. A question is a plain function over a tree: it asks for what it
//! follows, the tree remembers what was missing, the shell fetches that, and the question is asked again. Pure.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use api::bmc::Fault;
use serde_json::Value;

use super::doc;

/// More members than any machine has of anything; a collection whose pages lead to each other ends here.
const MEMBERS: usize = 2_000;
const PAGES: usize = 50;

#[derive(Default)]
pub struct Tree {
    docs: BTreeMap<String, Result<Value, Fault>>,
    missed: RefCell<BTreeSet<String>>,
}

impl Tree {
    /// None when it is not read yet, or cannot be read.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.read(path)?.as_ref().ok()
    }

    /// As [`Tree::get`], for what there is no answer without.
    pub fn need(&self, path: &str) -> Result<&Value, Fault> {
        match self.read(path) {
            Some(read) => read.as_ref().map_err(Clone::clone),
            None => Err(Fault::Busy(format!("{path} is not read yet"))),
        }
    }

    /// Follows a link of a document.
    pub fn follow(&self, doc: &Value, field: &str) -> Option<&Value> {
        self.get(&doc::link(doc, field)?)
    }

    /// What a collection holds, over all its pages; members that came within it need no reading.
    pub fn members<'a>(&'a self, collection: &'a Value) -> Vec<&'a Value> {
        self.paged(collection, MEMBERS).into_iter().filter_map(|member| self.member(member)).collect()
    }

    /// As [`Tree::members`], of the collection that a document links to.
    pub fn members_of(&self, doc: &Value, field: &str) -> Vec<&Value> {
        self.follow(doc, field).map(|collection| self.members(collection)).unwrap_or_default()
    }

    /// What an array of links leads to.
    pub fn linked<'a>(&'a self, doc: &'a Value, field: &str) -> Vec<&'a Value> {
        doc::list(doc, field).into_iter().take(MEMBERS).filter_map(|member| self.member(member)).collect()
    }

    /// The elements of `Members`, read or not, at most so many.
    pub fn paged<'a>(&'a self, collection: &'a Value, most: usize) -> Vec<&'a Value> {
        let mut members = Vec::new();
        let mut seen = BTreeSet::new();
        let mut page = Some(collection);
        while let Some(doc) = page.take()
            && members.len() < most
            && seen.len() < PAGES
        {
            members.extend(doc::list(doc, "Members"));
            let next = ["Members@odata.nextLink", "@odata.nextLink"];
            page = next
                .iter()
                .find_map(|field| doc::link(doc, field))
                .filter(|next| seen.insert(next.clone()))
                .and_then(|next| self.get(&next));
        }
        members.truncate(most);
        members
    }

    /// A member is a link, or the document itself.
    pub fn member<'a>(&'a self, member: &'a Value) -> Option<&'a Value> {
        let inline = member.as_object().is_some_and(|fields| fields.keys().any(|key| !key.starts_with('@')));
        if inline {
            return Some(member);
        }
        self.get(&doc::id(member).or_else(|| doc::path(member.as_str()?))?)
    }

    /// What was asked for and is not here.
    pub fn take_missed(&self) -> BTreeSet<String> {
        self.missed.take()
    }

    pub fn insert(&mut self, path: String, read: Result<Value, Fault>) {
        self.docs.insert(path, read);
    }

    pub fn size(&self) -> usize {
        self.docs.len()
    }

    /// What could not be read, and why. Links to what is not there are common, and no loss.
    pub fn unread(&self) -> Vec<String> {
        let unread = self.docs.iter().filter_map(|(path, read)| match read {
            Err(Fault::Unsupported(_)) | Ok(_) => None,
            Err(fault) => Some(format!("{path}: {fault}")),
        });
        unread.collect()
    }

    fn read(&self, path: &str) -> Option<&Result<Value, Fault>> {
        let read = self.docs.get(path);
        if read.is_none() {
            self.missed.borrow_mut().insert(path.into());
        }
        read
    }
}
