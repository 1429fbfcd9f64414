//! metald
