//! The lifecycle as a whole: every event in every state against a table that people can read, the rules
//! that hold whatever happens, and the pages that are drawn from the code.

mod matrix;
mod pages;
mod rules;
mod waits;

use std::path::PathBuf;

/// A file of the repository, by its path from the top.
fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Whether what is expected is to be written anew instead of compared.
fn updates() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}
