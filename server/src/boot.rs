//! What a machine that boots over the network gets: `plan` decides, `script` renders iPXE's text,
//! `key` packs the boot key.

pub mod cpio;
pub mod plan;
pub mod script;
