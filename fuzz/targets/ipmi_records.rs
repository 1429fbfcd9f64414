//! `ipmi_records` of `server/src/fuzz.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server::fuzz::run("ipmi_records", bytes));
