//! The dashboard in a real Chromium, on a real server without a rack: what people see of machines and do to them.
//! `METAL_PICTURES=FOLDER` keeps pictures of the pages.

mod access;
mod actions;
mod list;
mod live;
mod records;
mod steps;
